#!/usr/bin/env bats
# What is promised about data, end to end: pushes to a real server that is killed, loses its power, or whose disk is full or broken, at every step of
# a push (reliable.py, disk.c); files that were damaged while nobody looked; and answers that are kept in memory while others change the store.

bats_require_minimum_version 1.5.0
load common
load proxy_common

setup_file() {
  proxy_setup_file
  "${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -O1 -Wall -shared -fPIC -o "$T/disk.so" "$BATS_TEST_DIRNAME/disk.c"
}
teardown_file() { remove_folder; }
setup() { proxy_setup; }
teardown() { proxy_teardown; }

reliable() { python3 "$BATS_TEST_DIRNAME/reliable.py" "$1" "$SAMPAN" "$T/disk.so" "$T/reliable-$1" 3>&-; }

@test "kill -9 at every call of a push: what was acknowledged is there, the rest as a whole or not at all" {
  reliable kill
}

@test "a full disk, and one that fails, at every call of a push: 507 or 500 that say why, reads go on, nothing is half there" {
  reliable fail
}

@test "a power cut at every moment of a push, with what was not synced lost or torn: nothing acknowledged is lost" {
  reliable power
}

@test "the database's log torn at any place, with rubbish behind it, or damaged: the server starts, and a rebuild brings all tags back" {
  reliable wal
}

push_tar() { # TAR: as team/box:1, from a store of its own
  local root
  root=$(mktemp -d "$T/client.XXXXXX")
  "$SAMPAN" --root "$root" import "$1" "$REGISTRY/team/box:1"
  "$SAMPAN" --root "$root" push "$REGISTRY/team/box:1"
}
# A registry that holds team/box:1, whose layer is D.
own() {
  ROOT=$(mktemp -d "$T/own.XXXXXX")
  serve
  push_tar "$T/busybox.tar"
  is "$(ask "$U/team/box/manifests/1")" 200
  D=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["layers"][0]["digest"])' "$T/body")
}
blob_file() { echo "$ROOT/blobs/sha256/${1#sha256:}"; }
cut_file() { chmod u+w "$1"; truncate -s -"$2" "$1"; } # FILE BYTES

@test "fsck finds a truncated blob and puts it away; a push brings it back" {
  own
  cut_file "$(blob_file "$D")" 100
  run -1 "$SAMPAN" --root "$ROOT" fsck
  [[ $output == *"blob $D is damaged: moved to quarantine"* && $output == *"team/box:1 is incomplete"* ]]
  [ -e "$ROOT/quarantine/sha256-${D#sha256:}" ]
  is "$(ask "$U/team/box/blobs/$D")" 404
  is "$(code)" BLOB_UNKNOWN
  push_tar "$T/busybox.tar"
  is "$(ask "$U/team/box/blobs/$D")" 200
  body_is_right
  "$SAMPAN" --root "$ROOT" fsck
}

@test "a truncated blob that a client asks for is put away at once, without a wrong byte, so that a push brings it back" {
  own
  cut_file "$(blob_file "$D")" 1
  is "$(ask "$U/team/box/blobs/$D")" 404
  [ -e "$ROOT/quarantine/sha256-${D#sha256:}" ]
  grep -q "blob $D is damaged" "$LOG"
  push_tar "$T/busybox.tar"
  is "$(ask "$U/team/box/blobs/$D")" 200
  body_is_right
}

@test "what a cache holds of another registry is fetched again: after fsck, and when damage is seen while it is served" {
  cache '"url": "http://'"$PEER"'"'
  is "$(ask "$U/up/library/box/manifests/1")" 200
  D=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["layers"][0]["digest"])' "$T/body")
  is "$(ask "$U/up/library/box/blobs/$D")" 200
  cut_file "$(blob_file "$D")" 100
  run -1 "$SAMPAN" --root "$ROOT" fsck
  is "$(ask "$U/up/library/box/blobs/$D")" 200
  body_is_right
  "$SAMPAN" --root "$ROOT" fsck

  cut_file "$(blob_file "$D")" 100
  is "$(ask "$U/up/library/box/blobs/$D")" 200
  body_is_right
  "$SAMPAN" --root "$ROOT" fsck
}

@test "so is a damaged manifest" {
  cache '"url": "http://'"$PEER"'"'
  is "$(ask "$U/up/library/box/manifests/1")" 200
  D=$(header Docker-Content-Digest)
  end "$REGISTRY_PID" KILL # what it remembers would be answered
  chmod u+w "$(blob_file "$D")"
  printf X | dd of="$(blob_file "$D")" bs=1 seek=5 conv=notrunc status=none
  serve
  is "$(ask "$U/up/library/box/manifests/$D")" 200
  body_is_right
  "$SAMPAN" --root "$ROOT" fsck
}

@test "an answer that is remembered ends with any change of the store, also by another process" {
  own
  local first second
  is "$(ask "$U/team/box/manifests/1")" 200
  first=$(header Docker-Content-Digest)
  is "$(ask "$U/team/box/manifests/1")" 200
  is "$(header Docker-Content-Digest)" "$first"
  printf 'x' >"$T/x"
  tar -C "$T" -cf "$T/other.tar" x
  push_tar "$T/other.tar"
  is "$(ask "$U/team/box/manifests/1")" 200
  second=$(header Docker-Content-Digest)
  [ "$second" != "$first" ]
  is "$(ask "$U/team/box/manifests/$first")" 200
  is "$(ask "$U/team/box/manifests/$first")" 200
  "$SAMPAN" --root "$ROOT" registry rm "team/box@$first"
  is "$(ask "$U/team/box/manifests/$first")" 404
  "$SAMPAN" --root "$ROOT" registry rm team/box:1
  is "$(ask "$U/team/box/manifests/1")" 404
}

@test "a remembered answer has ranges, conditions and HEAD like a new one" {
  own
  is "$(ask "$U/team/box/manifests/1")" 200
  D=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["config"]["digest"])' "$T/body")
  for _ in 1 2; do
    is "$(ask "$U/team/box/blobs/$D")" 200
    body_is_right
    is "$(ask -r 2-5 "$U/team/box/blobs/$D")" 206
    [ "$(stat -c %s "$T/body")" = 4 ]
    is "$(ask -H "If-None-Match: \"$D\"" "$U/team/box/blobs/$D")" 304
    is "$(ask -I "$U/team/box/blobs/$D")" 200
    is "$(header Content-Length)" "$(stat -c %s "$(blob_file "$D")")"
    is "$(ask "$U/other/box/blobs/$D")" 404
  done
}
