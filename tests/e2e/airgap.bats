#!/usr/bin/env bats
# sampan airgap: one file for K3s, containerd and docker, with the names that images have at home. And the manifests of dist/k3s.

load common

setup_file() {
  setup_folder
  start_registry "$T/registry"
  export SAMPAN_ROOT=$T/registry
  busybox_tar "$T/bb.tar"
  host=$("$SAMPAN" audit --format json -i "$REGISTRY/none:1" | jq -r '.[0].platform')
  "$SAMPAN" import --platform "$host" "$T/bb.tar" "$REGISTRY/rancher/mirrored-pause:3.6" >/dev/null
  "$SAMPAN" import --platform linux/riscv64 "$T/bb.tar" "$REGISTRY/rancher/klipper-lb:v1" >/dev/null
  "$SAMPAN" push "$REGISTRY/rancher/mirrored-pause:3.6" >/dev/null
  "$SAMPAN" push "$REGISTRY/rancher/klipper-lb:v1" >/dev/null
  export SAMPAN_ROOT=$T/store
  printf '# images of a release\ndocker.io/rancher/mirrored-pause:3.6\n' >"$T/k3s-images.txt"
  "$SAMPAN" airgap --from "$REGISTRY" --k3s-list "$T/k3s-images.txt" -o "$T/images.tar.zst" >"$T/said" 2>/dev/null
}

teardown_file() {
  remove_folder
}

@test "the file: names, a window that K3s' decoder takes, the same bytes each time" {
  [ "$(tail -n 1 "$T/said")" = "$T/images.tar.zst: 1 image" ]
  tar --zstd -xOf "$T/images.tar.zst" index.json | jq -e '.manifests[0].annotations."io.containerd.image.name" == "docker.io/rancher/mirrored-pause:3.6"'
  tar --zstd -xOf "$T/images.tar.zst" manifest.json | jq -e '.[0].RepoTags == ["rancher/mirrored-pause:3.6"]'
  zstd -dq --memory=32MB -c "$T/images.tar.zst" >"$T/images.tar"
  "$SAMPAN" airgap --from "$REGISTRY" --level 22 docker.io/rancher/mirrored-pause:3.6 -o "$T/again.tar.zst" 2>/dev/null
  zstd -dq --memory=32MB -c "$T/again.tar.zst" | cmp - "$T/images.tar"
  "$SAMPAN" airgap --from "$REGISTRY" rancher/mirrored-pause:3.6 -o "$T/plain.tar" 2>/dev/null
  cmp "$T/plain.tar" "$T/images.tar"
  "$SAMPAN" airgap --from "$REGISTRY" rancher/mirrored-pause:3.6 -o - 2>/dev/null | cmp - "$T/images.tar.zst"
}

@test "skopeo and sampan read it" {
  zstd -dqf "$T/images.tar.zst" -o "$T/images.tar"
  skopeo --insecure-policy copy -q "docker-archive:$T/images.tar:docker.io/rancher/mirrored-pause:3.6" "oci:$T/layout:1"
  run "$SAMPAN" --root "$T/fresh" load -i "$T/images.tar.zst"
  [ "$output" = "Loaded image: rancher/mirrored-pause:3.6" ]
}

@test "what is missing is named, and left out if that is wished; no half file" {
  run "$SAMPAN" airgap --from "$REGISTRY" --platform linux/riscv64 "$REGISTRY/rancher/mirrored-pause:3.6" "$REGISTRY/rancher/none:1" "$REGISTRY/rancher/klipper-lb:v1" -o "$T/r.tar.zst"
  [ "$status" -eq 1 ]
  [[ "$output" == *"2 of 3 images are not to be had"*"mirrored-pause"*"none:1"*"--skip-missing"* ]]
  [ ! -e "$T/r.tar.zst" ]
  run "$SAMPAN" airgap --skip-missing --platform linux/riscv64 "$REGISTRY/rancher/mirrored-pause:3.6" "$REGISTRY/rancher/klipper-lb:v1" -o "$T/r.tar.zst"
  [ "$status" -eq 0 ]
  [[ "$output" == *"left out: $REGISTRY/rancher/mirrored-pause:3.6"* ]]
  [ "$(tar --zstd -xOf "$T/r.tar.zst" index.json | jq -r '.manifests | length')" = 1 ]
  run "$SAMPAN" airgap -o "$T/x.tar.gz" "$REGISTRY/rancher/klipper-lb:v1"
  [ "$status" -eq 2 ]
  run "$SAMPAN" airgap -o "$T/not/there/x.tar.zst" --platform linux/riscv64 "$REGISTRY/rancher/klipper-lb:v1"
  [ "$status" -eq 1 ]
  run "$SAMPAN" airgap
  [ "$status" -eq 2 ]
}

