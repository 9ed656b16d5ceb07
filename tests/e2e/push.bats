#!/usr/bin/env bats
# sampan push, login and logout: to Debian's docker-registry, with and without a password, to our own, and to one that does everything wrong.

load common

setup_file() {
  setup_folder
  local port other
  port=$(free_port) other=$(free_port)
  python3 "$BATS_TEST_DIRNAME/faulty.py" "$port" "$other" "$T/faulty-log" >"$T/faulty.out" 2>&1 3>&- &
  echo $! >"$T/faulty.pid"
  export FAULTY=127.0.0.1:$port
  busybox_tar "$T/busybox.tar"
  start_peer_registry "$T/peer"
  export OPEN=$PEER
  perl -e 'print "bob:", crypt("sesame", q($2y$05$abcdefghijklmnopqrstuu)), "\n"' >"$T/htpasswd" # bcrypt, the only kind that it takes
  start_peer_registry "$T/locked" "$T/htpasswd"
  export LOCKED=$PEER
  wait_for_port "$port"
  wait_for_port "$other"
}

teardown_file() {
  remove_folder
}

setup() {
  SAMPAN_ROOT=$(mktemp -d "$T/store.XXXXXX")
  export SAMPAN_ROOT
  rm -rf "$DOCKER_CONFIG"
  : >"$T/faulty-log"
}

@test "push prints docker's words, twice" {
  "$SAMPAN" import "$T/busybox.tar" "$OPEN/team/app:1"
  run "$SAMPAN" push "$OPEN/team/app:1"
  [ "$status" -eq 0 ]
  [ "${lines[0]}" = "The push refers to repository [$OPEN/team/app]" ]
  [[ "${lines[1]}" =~ ^[0-9a-f]{12}:\ Pushed$ ]]
  [[ "${lines[2]}" =~ ^1:\ digest:\ sha256:[0-9a-f]{64}\ size:\ [0-9]+$ ]]
  run "$SAMPAN" push "$OPEN/team/app:1"
  [ "$status" -eq 0 ]
  [[ "${lines[1]}" =~ ^[0-9a-f]{12}:\ Layer\ already\ exists$ ]]
}

@test "what is pushed is what skopeo reads, and what comes back" {
  digest=$("$SAMPAN" import "$T/busybox.tar" "$OPEN/team/same:1")
  "$SAMPAN" push "$OPEN/team/same:1"
  [ "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$OPEN/team/same:1")" = "$digest" ]
  SAMPAN_ROOT=$T/back run "$SAMPAN" pull "$OPEN/team/same:1"
  [[ "$output" == *"Digest: $digest"* ]]
}

@test "a blob is mounted from another repository of the registry" {
  "$SAMPAN" import "$T/busybox.tar" "$OPEN/from/here:1"
  "$SAMPAN" push "$OPEN/from/here:1"
  "$SAMPAN" copy "store:$OPEN/from/here:1" "store:$OPEN/to/there:1"
  run "$SAMPAN" push "$OPEN/to/there:1"
  [ "$status" -eq 0 ]
  [[ "$output" == *": Mounted from another repository"* ]]
}

@test "a push into the store that the registry serves moves no byte" {
  start_registry "$T/shared"
  digest=$("$SAMPAN" --root "$T/shared" import "$T/busybox.tar" "$REGISTRY/a/b:1")
  before=$(find "$T/shared/blobs" -type f | wc -l)
  run "$SAMPAN" --root "$T/shared" push "$REGISTRY/a/b:1"
  [ "$status" -eq 0 ]
  [[ "$output" == *"1: digest: $digest size:"* ]]
  [ "$before" -eq "$(find "$T/shared/blobs" -type f | wc -l)" ]
  [ "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/a/b:1")" = "$digest" ]
  [ "$("$SAMPAN" --root "$T/shared" --format json push "$REGISTRY/a/b:1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["sameStore"])')" = True ]
}

