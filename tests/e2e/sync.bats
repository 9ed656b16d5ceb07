#!/usr/bin/env bats
# sampan sync: sets of images by rule, from Debian's docker-registry and from one that does everything wrong (faulty.py).
bats_require_minimum_version 1.5.0
load common

setup_file() {
  setup_folder
  local port other version
  port=$(free_port) other=$(free_port)
  python3 "$BATS_TEST_DIRNAME/faulty.py" "$port" "$other" "$T/log" >"$T/faulty.out" 2>&1 3>&- &
  echo $! >"$T/faulty.pid"
  export FAULTY=127.0.0.1:$port OTHER=localhost:$other
  start_peer_registry "$T/peer"
  for version in 1.9 1.10 1.11-rc1 2.0; do
    echo "$version" >"$T/version"
    tar -C "$T" -cf "$T/image.tar" version
    "$SAMPAN" --root "$T/maker" import "$T/image.tar" "$PEER/team/app:$version"
    "$SAMPAN" --root "$T/maker" push "$PEER/team/app:$version"
  done
  wait_for_port "$port"
}
teardown_file() { remove_folder; }
setup() {
  : >"$T/log"
  rm -f "$T/log.mode"
  SAMPAN_ROOT=$(mktemp -d "$T/store.XXXXXX")
  start_registry "$(mktemp -d "$T/target.XXXXXX")"
  export SAMPAN_ROOT
}
teardown() { end "$REGISTRY_PID"; }

tags() { curl -s "http://$1/v2/$2/tags/list" | python3 -c 'import json, sys; print(*sorted(json.load(sys.stdin).get("tags") or []))'; }
digest_of() { curl -sI -H 'Accept: application/vnd.oci.image.manifest.v1+json' -H 'Accept: application/vnd.oci.image.index.v1+json' "http://$1/v2/$2/manifests/$3" |
  sed -n 's/^docker-content-digest: //Ip' | tr -d '\r'; }
is() { [ "$1" = "$2" ] || { echo "got '$1', not '$2'" >&2; return 1; }; }

# An index of two platforms (and their images) at the peer, team/multi:1.
push_index() {
  local arch
  for arch in amd64 riscv64; do
    echo $arch >"$T/version"
    tar -C "$T" -cf "$T/image.tar" version
    "$SAMPAN" --root "$T/maker" import --platform "linux/$arch" "$T/image.tar" "$PEER/team/multi:$arch"
    "$SAMPAN" --root "$T/maker" push "$PEER/team/multi:$arch"
  done
  python3 - "$PEER" <<'END'
import json, sys, urllib.request
base, kind = f"http://{sys.argv[1]}/v2/team/multi/manifests/", "application/vnd.oci.image.manifest.v1+json"
children = []
for arch in ("amd64", "riscv64"):
    answer = urllib.request.urlopen(urllib.request.Request(base + arch, headers={"Accept": kind}))
    children.append({"mediaType": kind, "digest": answer.headers["Docker-Content-Digest"], "size": len(answer.read()), "platform": {"os": "linux", "architecture": arch}})
index = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": children}).encode()
urllib.request.urlopen(urllib.request.Request(base + "1", data=index, method="PUT", headers={"Content-Type": "application/vnd.oci.image.index.v1+json"}))
END
}

@test "a dry run copies nothing; a run copies; a second one finds all equal" {
  run "$SAMPAN" sync -n "$PEER/team/app" "$REGISTRY/mirror/app"
  is "$status" 0
  is "${lines[-1]}" "4 would be copied, 0 up to date, 0 failed"
  is "$(tags "$REGISTRY" mirror/app)" ""
  run "$SAMPAN" sync "$PEER/team/app" "$REGISTRY/mirror/app"
  is "$status" 0
  is "${lines[-1]}" "4 copied, 0 up to date, 0 failed"
  is "$(tags "$REGISTRY" mirror/app)" "1.10 1.11-rc1 1.9 2.0"
  is "$(digest_of "$REGISTRY" mirror/app 2.0)" "$(digest_of "$PEER" team/app 2.0)"
  run "$SAMPAN" sync "$PEER/team/app" "$REGISTRY/mirror/app"
  is "${lines[-1]}" "0 copied, 4 up to date, 0 failed"
}