@test "a full disk is an error, and the old file stays" {
  [ "$(id -u)" = 0 ] || skip "needs root"
  mkdir "$T/small"
  run unshare -m sh -c 'mount -t tmpfs -o size=64k x "$1" && echo old >"$1/i.tar.zst" && { "$2" airgap --from "$3" rancher/mirrored-pause:3.6 -o "$1/i.tar.zst"; code=$?; ls "$1"; cat "$1/i.tar.zst"; exit $code; }' \
    x "$T/small" "$SAMPAN" "$REGISTRY"
  [ "$status" -eq 1 ]
  [[ "$output" == *"No space left"* ]]
  [ "${lines[-2]}" = i.tar.zst ]
  [ "${lines[-1]}" = old ]
}

@test "--import: into K3s' folder" {
  mkdir -p "$T/k3s/agent"
  run "$SAMPAN" airgap --import "$T/images.tar.zst" --k3s-data-dir "$T/k3s"
  [ "$status" -eq 0 ]
  cmp "$T/images.tar.zst" "$T/k3s/agent/images/images.tar.zst"
  [ "$(ls "$T/k3s/agent/images")" = images.tar.zst ]
  run "$SAMPAN" airgap --import "$T/k3s-images.sh" --k3s-data-dir "$T/k3s"
  [ "$status" -eq 1 ]
}

@test "--import: into a real containerd, which then has the names; and it pulls by what join wrote" {
  command -v containerd ctr >/dev/null || skip "no containerd"
  [ "$(id -u)" = 0 ] || skip "needs root"
  mkdir -p "$T/cd"
  printf 'version = 2\nroot = "%s/root"\nstate = "%s/state"\n[grpc]\n  address = "%s/sock"\n[ttrpc]\n  address = "%s/ttrpc"\n' "$T/cd" "$T/cd" "$T/cd" "$T/cd" >"$T/cd/config.toml"
  containerd --config "$T/cd/config.toml" >"$T/cd/log" 2>&1 3>&- &
  echo $! >"$T/containerd.pid"
  export CONTAINERD_ADDRESS=$T/cd/sock
  for ((n = 0; n < 100; n++)); do ctr version >/dev/null 2>&1 && break; sleep 0.1; done
  run "$SAMPAN" airgap --import "$T/images.tar.zst" --k3s-data-dir "$T/no-k3s"
  [ "$status" -eq 0 ]
  ctr -n k8s.io images ls -q | grep -qx docker.io/rancher/mirrored-pause:3.6
  run "$SAMPAN" audit --containerd --mirror "$REGISTRY" --format json
  [ "$status" -eq 0 ]
  [ "$(jq -r '.[0].image' <<<"$output")" = docker.io/rancher/mirrored-pause:3.6 ]
  echo nothing >"$T/bad.tar"
  run "$SAMPAN" airgap --import "$T/bad.tar" --k3s-data-dir "$T/no-k3s"
  [ "$status" -eq 1 ]
  [[ "$output" == *"cannot import"*ctr* ]]
  mkdir -p "$T/node/usr/bin" && touch "$T/node/usr/bin/containerd"
  "$SAMPAN" join --prefix "$T/node" --yes --mirror docker.io --mirror example.org=rancher "$REGISTRY" >/dev/null
  ctr images pull --hosts-dir "$T/node/etc/containerd/certs.d" example.org/mirrored-pause:3.6 >/dev/null
  ctr images pull --hosts-dir "$T/node/etc/containerd/certs.d" docker.io/rancher/mirrored-pause:3.6 >/dev/null
  ctr images pull --hosts-dir "$T/node/etc/containerd/certs.d" "$REGISTRY/rancher/mirrored-pause:3.6" >/dev/null
  containerd --config "$T/node/etc/containerd/config.toml" config dump | grep -q 'config_path = "/etc/containerd/certs.d"'
  end "$(cat "$T/containerd.pid")"
}

@test "the manifests of dist/k3s: fields, selectors, ports, volumes; the options that they give are there" {
  python3 "$TOP/tests/e2e/k3s_manifests.py" "$TOP"/dist/k3s/*.yaml
  help=$("$SAMPAN" serve --help)
  for option in $(grep -h 'command:' "$TOP"/dist/k3s/*.yaml | grep -o -- '--[a-z-]*' | sort -u); do
    [[ "$option" == --tls-* && "$help" != *--tls-cert* ]] || [[ "$help" == *"$option"* ]]
  done
  # the check finds what is wrong
  sed 's/targetPort: registry/targetPort: registri/; s/claimName: registry/claimName: other/; s/readOnly: true/readonly: true/' "$TOP/dist/k3s/registry-tls.yaml" >"$T/wrong.yaml"
  run python3 "$TOP/tests/e2e/k3s_manifests.py" "$T/wrong.yaml"
  [ "$status" -eq 1 ]
  [[ "$output" == *"no such claim"*"unknown field 'readonly'"*"no pod has the port registri"* ]]
}