@test "a push to our own registry from another store uploads" {
  start_registry "$T/theirs"
  digest=$("$SAMPAN" import "$T/busybox.tar" "$REGISTRY/a/c:1")
  run "$SAMPAN" push "$REGISTRY/a/c:1"
  [ "$status" -eq 0 ]
  [[ "$output" == *": Pushed"* ]]
  [ "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/a/c:1")" = "$digest" ]
}

@test "of an index those platforms are pushed that are here" {
  python3 - "$OPEN" <<'END'
import json, subprocess, sys, urllib.request, os
# Two images and an index of them, put together by hand.
registry, children = sys.argv[1], []
for arch in "amd64", "riscv64", "arm64":
    subprocess.run([os.environ["SAMPAN"], "import", "--platform", "linux/" + arch, os.environ["T"] + "/busybox.tar", f"{registry}/multi/{arch}:1"], check=True)
    subprocess.run([os.environ["SAMPAN"], "copy", f"store:{registry}/multi/{arch}:1", f"{registry}/multi/all:{arch}"], check=True)
    got = urllib.request.urlopen(urllib.request.Request(f"http://{registry}/v2/multi/all/manifests/{arch}",
        headers={"Accept": "application/vnd.oci.image.manifest.v1+json"}))
    data = got.read()
    children.append({"mediaType": got.headers["Content-Type"], "digest": got.headers["Docker-Content-Digest"], "size": len(data),
                     "platform": {"os": "linux", "architecture": arch}})
kind = "application/vnd.oci.image.index.v1+json"
body = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": children}).encode()
urllib.request.urlopen(urllib.request.Request(f"http://{registry}/v2/multi/all/manifests/1", body, {"Content-Type": kind}, method="PUT"))
END
  local index riscv
  index=$(skopeo inspect --raw --tls-verify=false "docker://$OPEN/multi/all:1" | sha256sum | cut -d' ' -f1)
  riscv=$(skopeo inspect --raw --tls-verify=false "docker://$OPEN/multi/all:riscv64" | sha256sum | cut -d' ' -f1)
  # one platform: the manifest itself
  export SAMPAN_ROOT=$T/one
  "$SAMPAN" pull --platform linux/riscv64 "$OPEN/multi/all:1"
  "$SAMPAN" copy "store:$OPEN/multi/all:1" "$OPEN/multi/one:1"
  run "$SAMPAN" push "$OPEN/multi/all:1"
  [ "$status" -eq 0 ]
  [[ "$output" == *"1: digest: sha256:$riscv"* ]]
  skopeo copy -q --insecure-policy --all --src-tls-verify=false --dest-tls-verify=false "docker://$OPEN/multi/all@sha256:$index" "docker://$OPEN/multi/all:1"
  # two of three: a new index
  export SAMPAN_ROOT=$T/two
  "$SAMPAN" pull --platform linux/riscv64 "$OPEN/multi/all:1"
  "$SAMPAN" pull --platform linux/arm64 "$OPEN/multi/all:1"
  run "$SAMPAN" push "$OPEN/multi/all:1"
  [ "$status" -eq 0 ]
  [ "$(skopeo inspect --raw --tls-verify=false "docker://$OPEN/multi/all:1" | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["manifests"]))')" -eq 2 ]
  skopeo copy -q --insecure-policy --all --src-tls-verify=false --dest-tls-verify=false "docker://$OPEN/multi/all@sha256:$index" "docker://$OPEN/multi/all:1"
  # all of them: the index as it was
  export SAMPAN_ROOT=$T/three
  "$SAMPAN" pull --all-platforms "$OPEN/multi/all:1"
  run "$SAMPAN" push "$OPEN/multi/all:1"
  [[ "$output" == *"1: digest: sha256:$index"* ]]
}

@test "login, push, pull and logout where a password is needed" {
  "$SAMPAN" import "$T/busybox.tar" "$LOCKED/team/app:1"
  run "$SAMPAN" push "$LOCKED/team/app:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"sampan login $LOCKED"* ]]
  run "$SAMPAN" login -u bob --password-stdin "$LOCKED" <<<"wrong"
  [ "$status" -eq 1 ]
  [[ "$output" == *"does not accept these credentials"* ]]
  [ ! -e "$DOCKER_CONFIG/config.json" ]
  run "$SAMPAN" login -u bob --password-stdin "$LOCKED" <<<"sesame"
  [ "$status" -eq 0 ]
  [ "$output" = "Login Succeeded" ]
  [ "$(stat -c %a "$DOCKER_CONFIG/config.json")" = 600 ]
  run "$SAMPAN" push "$LOCKED/team/app:1"
  [ "$status" -eq 0 ]
  SAMPAN_ROOT=$T/other run "$SAMPAN" pull "$LOCKED/team/app:1"
  [ "$status" -eq 0 ]
  # skopeo reads what we wrote, and we what it writes
  skopeo inspect --tls-verify=false --authfile "$DOCKER_CONFIG/config.json" "docker://$LOCKED/team/app:1"
  run "$SAMPAN" logout "$LOCKED"
  [ "$status" -eq 0 ]
  run "$SAMPAN" push "$LOCKED/team/app:1"
  [ "$status" -eq 1 ]
  run "$SAMPAN" logout "$LOCKED"
  [ "$status" -eq 1 ]
  skopeo login --tls-verify=false --authfile "$T/auth.json" -u bob -p sesame "$LOCKED"
  run "$SAMPAN" push --authfile "$T/auth.json" "$LOCKED/team/app:1"
  [ "$status" -eq 0 ]
}

@test "a credential helper is asked, and its secrets are not shown" {
  mkdir -p "$T/bin" "$DOCKER_CONFIG"
  cat >"$T/bin/docker-credential-test" <<'END'
#!/bin/sh
read -r host
echo "$1 $host" >>"$T/helper-log"
case $1 in
get) printf '{"ServerURL":"%s","Username":"bob","Secret":"sesame"}' "$host" ;;
store) : ;;
esac
END
  chmod +x "$T/bin/docker-credential-test"
  echo "{\"credHelpers\": {\"$LOCKED\": \"test\"}}" >"$DOCKER_CONFIG/config.json"
  "$SAMPAN" import "$T/busybox.tar" "$LOCKED/team/helped:1"
  PATH=$T/bin:$PATH run "$SAMPAN" --debug push "$LOCKED/team/helped:1"
  [ "$status" -eq 0 ]
  [[ "$output" != *sesame* ]]
  grep -q "^get $LOCKED" "$T/helper-log"
  echo '{"credsStore": "missing"}' >"$DOCKER_CONFIG/config.json"
  run "$SAMPAN" push "$LOCKED/team/helped:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"docker-credential-missing"* ]]
}