@test "tags by glob, expression and number; rules in a file" {
  run "$SAMPAN" sync "$PEER/team/app" "$REGISTRY/a" --tags '1.*' --tags '!*-rc*' --newest 1
  is "$status" 0
  is "$(tags "$REGISTRY" a)" "1.10"
  cat >"$T/rules.json" <<END
[{"from": "$PEER/team/app", "to": "$REGISTRY/b", "match": "[0-9]+[.][0-9]+"},
 {"from": "$PEER/team/app:2.0", "to": "$REGISTRY/c:latest"},
 {"from": "$PEER/team/app", "to": "store:here/app", "tags": ["2.*"]}]
END
  run "$SAMPAN" sync "$T/rules.json"
  is "$status" 0
  is "$(tags "$REGISTRY" b)" "1.10 1.9 2.0"
  is "$(tags "$REGISTRY" c)" "latest"
  "$SAMPAN" images | grep -q '^here/app  *2.0'
}

@test "some platforms: another index, remembered" {
  push_index
  run "$SAMPAN" sync "$PEER/team/multi:1" "$REGISTRY/multi" --platform linux/riscv64
  is "$status" 0
  is "$(digest_of "$REGISTRY" multi 1)" "$(digest_of "$PEER" team/multi riscv64)"
  run "$SAMPAN" sync "$PEER/team/multi:1" "$REGISTRY/multi" --platform linux/riscv64
  is "${lines[-1]}" "0 copied, 1 up to date, 0 failed"
  run "$SAMPAN" sync "$PEER/team/multi:1" "$REGISTRY/multi" --platform linux/riscv64 --platform linux/amd64
  is "${lines[-1]}" "1 copied, 0 up to date, 0 failed"
  run "$SAMPAN" sync "$PEER/team/multi:1" "$REGISTRY/multi"
  is "$status" 0
  is "$(digest_of "$REGISTRY" multi 1)" "$(digest_of "$PEER" team/multi 1)"
  run "$SAMPAN" sync "$PEER/team/multi:1" "$REGISTRY/twice" --platform linux/riscv64 --platform linux/riscv64
  is "$status" 0
  is "$(digest_of "$REGISTRY" twice 1)" "$(digest_of "$PEER" team/multi riscv64)"
  run "$SAMPAN" sync "$PEER/team/multi:1" "$REGISTRY/other" --platform linux/s390x
  is "$status" 1
  [[ "$output" == *"no manifest for linux/s390x"* ]]
}

@test "one bad image doesn't stop the rest, and the exit code says so" {
  cat >"$T/rules.json" <<END
[{"from": "$FAULTY/truncated/image:1", "to": "$REGISTRY/a"}, {"from": "$FAULTY/missing/image:1", "to": "$REGISTRY/b"},
 {"from": "127.0.0.1:$(free_port)/x/y", "to": "$REGISTRY/c"}, {"from": "$FAULTY/altered/image:1", "to": "$REGISTRY/e"},
 {"from": "$FAULTY/good/image:1", "to": "$REGISTRY/d"}]
END
  run "$SAMPAN" sync "$T/rules.json"
  is "$status" 1
  is "${lines[-1]}" "1 copied, 0 up to date, 4 failed"
  is "$(tags "$REGISTRY" d)" 1
  is "$(tags "$REGISTRY" a)$(tags "$REGISTRY" b)$(tags "$REGISTRY" e)" ""
  SAMPAN_ROOT=$T/fresh "$SAMPAN" --format json sync "$T/rules.json" >"$T/out.json" 2>/dev/null || true
  is "$(python3 -c 'import json, sys; print(*sorted(i["result"] for i in json.load(open(sys.argv[1]))), sep=",")' "$T/out.json")" "failed,failed,failed,failed,up to date"
}

