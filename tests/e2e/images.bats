#!/usr/bin/env bats
# The list of images and what is done with names: images, tag, history, rmi; what the store takes and gives back: df, gc, fsck; info, version.

load common

setup_file() { setup_folder; }
teardown_file() { remove_folder; }

# A small image: NAME [PLATFORM [CONTENT]]
make_image() {
  local dir
  dir=$(mktemp -d "$T/root.XXXXXX")
  echo "${3:-$1}" >"$dir/file"
  tar --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$dir" -cf "$dir.tar" file
  "$SAMPAN" import --platform "${2:-linux/riscv64}" "$dir.tar" "$1"
  rm -rf "$dir" "$dir.tar"
}

setup() {
  export SAMPAN_ROOT=$T/store-$BATS_TEST_NUMBER
}

@test "an empty store lists nothing but the heads" {
  run "$SAMPAN" images
  [ "$status" -eq 0 ]
  [ "${#lines[@]}" -eq 1 ]
  [[ "$output" =~ ^REPOSITORY\ +TAG\ +IMAGE\ ID\ +PLATFORM\ +CREATED\ +SIZE$ ]]
  [ "$("$SAMPAN" images --format json | jq length)" -eq 0 ]
}

@test "images shows name, tag, id, platform and size; names as docker shortens them" {
  make_image docker.io/library/redis:7
  make_image 127.0.0.1:6000/riscv64/app:1.1 linux/arm/v7
  run "$SAMPAN" images
  [[ "$output" =~ redis\ +7\ +[0-9a-f]{12}\ +linux/riscv64\  ]]
  [[ "$output" =~ 127.0.0.1:6000/riscv64/app\ +1.1\ +[0-9a-f]{12}\ +linux/arm/v7\  ]]
  "$SAMPAN" images --format json | jq -e '.[] | select(.repository == "redis") | .tag == "7" and .size > 0 and (.id | test("^sha256:[0-9a-f]{64}$"))'
}

@test "images takes a name, a name with a tag and a pattern" {
  make_image redis:7 && make_image redis:8 && make_image h.test/a/b:1
  [ "$("$SAMPAN" images -q redis | wc -l)" -eq 2 ]
  [ "$("$SAMPAN" images -q redis:8 | wc -l)" -eq 1 ]
  [ "$("$SAMPAN" images -q 'h.test/*/*' | wc -l)" -eq 1 ]
  [ "$("$SAMPAN" images -q nothing | wc -l)" -eq 0 ]
  [[ "$("$SAMPAN" images -q --no-trunc redis:7)" =~ ^sha256:[0-9a-f]{64}$ ]]
  [[ "$("$SAMPAN" images --digests redis:7)" =~ DIGEST.*sha256:[0-9a-f]{64} ]]
}

@test "tag gives one more name to the same bytes" {
  make_image redis:7
  before=$("$SAMPAN" df --format json | jq .blobs.count)
  "$SAMPAN" tag redis:7 127.0.0.1:6000/riscv64/redis:1.1
  "$SAMPAN" tag "$("$SAMPAN" images -q redis)" by-id
  [ "$("$SAMPAN" images -q | sort -u | wc -l)" -eq 1 ]
  [ "$("$SAMPAN" images -q | wc -l)" -eq 3 ]
  [ "$("$SAMPAN" df --format json | jq .blobs.count)" -eq "$before" ]
}

@test "tag refuses what is not there and what is no name" {
  make_image redis:7
  run "$SAMPAN" tag nothing:1 a:1
  [ "$status" -eq 1 ]
  [[ "$output" == *"there is no image nothing:1"* ]]
  run "$SAMPAN" tag redis:7 Upper
  [ "$status" -eq 1 ]
  [[ "$output" == *"must be lower case"* ]]
  run "$SAMPAN" tag redis:7 a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
  [ "$status" -eq 2 ]
  run "$SAMPAN" tag redis:7
  [ "$status" -eq 2 ]
  [ "$("$SAMPAN" images -q | wc -l)" -eq 1 ]
}

@test "rmi takes a name; the image goes with its last one" {
  make_image redis:7
  "$SAMPAN" tag redis:7 redis:again
  id=$("$SAMPAN" images -q --no-trunc redis:7)
  run "$SAMPAN" rmi redis:7
  [ "$status" -eq 0 ]
  [ "$output" = "Untagged: redis:7" ]
  run "$SAMPAN" rmi redis:again
  [ "$status" -eq 0 ]
  [ "$output" = "Untagged: redis:again"$'\n'"Deleted: $id" ]
  [ "$("$SAMPAN" images -aq | wc -l)" -eq 0 ]
}

@test "rmi by id wants -f where there are several names" {
  make_image redis:7
  "$SAMPAN" tag redis:7 other/name:x
  id=$("$SAMPAN" images -q redis)
  run "$SAMPAN" rmi "$id"
  [ "$status" -eq 1 ]
  [[ "$output" == *"has 2 names"* ]]
  [ "$("$SAMPAN" images -q | wc -l)" -eq 2 ]
  run "$SAMPAN" rmi -f "$id" --format json
  [ "$status" -eq 0 ]
  jq -e 'map(select(.Untagged)) | length == 2' <<<"$output"
  [ "$("$SAMPAN" images -aq | wc -l)" -eq 0 ]
}