@test "an upload's Location on another host gets no credentials" {
  "$SAMPAN" import "$T/busybox.tar" "$FAULTY/away/image:2"
  run "$SAMPAN" push --creds bob:sesame "$FAULTY/away/image:2"
  grep -q '^other PUT /upload' "$T/faulty-log"
  ! grep '^other' "$T/faulty-log" | grep -v ' - - *$' || false
}

@test "an image that is not here" {
  run "$SAMPAN" push "$OPEN/no/such:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"an image does not exist locally with the tag: $OPEN/no/such:1"* ]]
}

@test "a registry that dies in a push: an error, and the next push ends well" {
  start_peer_registry "$T/dying"
  head -c 60000000 /dev/urandom >"$T/big"
  tar -C "$T" -cf "$T/big.tar" big
  "$SAMPAN" import "$T/big.tar" "$PEER/team/big:1"
  (sleep 0.15; kill -KILL "$PEER_PID") &
  run timeout 60 "$SAMPAN" push "$PEER/team/big:1"
  code=$status
  sed -i 's/addr:.*/addr: "'"$PEER"'"}/' "$T/dying.yml"
  docker-registry serve "$T/dying.yml" >"$T/dying.log" 2>&1 3>&- &
  echo $! >"$T/dying-again.pid"
  wait_for_port "${PEER##*:}"
  run "$SAMPAN" push "$PEER/team/big:1"
  echo "first: $code"
  [ "$status" -eq 0 ]
}
