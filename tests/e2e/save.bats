#!/usr/bin/env bats
# sampan save, load and import.

load common

setup_file() {
  setup_folder
  busybox_tar "$T/busybox.tar"
  "$SAMPAN" import -c 'CMD ["sh"]' -c 'ENV A=b c' -c 'WORKDIR /tmp' "$T/busybox.tar" example.com/team/app:1 >"$T/digest"
  "$SAMPAN" copy store:example.com/team/app:1 store:redis:2
}

teardown_file() {
  remove_folder
}

skopeo() {
  command skopeo --insecure-policy "$@"
}

@test "save and load: the same digests, and the same file each time" {
  "$SAMPAN" save -o "$T/a.tar" example.com/team/app:1 redis:2
  "$SAMPAN" save example.com/team/app:1 redis:2 >"$T/b.tar"
  cmp "$T/a.tar" "$T/b.tar"
  run "$SAMPAN" --root "$T/fresh" load -i "$T/a.tar"
  [ "$status" -eq 0 ]
  [ "${lines[0]}" = "Loaded image: example.com/team/app:1" ]
  [ "${lines[1]}" = "Loaded image: redis:2" ]
  "$SAMPAN" --root "$T/fresh" save example.com/team/app:1 redis:2 | cmp - "$T/a.tar"
}

@test "skopeo reads both kinds" {
  "$SAMPAN" save -o "$T/docker.tar" redis:2
  "$SAMPAN" save --type oci -o "$T/oci.tar" redis:2
  skopeo copy -q "docker-archive:$T/docker.tar:redis:2" "oci:$T/l1:1"
  skopeo copy -q "oci-archive:$T/oci.tar" "oci:$T/l2:1"
  ! tar tf "$T/oci.tar" | grep -q manifest.json || false
}

@test "load of what skopeo saved, with linked layers, compressed in every way, from a pipe" {
  "$SAMPAN" copy store:redis:2 "oci:$T/l3:1"
  skopeo copy -q "oci:$T/l3:1" "docker-archive:$T/their.tar:example.com/their/app:3"
  run "$SAMPAN" --root "$T/s0" load -i "$T/their.tar"
  [ "$output" = "Loaded image: example.com/their/app:3" ]
  for tool in gzip zstd xz bzip2; do
    command -v "$tool" >/dev/null || continue
    "$tool" -c "$T/their.tar" | "$SAMPAN" --root "$T/s-$tool" load >"$T/out"
    [ "$(cat "$T/out")" = "Loaded image: example.com/their/app:3" ]
  done
}

@test "an archive that names its layers through symbolic links" {
  mkdir -p "$T/old/abc" "$T/old/def"
  cp "$T/busybox.tar" "$T/old/abc/layer.tar"
  ln -s ../abc/layer.tar "$T/old/def/layer.tar"
  diff=$(sha256sum <"$T/busybox.tar" | cut -d' ' -f1)
  printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s","sha256:%s"]}}' "$diff" "$diff" >"$T/old/config"
  id=$(sha256sum <"$T/old/config" | cut -d' ' -f1)
  mv "$T/old/config" "$T/old/$id.json"
  printf '[{"Config":"%s.json","RepoTags":["old/one:1"],"Layers":["abc/layer.tar","def/layer.tar"]}]' "$id" >"$T/old/manifest.json"
  tar -C "$T/old" -cf "$T/old.tar" .
  run "$SAMPAN" --root "$T/s1" load -i "$T/old.tar"
  [ "$status" -eq 0 ]
  [ "$output" = "Loaded image: old/one:1" ]
  run "$SAMPAN" --root "$T/s1" images
  [[ "$output" == *"${id:0:12}"* ]]
  # without a name
  sed -i 's/"old\/one:1"//' "$T/old/manifest.json"
  tar -C "$T/old" -cf "$T/old.tar" .
  run "$SAMPAN" --root "$T/s2" load -i "$T/old.tar"
  [ "$output" = "Loaded image ID: sha256:$id" ]
  # a layer that is not what the configuration says
  echo more >>"$T/old/abc/layer.tar"
  tar -C "$T/old" -cf "$T/old.tar" .
  run "$SAMPAN" --root "$T/s3" load -i "$T/old.tar"
  [ "$status" -eq 1 ]
  [[ "$output" == *"was altered"* ]]
  # a link out of the archive
  ln -sf /etc/passwd "$T/old/abc/layer.tar"
  tar -C "$T/old" -cf "$T/old.tar" .
  run "$SAMPAN" --root "$T/s3" load -i "$T/old.tar"
  [ "$status" -eq 1 ]
  [[ "$output" == *"not in the archive"* ]]
}

