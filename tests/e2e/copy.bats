#!/usr/bin/env bats
# sampan copy: between registries, folders, files and the store, with skopeo on the other side.

load common

setup_file() {
  setup_folder
  start_peer_registry "$T/peer"
  busybox_tar "$T/busybox.tar"
  "$SAMPAN" import -c 'CMD ["sh"]' "$T/busybox.tar" "$PEER/team/app:1" >"$T/digest"
  "$SAMPAN" push "$PEER/team/app:1"
}

teardown_file() {
  remove_folder
}

setup() {
  DIGEST=$(cat "$T/digest")
  export DIGEST
}

skopeo() {
  command skopeo --insecure-policy "$@"
}

@test "registry to registry" {
  run "$SAMPAN" copy "$PEER/team/app:1" "docker://$PEER/team/copied:2"
  [ "$status" -eq 0 ]
  [[ "$output" == *"Digest: $DIGEST"* ]]
  [ "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$PEER/team/copied:2")" = "$DIGEST" ]
}

@test "an OCI layout of ours is read by skopeo" {
  run "$SAMPAN" copy "$PEER/team/app:1" "oci:$T/ours:a"
  [ "$status" -eq 0 ]
  skopeo copy -q --dest-tls-verify=false "oci:$T/ours:a" "docker://$PEER/from/layout:1"
  [[ "$output" == *"Digest: $(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$PEER/from/layout:1")"* ]]
  "$SAMPAN" copy "$PEER/team/app:1" "oci:$T/ours:b"
  "$SAMPAN" copy "$PEER/team/app:1" "oci:$T/ours:b"
  [ "$(python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["manifests"]))' "$T/ours/index.json")" -eq 2 ]
}

@test "an OCI layout of skopeo's is read by us, unchanged" {
  skopeo copy -q --src-tls-verify=false "docker://$PEER/team/app:1" "oci:$T/theirs:x"
  want=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["manifests"][0]["digest"])' "$T/theirs/index.json")
  run "$SAMPAN" copy "oci:$T/theirs:x" "store:example.com/from/skopeo:1"
  [ "$status" -eq 0 ]
  [[ "$output" == *"Digest: $want"* ]]
  run "$SAMPAN" copy "oci:$T/theirs" "oci:$T/again:1"
  [[ "$output" == *"Digest: $want"* ]]
  run "$SAMPAN" copy "oci:$T/theirs:nope" store:example.com/x:1
  [ "$status" -eq 1 ]
  [[ "$output" == *"holds no image 'nope'"* ]]
}

@test "archives, both ways" {
  "$SAMPAN" copy "$PEER/team/app:1" "oci-archive:$T/o.tar:v"
  skopeo copy -q "oci-archive:$T/o.tar" "oci:$T/from-archive:1"
  skopeo copy -q --src-tls-verify=false "docker://$PEER/team/app:1" "oci-archive:$T/p.tar:w"
  "$SAMPAN" copy "oci-archive:$T/p.tar:w" store:example.com/oci/archive:1
  "$SAMPAN" copy "$PEER/team/app:1" "docker-archive:$T/d.tar:example.com/some/name:3"
  skopeo copy -q "docker-archive:$T/d.tar" "oci:$T/from-docker:1"
  skopeo copy -q --src-tls-verify=false "docker://$PEER/team/app:1" "docker-archive:$T/e.tar:example.com/other/name:4"
  "$SAMPAN" copy "docker-archive:$T/e.tar:example.com/other/name:4" store:example.com/docker/archive:1
  # the image id, the digest of the configuration, is the same all the way
  want=$(skopeo inspect --raw --tls-verify=false "docker://$PEER/team/app:1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["config"]["digest"][7:19])')
  run "$SAMPAN" images
  [ "$(grep -c "$want" <<<"$output")" -ge 2 ]
}

@test "an altered blob in a layout is refused" {
  rm -rf "$T/bad"
  "$SAMPAN" copy "$PEER/team/app:1" "oci:$T/bad:1"
  file=$(ls -S "$T"/bad/blobs/sha256/* | head -1)
  printf X | dd of="$file" bs=1 seek=200 conv=notrunc status=none
  run "$SAMPAN" --root "$T/empty" copy "oci:$T/bad:1" store:example.com/x:1
  [ "$status" -eq 1 ]
  [[ "$output" == *"sha256:$(basename "$file")"* ]]
}

@test "a layout's links do not lead out of it" {
  rm -rf "$T/links"
  "$SAMPAN" copy "$PEER/team/app:1" "oci:$T/links:1"
  rm "$T/links/index.json"
  ln -s /etc/passwd "$T/links/blobs/sha256/$(printf '0%.0s' {1..64})"
  cat >"$T/links/index.json" <<END
{"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 10, "digest": "sha256:$(printf '0%.0s' {1..64})"}]}
END
  run "$SAMPAN" copy "oci:$T/links" store:example.com/x:1
  [ "$status" -eq 1 ]
  [[ "$output" != *root:* ]]
}

@test "places that are none" {
  run "$SAMPAN" copy oci: store:x:1
  [ "$status" -eq 2 ]
  run "$SAMPAN" copy "oci:$T/not-there:1" store:x:1
  [ "$status" -eq 1 ]
  run "$SAMPAN" copy "store:no/such:1" "oci:$T/none:1"
  [ "$status" -eq 1 ]
  [ ! -e "$T/none" ]
}
