#!/usr/bin/env bats
# The others' programs against ours, real ones: skopeo, podman, buildah and docker-registry as Debian has them. An image that we built
# is equal, digest by digest, wherever it goes, and theirs come in unchanged.

load common
load podman

setup_file() {
  setup_folder
  start_registry
  start_peer_registry "$T/peer"
  busybox_tar "$T/busybox.tar"
  "$SAMPAN" import "$T/busybox.tar" "$REGISTRY/base/busybox:1"
  mkdir "$T/context"
  echo hello >"$T/context/hello"
  cat >"$T/context/Dockerfile" <<END
FROM $REGISTRY/base/busybox:1
COPY hello /hello
RUN echo "made by RUN" >/made && ln /made /linked && chmod 4755 /bin/busybox
ENV GREETING=hi
CMD ["cat", "/hello", "/made"]
END
  "$SAMPAN" build --network none -t "$REGISTRY/team/app:1" "$T/context"
  "$SAMPAN" push "$REGISTRY/team/app:1"
  setup_podman
}

teardown_file() {
  remove_folder
}

digest_at() { # REGISTRY/REPOSITORY:TAG
  skopeo --insecure-policy inspect --tls-verify=false --format '{{.Digest}}' "docker://$1"
}

@test "skopeo inspects what we built" {
  run skopeo --insecure-policy inspect --tls-verify=false "docker://$REGISTRY/team/app:1"
  [ "$status" -eq 0 ]
  [ "$(jq -r .Architecture <<<"$output")" = "$(dpkg --print-architecture)" ]
  jq -r '.Env[]' <<<"$output" | grep -x GREETING=hi
}

@test "skopeo copies from us to docker-registry and back, digests equal" {
  skopeo --insecure-policy copy --src-tls-verify=false --dest-tls-verify=false "docker://$REGISTRY/team/app:1" "docker://$PEER/team/app:1"
  [ "$(digest_at "$PEER/team/app:1")" = "$(digest_at "$REGISTRY/team/app:1")" ]
  skopeo --insecure-policy copy --src-tls-verify=false --dest-tls-verify=false "docker://$PEER/team/app:1" "docker://$REGISTRY/team/back:1"
  [ "$(digest_at "$REGISTRY/team/back:1")" = "$(digest_at "$REGISTRY/team/app:1")" ]
}

@test "skopeo takes an OCI layout and a docker archive of ours" {
  "$SAMPAN" copy "$REGISTRY/team/app:1" "oci:$T/layout:1"
  skopeo --insecure-policy copy --dest-tls-verify=false "oci:$T/layout:1" "docker://$PEER/team/layout:1"
  [ "$(digest_at "$PEER/team/layout:1")" = "$(digest_at "$REGISTRY/team/app:1")" ]
  "$SAMPAN" save -o "$T/app.tar" "$REGISTRY/team/app:1"
  skopeo --insecure-policy inspect "docker-archive:$T/app.tar" | jq -e '.Layers | length == 3'
}

@test "our client pushes to docker-registry and pulls from it, digests equal" {
  "$SAMPAN" tag "$REGISTRY/team/app:1" "$PEER/ours/app:1"
  "$SAMPAN" push "$PEER/ours/app:1"
  [ "$(digest_at "$PEER/ours/app:1")" = "$(digest_at "$REGISTRY/team/app:1")" ]
  "$SAMPAN" --root "$T/other" pull "$PEER/ours/app:1"
  "$SAMPAN" --root "$T/other" images --format json | jq -e 'length == 1'
  run "$SAMPAN" --root "$T/other" run --rm --network none "$PEER/ours/app:1" cat /made
  [ "$status" -eq 0 ]
  [ "$output" = "made by RUN" ]
}

@test "podman pulls and runs an image that we built" {
  run aside podman run --rm --tls-verify=false --network none "$REGISTRY/team/app:1"
  echo "$output"
  [ "$status" -eq 0 ]
  [[ "$output" == *hello*"made by RUN"* ]]
}

@test "buildah builds on top of it and pushes to us; we pull and run that" {
  printf 'FROM %s\nRUN echo "by buildah" >/buildah\n' "$REGISTRY/team/app:1" >"$T/Dockerfile.buildah"
  aside buildah bud --tls-verify=false --network host --isolation chroot -t "$REGISTRY/team/buildah:1" -f "$T/Dockerfile.buildah" "$T/context"
  aside buildah push --tls-verify=false "$REGISTRY/team/buildah:1"
  "$SAMPAN" --root "$T/other" pull "$REGISTRY/team/buildah:1"
  run "$SAMPAN" --root "$T/other" run --rm --network none "$REGISTRY/team/buildah:1" cat /buildah
  [ "$output" = "by buildah" ]
}

@test "podman search and skopeo list-tags see the repositories" {
  run aside podman search --tls-verify=false "$REGISTRY/team"
  [[ "$output" == *team/app* ]]
  run skopeo --insecure-policy list-tags --tls-verify=false "docker://$REGISTRY/team/app"
  [ "$(jq -c .Tags <<<"$output")" = '["1"]' ]
}

@test "skopeo deletes a tag's manifest at ours" {
  skopeo --insecure-policy delete --tls-verify=false "docker://$REGISTRY/team/back:1"
  run skopeo --insecure-policy inspect --tls-verify=false "docker://$REGISTRY/team/back:1"
  [ "$status" -ne 0 ]
}
