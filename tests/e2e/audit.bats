#!/usr/bin/env bats
# sampan audit: which images lack a platform, in all that names images.

load common

setup_file() {
  setup_folder
  start_registry
  export MIRROR=$REGISTRY MIRROR_ROOT=$SAMPAN_ROOT
  export SAMPAN_ROOT=$T/hub
  start_registry "$SAMPAN_ROOT" # plays the hub
  busybox_tar "$T/bb.tar"
  put() { # REFERENCE PLATFORM
    "$SAMPAN" import --platform "$2" "$T/bb.tar" "$1" >/dev/null
    "$SAMPAN" push "$1" >/dev/null
  }
  put "$REGISTRY/t/both:1" linux/amd64
  put "$REGISTRY/t/amd:7-alpine" linux/amd64
  put "$REGISTRY/t/riscv:1" linux/riscv64
  # an index, and a tag beside one that lacks the platform
  podman_like="$T/layout"
  "$SAMPAN" copy "docker://$REGISTRY/t/riscv:1" "docker://$REGISTRY/t/amd:7-trixie" >/dev/null
  "$SAMPAN" copy "docker://$REGISTRY/t/riscv:1" "docker://$MIRROR/hub/t/amd:7-alpine" >/dev/null
  amd=$(curl -fsS -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/t/both/manifests/1")
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s,%s]}' \
    "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:$(printf %s "$amd" | sha256sum | cut -d' ' -f1)\",\"size\":${#amd},\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}}" \
    "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:$(printf %s "$amd" | sha256sum | cut -d' ' -f1)\",\"size\":${#amd},\"platform\":{\"os\":\"linux\",\"architecture\":\"riscv64\"}}" >"$T/index.json"
  curl -fsS -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary @"$T/index.json" "http://$REGISTRY/v2/t/both/manifests/1"
}

teardown_file() {
  remove_folder
}

audit() { "$SAMPAN" audit --platform linux/riscv64 "$@"; }
# "IMAGE STATUS" of the JSON, the registry's name cut off.
rows() { jq -r '.[] | "\(.image | sub("^[^/]*/"; "")) \(.status)"'; }

@test "a list: present, missing, no such image, and the exit code" {
  printf '# K3s\n%s/t/both:1\n\n%s/t/amd:7-alpine # old\n%s/t/none:1\n' "$REGISTRY" "$REGISTRY" "$REGISTRY" >"$T/images.txt"
  run audit "$T/images.txt"
  [ "$status" -eq 1 ]
  [[ "$output" == *"t/both:1"*"present"*"t/amd:7-alpine"*"missing"*"t/none:1"*"no such image"* ]]
  [ "$(audit --format json "$T/images.txt" | rows | tr '\n' ,)" = "t/both:1 present,t/amd:7-alpine missing,t/none:1 no such image," ]
  run audit -i "$REGISTRY/t/both:1" -i "$REGISTRY/t/riscv:1"
  [ "$status" -eq 0 ]
  run "$SAMPAN" audit --platform linux/amd64,linux/riscv64 --format json -i "$REGISTRY/t/riscv:1"
  [ "$status" -eq 1 ]
  [ "$(jq -r '.[].status' <<<"$output" | tr '\n' ,)" = missing,present, ]
  [ "$(jq -r '.[0].source' <<<"$(audit --format json "$T/images.txt")")" = "$T/images.txt:2" ]
}

@test "another tag, or a mirror with a prefix, has it" {
  run audit --tags --format json -i "$REGISTRY/t/amd:7-alpine"
  [ "$status" -eq 1 ]
  [ "$(jq -r '.[0].detail' <<<"$output")" = "tag 7-trixie has it" ]
  run audit --mirror "$MIRROR=hub" --format json -i "$REGISTRY/t/amd:7-alpine"
  [ "$status" -eq 0 ]
  [ "$(jq -r '.[0].where' <<<"$output")" = "$MIRROR" ]
  run audit --mirror 'no mirror' -i "$REGISTRY/t/amd:7-alpine"
  [ "$status" -eq 2 ]
}

@test "unreachable is not missing" {
  dead=127.0.0.1:$(free_port)
  run audit -i "$dead/a/b:1" -i "$REGISTRY/t/both:1"
  [ "$status" -eq 3 ]
  [[ "$output" == *unreachable* ]]
  run audit --mirror "$dead" -i "$REGISTRY/t/both:1"
  [ "$status" -eq 0 ]
  run audit --mirror "$dead" --format json -i "$REGISTRY/t/amd:7-alpine"
  [ "$(jq -r '.[0].status' <<<"$output")" = unreachable ]
}