@test "rmi of several goes on behind one that is not there" {
  make_image a:1 && make_image b:1
  run "$SAMPAN" rmi a:1 nothing:1 b:1
  [ "$status" -eq 1 ]
  [[ "$output" == *"Untagged: a:1"* && "$output" == *"no image nothing:1"* && "$output" == *"Untagged: b:1"* ]]
  run "$SAMPAN" rmi -f nothing:1
  [ "$status" -eq 0 ]
}

@test "rmi of one name of an index keeps what the index needs, and the index takes its images along" {
  make_image h.test/a:riscv linux/riscv64 one && make_image h.test/a:arm linux/arm64 two
  "$SAMPAN" copy --platform linux/riscv64 store:h.test/a:riscv "oci:$T/layout:riscv"
  "$SAMPAN" copy --platform linux/arm64 store:h.test/a:arm "oci:$T/layout:arm"
  python3 - "$T/layout" <<'END'
import hashlib, json, sys
top = sys.argv[1]
index = json.load(open(top + "/index.json"))
for item in index["manifests"]:
    arch = {"riscv": "riscv64", "arm": "arm64"}[item["annotations"]["org.opencontainers.image.ref.name"]]
    item["platform"] = {"os": "linux", "architecture": arch}
    del item["annotations"]
text = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": index["manifests"]}).encode()
name = hashlib.sha256(text).hexdigest()
open(top + "/blobs/sha256/" + name, "wb").write(text)
index["manifests"] = [{"mediaType": "application/vnd.oci.image.index.v1+json", "digest": "sha256:" + name, "size": len(text),
                       "annotations": {"org.opencontainers.image.ref.name": "multi"}}]
json.dump(index, open(top + "/index.json", "w"))
END
  "$SAMPAN" copy --all-platforms "oci:$T/layout:multi" store:h.test/b:multi
  digest=$("$SAMPAN" inspect --platform linux/riscv64 h.test/b:multi | jq -r '.[0].Digest')
  "$SAMPAN" tag "h.test/b@$digest" h.test/b:one
  run "$SAMPAN" rmi h.test/b:one
  [ "$output" = "Untagged: h.test/b:one" ]
  "$SAMPAN" history --platform linux/riscv64 h.test/b:multi
  "$SAMPAN" rmi h.test/a:riscv h.test/a:arm
  run "$SAMPAN" rmi h.test/b:multi
  [[ "${lines[0]}" == "Untagged: h.test/b:multi" && "${lines[1]}" == "Deleted: sha256:"* ]]
  [ "$("$SAMPAN" images -aq | wc -l)" -eq 0 ]
  "$SAMPAN" gc --grace 0
  [ "$("$SAMPAN" df --format json | jq .blobs.count)" -eq 0 ]
}

@test "rmi doesn't take an image from under a container" {
  [ "$(id -u)" -eq 0 ] && command -v crun conmon >/dev/null || skip "needs root, crun and conmon"
  busybox_tar "$T/busybox.tar"
  "$SAMPAN" import "$T/busybox.tar" busybox:1
  "$SAMPAN" run -d --network none --name rmi-test busybox:1 sleep 100 3>&-
  run "$SAMPAN" rmi -f busybox:1
  [ "$status" -eq 1 ]
  [[ "$output" == *"used by the container rmi-test, which is running"* && "$output" == *"sampan stop rmi-test"* ]]
  "$SAMPAN" kill rmi-test
  for n in $(seq 50); do [ -n "$("$SAMPAN" ps -q)" ] || break; sleep 0.1; done
  run "$SAMPAN" rmi busybox:1
  [ "$status" -eq 1 ]
  [[ "$output" == *"used by the container rmi-test"* && "$output" == *"-f"* ]]
  "$SAMPAN" rmi -f busybox:1
  "$SAMPAN" gc --grace 0
  "$SAMPAN" rm rmi-test
}

@test "inspect shows an image as docker does" {
  make_image redis:7
  "$SAMPAN" tag redis:7 other:1
  "$SAMPAN" inspect redis:7 | jq -e --arg id "$("$SAMPAN" images -q --no-trunc redis)" \
    '.[0] | .Id == $id and .RepoTags == ["other:1", "redis:7"] and (.RepoDigests | length == 2) and .Architecture == "riscv64" and .Os == "linux" and .RootFS.Type == "layers" and (.RootFS.Layers | length == 1)'
  run "$SAMPAN" inspect nothing
  [ "$status" -eq 1 ]
}