@test "a killed run goes on; what the destination has is not fetched" {
  "$SAMPAN" sync "$FAULTY/slow/image:1" "$REGISTRY/slow" 3>&- & local pid=$!
  sleep 1.2
  end "$pid" KILL
  : >"$T/log"
  run "$SAMPAN" sync "$FAULTY/slow/image:1" "$REGISTRY/slow"
  is "$status" 0
  grep -q 'registry GET /v2/slow/image/blobs/.* bytes=[1-9]' "$T/log"
  : >"$T/log"
  SAMPAN_ROOT=$T/empty run "$SAMPAN" sync "$FAULTY/slow/image:1" "$REGISTRY/slow:again"
  is "$status" 0
  is "$(grep -c 'GET /v2/slow/image/blobs/' "$T/log" || true)" 0
}

@test "referrers come along, also when the image is there" {
  "$SAMPAN" sync "$PEER/team/app:2.0" "$REGISTRY/source"
  "$SAMPAN" sync "$REGISTRY/source:2.0" "$REGISTRY/target"
  local subject text
  subject=$(digest_of "$REGISTRY" source 2.0)
  printf '{}' | curl -sf -X POST -H 'Content-Type: application/octet-stream' --data-binary @- "http://$REGISTRY/v2/source/blobs/uploads/?digest=sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
  text='{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/x-sbom","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[],"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"'$subject'","size":'$(curl -s "http://$REGISTRY/v2/source/manifests/2.0" | wc -c)'}}'
  printf %s "$text" | curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary @- \
    "http://$REGISTRY/v2/source/manifests/sha256:$(printf %s "$text" | sha256sum | cut -d' ' -f1)"
  run "$SAMPAN" sync "$REGISTRY/source:2.0" "$REGISTRY/target" --referrers
  is "$status" 0
  is "${lines[-1]}" "1 copied, 1 up to date, 0 failed"
  curl -s "http://$REGISTRY/v2/target/referrers/$subject" | grep -q application/x-sbom
}

@test "--watch goes again, follows its file, and ends by SIGTERM" {
  echo "[{\"from\": \"$PEER/team/app:2.0\", \"to\": \"$REGISTRY/watched\"}]" >"$T/rules.json"
  "$SAMPAN" sync "$T/rules.json" --watch 1s >"$T/watch.out" 2>&1 3>&- & local pid=$! n
  for ((n = 0; n < 100; n++)); do [ "$(tags "$REGISTRY" watched)" = 2.0 ] && break; sleep 0.1; done
  echo "[{\"from\": \"$PEER/team/app\", \"to\": \"$REGISTRY/watched\", \"tags\": [\"1.9\"]}]" >"$T/rules.json"
  for ((n = 0; n < 100; n++)); do [ "$(tags "$REGISTRY" watched)" = "1.9 2.0" ] && break; sleep 0.1; done
  kill "$pid"
  wait "$pid"
  is "$(tags "$REGISTRY" watched)" "1.9 2.0"
}

@test "wrong rules and options are said" {
  echo '[{"from": "h.io/a", "to": "h.io/b", "tag": ["1"]}]' >"$T/rules.json"
  run "$SAMPAN" sync "$T/rules.json"
  is "$status" 1
  [[ "$output" == *"rule 1: there is no key 'tag'"*"did you mean 'tags'?"* ]]
  run "$SAMPAN" sync "$T/rules.json" --newest 2
  is "$status" 2
  run "$SAMPAN" sync "$T/none.json"
  is "$status" 1
  run "$SAMPAN" sync "$PEER/team/app" "$REGISTRY/b" --watch soon
  [ "$status" -ne 0 ]
}