@test "cut off, altered and other files are refused, and no name appears" {
  "$SAMPAN" save -o "$T/whole.tar" redis:2
  head -c 100000 "$T/whole.tar" >"$T/cut.tar"
  run "$SAMPAN" --root "$T/s4" load -i "$T/cut.tar"
  [ "$status" -eq 1 ]
  mkdir -p "$T/x"
  tar -C "$T/x" -xf "$T/whole.tar"
  printf X | dd of="$(ls -S "$T"/x/blobs/sha256/* | head -1)" bs=1 seek=100 conv=notrunc status=none
  tar -C "$T/x" -cf "$T/altered.tar" .
  run "$SAMPAN" --root "$T/s4" load -i "$T/altered.tar"
  [ "$status" -eq 1 ]
  [[ "$output" == *"sha256:"* ]]
  run "$SAMPAN" --root "$T/s4" load -i "$T/busybox.tar"
  [ "$status" -eq 1 ]
  [[ "$output" == *"sampan import"* ]]
  run "$SAMPAN" --root "$T/s4" load -i /etc/passwd
  [ "$status" -eq 1 ]
  run "$SAMPAN" --root "$T/s4" load -i "$T/none.tar"
  [ "$status" -eq 1 ]
  [ -z "$("$SAMPAN" --root "$T/s4" images -q)" ]
}

@test "a save that fails leaves no file" {
  run "$SAMPAN" save -o "$T/none/x.tar" redis:2
  [ "$status" -eq 1 ]
  run "$SAMPAN" save -o "$T/y.tar" no-such-image:1
  [ "$status" -eq 1 ]
  [ ! -e "$T/y.tar" ]
  run bash -c "'$SAMPAN' save redis:2 >/dev/full"
  [ "$status" -eq 1 ]
}

@test "save by id" {
  id=$("$SAMPAN" images -q | head -1)
  "$SAMPAN" save -o "$T/id.tar" "$id"
  run "$SAMPAN" --root "$T/s5" load -i "$T/id.tar"
  [ "$status" -eq 0 ]
}

@test "import: compressed or not the same layers, and what is no tar is refused" {
  one=$("$SAMPAN" copy store:redis:2 "oci:$T/i1:1")
  gzip -c "$T/busybox.tar" | "$SAMPAN" import - example.com/piped:1
  a=$("$SAMPAN" copy store:example.com/piped:1 "oci:$T/i2:1")
  [ "$(ls -S "$T/i1/blobs/sha256" | head -1)" = "$(ls -S "$T/i2/blobs/sha256" | head -1)" ]
  run "$SAMPAN" import /etc/passwd example.com/none:1
  [ "$status" -eq 1 ]
  : >"$T/empty.tar"
  run "$SAMPAN" import "$T/empty.tar" example.com/none:1
  [ "$status" -eq 1 ]
  head -c 300000 "$T/busybox.tar" >"$T/cut-root.tar"
  run "$SAMPAN" import "$T/cut-root.tar" example.com/none:1
  [ "$status" -eq 1 ]
  run "$SAMPAN" import -c "EXPLODE now" "$T/busybox.tar" example.com/none:1
  [ "$status" -eq 2 ]
}