@test "history tells the steps, the newest first" {
  make_image redis:7
  run "$SAMPAN" history redis:7
  [ "$status" -eq 0 ]
  [[ "${lines[0]}" =~ ^IMAGE\ +CREATED\ +CREATED\ BY\ +SIZE ]]
  [[ "${lines[1]}" == "$("$SAMPAN" images -q redis)"* ]]
  "$SAMPAN" history redis:7 --format json | jq -e '.[0].id != null and ([.[].size] | add) > 0'
  run "$SAMPAN" history nothing
  [ "$status" -eq 1 ]
}

@test "gc spares what was used lately and what has a name; --all frees the rest" {
  make_image keep:1 linux/riscv64 kept && make_image go:1 linux/riscv64 gone
  "$SAMPAN" rmi go:1
  run "$SAMPAN" gc
  [ "$status" -eq 0 ]
  [ "$output" = "Total reclaimed space: 0B" ]
  [ "$("$SAMPAN" df --format json | jq .blobs.reclaimable)" -gt 0 ]
  run "$SAMPAN" gc --grace 0
  [[ "$output" == *"Removed 3 blobs"* ]]
  [ "$("$SAMPAN" df --format json | jq .blobs.reclaimable)" -eq 0 ]
  "$SAMPAN" gc --all
  [ "$("$SAMPAN" images -q keep | wc -l)" -eq 1 ]
  run "$SAMPAN" fsck
  [ "$status" -eq 0 ]
  "$SAMPAN" gc --grace 1h30m
  run "$SAMPAN" gc --grace soon
  [ "$status" -eq 2 ]
  [[ "$output" == *"--grace"* ]]
}

@test "fsck finds an altered and a missing blob, and the next import heals them" {
  make_image redis:7 linux/riscv64 same
  run "$SAMPAN" fsck
  [ "$status" -eq 0 ]
  [ "$output" = "The store is sound" ]
  layer=$(find "$SAMPAN_ROOT/blobs/sha256" -type f -printf '%s %p\n' | sort -n | head -1 | cut -d' ' -f2)
  printf x | dd of="$layer" conv=notrunc status=none
  run "$SAMPAN" fsck
  [ "$status" -eq 1 ]
  [[ "$output" == *"$(basename "$layer") is damaged"* && "$output" == *"redis:7 is incomplete"* ]]
  [ ! -e "$layer" ]
  run "$SAMPAN" fsck --format json
  [ "$status" -eq 1 ]
  make_image redis:7 linux/riscv64 same
  [ -e "$layer" ]
  run "$SAMPAN" fsck
  [ "$status" -eq 0 ]
}

@test "fsck --rebuild makes a lost or damaged database anew" {
  make_image redis:7
  "$SAMPAN" tag redis:7 127.0.0.1:6000/riscv64/redis:1.1
  before=$("$SAMPAN" images --format json | jq -S 'map({repository, tag, digest, id})')
  rm "$SAMPAN_ROOT"/sampan.db*
  "$SAMPAN" fsck --rebuild
  [ "$("$SAMPAN" images --format json | jq -S 'map({repository, tag, digest, id})')" = "$before" ]
  rm -f "$SAMPAN_ROOT"/sampan.db-*
  echo garbage >"$SAMPAN_ROOT/sampan.db"
  run "$SAMPAN" images
  [ "$status" -eq 1 ]
  [[ "$output" == *"sampan fsck"* ]]
  run "$SAMPAN" fsck
  [ "$status" -eq 1 ]
  [[ "$output" == *"fsck --rebuild"* ]]
  "$SAMPAN" fsck --rebuild --format json | jq -e '.damaged == 0'
  [ "$("$SAMPAN" images --format json | jq -S 'map({repository, tag, digest, id})')" = "$before" ]
}

@test "df and info add up, as text and as JSON" {
  make_image redis:7
  run "$SAMPAN" df
  [ "$status" -eq 0 ]
  [[ "${lines[0]}" =~ ^TYPE\ +COUNT\ +SIZE$ ]]
  [[ "$output" =~ Images\ +1 ]]
  "$SAMPAN" df --format json | jq -e '.images == 1 and .blobs.count == 3 and .blobs.bytes > 0'
  "$SAMPAN" info --format json | jq -e --arg root "$SAMPAN_ROOT" '.store.root == $root and .store.images == 1 and (.machine.cgroup | test("v1|v2|hybrid|none")) and (.programs | has("crun"))'
  run "$SAMPAN" info
  [[ "$output" == *"kernel: $(uname -r)"* ]]
}

@test "version says which; unknown words name the nearest" {
  [[ "$("$SAMPAN" version)" =~ ^sampan\ [0-9]+\.[0-9]+\.[0-9]+\ linux/ ]]
  [ "$("$SAMPAN" --version)" = "$("$SAMPAN" version)" ]
  "$SAMPAN" version --format json | jq -e .version
  run "$SAMPAN" imges
  [ "$status" -eq 2 ]
  [[ "$output" == *"sampan images"* ]]
  run "$SAMPAN" images --no-tranc
  [ "$status" -eq 2 ]
  [[ "$output" == *"--no-trunc"* ]]
}
