#!/usr/bin/env bats
# The distribution specification, section by section: the cases are data in tests/corpus/distribution/, distribution.py plays them.
load common

setup_file() {
  setup_folder
  start_registry
}
teardown_file() { remove_folder; }

play() { # FILE…
  (cd "$TOP/tests/corpus/distribution" && python3 "$TOP/tests/e2e/distribution.py" "$REGISTRY" "$@")
}

@test "determining support" { play 1-base.txt; }
@test "pull" { play 2-pull.txt; }
@test "push: monolithic, streamed, chunked, sha512" { play 3-push.txt; }
@test "mount" { play 4-mount.txt; }
@test "push of manifests" { play 5-manifests.txt; }
@test "content discovery: tags, referrers" { play 6-discovery.txt; }
@test "content management" { play 7-management.txt; }
@test "Docker's own" { play 8-docker.txt; }
@test "what is refused" { play 9-refused.txt; }

@test "what a registry refuses that asks who one is" {
  perl -e 'print "pat:", crypt("sesame", q($2y$04$abcdefghijklmnopqrstuu)), "\n"' >"$T/htpasswd"
  cat >"$T/access.json" <<END
{"access": {"htpasswd": "$T/htpasswd", "rules": [
  {"repositories": ["public/*"], "users": ["anonymous"], "actions": ["pull"]},
  {"repositories": ["case/*"], "users": ["pat"], "actions": ["pull", "push"]}]}}
END
  local open=$REGISTRY
  start_registry "$T/access" --config "$T/access.json"
  play access.txt
  end "$REGISTRY_PID"
  REGISTRY=$open
}

@test "sparse indexes, where the settings allow them; gc and fsck take them as they are" {
  echo '{"sparse": true}' >"$T/sparse.json"
  start_registry "$T/sparse" --config "$T/sparse.json"
  play 10-sparse.txt
  skopeo --insecure-policy copy -q --multi-arch index-only --src-tls-verify=false --dest-tls-verify=false "docker://$REGISTRY/case/r10-1:v1" "docker://$REGISTRY/mirror/index:1"
  "$SAMPAN" --root "$T/sparse" gc --grace 0 | grep 'reclaimed space: 0B'
  "$SAMPAN" --root "$T/sparse" fsck
  end "$REGISTRY_PID"
}

@test "nothing of what was refused is stored, and the store is sound" {
  [ -z "$(find "$SAMPAN_ROOT/uploads" -name '*.tmp')" ]
  "$SAMPAN" fsck
}

@test "a blob whose file is gone is absent for a manifest too" {
  local d file
  d=$(printf vanished | sha256sum | cut -d' ' -f1)
  printf vanished >"$T/blob"
  curl -sf -X POST -H 'Content-Type: application/octet-stream' --data-binary @"$T/blob" "http://$REGISTRY/v2/gone/blobs/uploads/?digest=sha256:$d"
  rm "$SAMPAN_ROOT/blobs/sha256/$d"
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a/b","digest":"sha256:%s","size":8},"layers":[]}' "$d" >"$T/manifest"
  [ "$(curl -s -o "$T/body" -w '%{http_code}' -X PUT -H 'Content-Type:' --data-binary @"$T/manifest" "http://$REGISTRY/v2/gone/manifests/v1")" = 404 ] || { cat "$T/body"; false; }
  grep -q MANIFEST_BLOB_UNKNOWN "$T/body"
  [ ! -e "$SAMPAN_ROOT/blobs/sha256/$(sha256sum <"$T/manifest" | cut -d' ' -f1)" ]
  [ "$(curl -s -o /dev/null -w '%{http_code}' -I "http://$REGISTRY/v2/gone/blobs/sha256:$d")" = 404 ]
}