@test "Kubernetes: a stream of documents, init containers, CronJobs, lists, image volumes, anchors" {
  cat >"$T/all.yaml" <<END
# Source: chart/templates/a.yaml
apiVersion: batch/v1
kind: CronJob
spec:
  jobTemplate:
    spec:
      template:
        spec:
          initContainers:
            - {name: a, image: "$REGISTRY/t/both:1"}
          containers:
            - &c {name: b, image: $REGISTRY/t/riscv:1}
---
---
apiVersion: v1
kind: List
items:
  - kind: Pod
    spec:
      containers: [*d]
END
  run audit "$T/all.yaml"
  [ "$status" -eq 2 ] # an anchor that isn't there
  sed -i 's/\[\*d\]/[{name: x, image: '"$REGISTRY"'\/t\/amd:7-alpine}]/' "$T/all.yaml"
  cat >>"$T/all.yaml" <<END
      volumes:
        - {name: v, image: {reference: $REGISTRY/t/none:1}}
  - kind: ConfigMap
    data: {image: not an image}
END
  run audit --format json "$T/all.yaml"
  [ "$status" -eq 1 ]
  [ "$(rows <<<"$output" | tr '\n' ,)" = "t/both:1 present,t/riscv:1 present,t/amd:7-alpine missing,t/none:1 no such image," ]
  printf 'kind: Pod\nspec: {containers: [{image: {{ .Values.image }}}]}\n' >"$T/template.yaml"
  run audit "$T/template.yaml"
  [ "$status" -eq 1 ]
  [[ "$output" == *"(no text)"*invalid* ]]
  printf 'kind: Pod\nspec:\n  containers:\n    - image: {{ .image }}:{{ .tag }}\n' >"$T/template.yaml"
  run audit "$T/template.yaml"
  [ "$status" -eq 2 ]
  [[ "$output" == *"helm template"* ]]
}

@test "compose and Dockerfiles: variables, stages, build platforms, COPY --from" {
  mkdir -p "$T/c/app"
  cat >"$T/c/app/Dockerfile" <<END
ARG BASE=$REGISTRY/t/riscv:1
FROM --platform=\$BUILDPLATFORM $REGISTRY/t/both:1 AS tools
FROM $REGISTRY/t/none:1 AS unused
FROM \$BASE
COPY --from=tools /bin/sh /x
COPY --from=$REGISTRY/t/amd:7-alpine /bin/sh /y
END
  cat >"$T/c/compose.yaml" <<END
x-base: &base
  image: $REGISTRY/t/both:\${TAG:-1}
services:
  a:
    <<: *base
  b:
    build: ./app
    image: made/here
  c:
    image: $REGISTRY/t/x:\${NOT_SET}
  d:
    image: $REGISTRY/t/amd:7-alpine
    platform: linux/amd64
END
  host=$("$SAMPAN" audit --format json -i "$REGISTRY/t/both:1" | jq -r '.[0].platform')
  run audit --format json "$T/c/compose.yaml"
  [ "$status" -eq 1 ]
  [ "$(jq -r '.[] | "\(.image | sub("^[^/]*/"; "")) \(.platform) \(.status)"' <<<"$output" | sort | tr '\n' ,)" = \
    "$(printf '%s\n' "t/amd:7-alpine linux/amd64 present" "t/amd:7-alpine linux/riscv64 missing" "t/both:1 linux/riscv64 present" "t/both:1 $host present" \
      "t/riscv:1 linux/riscv64 present" "t/x:\${NOT_SET} linux/riscv64 invalid" | sort -u | tr '\n' ,)" ]
  run audit "$T/c/app/Dockerfile"
  [[ "$output" != *t/none* ]]
}

@test "wrong usage, and files that are none" {
  run audit
  [ "$status" -eq 2 ]
  run audit "$T/not-there"
  [ "$status" -eq 2 ]
  printf 'kind: Pod\n\tspec: {}\n' >"$T/tab.yaml"
  run audit "$T/tab.yaml"
  [ "$status" -eq 2 ]
  [[ "$output" == *"tab.yaml: line 2"* ]]
  run audit --platform x/y/z/w -i a
  [ "$status" -eq 2 ] || [ "$status" -eq 1 ]
  printf 'kind: Pod\nspec: {}\n' | audit -
}

@test "the hub's protocol: tokens; and registries that misbehave are told apart" {
  port=$(free_port) other=$(free_port)
  python3 "$TOP/tests/e2e/faulty.py" "$port" "$other" "$T/faulty-log" >"$T/faulty.out" 2>&1 3>&- &
  echo $! >"$T/faulty.pid"
  wait_for_port "$port"
  hub=127.0.0.1:$port
  run "$SAMPAN" audit --platform linux/amd64 --format json -i "$hub/bearer/image:1" -i "$hub/basic/image:1"
  [ "$status" -eq 3 ]
  [ "$(rows <<<"$output" | tr '\n' ,)" = "bearer/image:1 denied,basic/image:1 denied," ]
  mkdir -p "$DOCKER_CONFIG"
  printf '{"auths": {"%s": {"auth": "%s"}}}' "$hub" "$(printf bob:sesame | base64)" >"$DOCKER_CONFIG/config.json"
  run "$SAMPAN" audit --platform linux/amd64,linux/s390x --format json -i "$hub/bearer/image:1" -i "$hub/platforms/image:1"
  rm "$DOCKER_CONFIG/config.json"
  [ "$status" -eq 1 ]
  [ "$(jq -r '.[] | "\(.platform) \(.status)"' <<<"$output" | tr '\n' ,)" = "linux/amd64 present,linux/s390x missing,linux/amd64 missing,linux/s390x present," ]
  grep -q 'GET /token' "$T/faulty-log"
  run "$SAMPAN" audit --platform linux/amd64 --format json -i "$hub/missing/i:1" -i "$hub/denied/i:1" -i "$hub/escape/i:1" -i "$hub/limit/i:1" -i "$hub/manifest/i:1" -i "$hub/huge/i:1"
  [ "$(rows <<<"$output" | tr '\n' ,)" = "missing/i:1 no such image,denied/i:1 denied,escape/i:1 denied,limit/i:1 unreachable,manifest/i:1 broken,huge/i:1 broken," ]
  run "$SAMPAN" audit --platform linux/amd64 -i "$hub/escape/i:1"
  [[ "$output" != *$'\e'* ]]
}
