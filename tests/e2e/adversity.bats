#!/usr/bin/env bats
# Bad luck of the machine that a registry runs on: a disk that is full to the brim, a store that somebody moves or removes, a clock that leaps.
bats_require_minimum_version 1.5.0
load common

setup_file() { setup_folder; }
teardown_file() {
  ! mountpoint -q "$T/small" || umount -l "$T/small"
  remove_folder
}

digest() { echo "sha256:$(sha256sum <"$1" | cut -d' ' -f1)"; }
ask() { curl -s -m 30 -o "$T/body" -w '%{http_code}' "$@"; }
is() { [ "$1" = "$2" ] || { echo "got '$1', not '$2'"; head -c 1000 "$T/body"; tail "$T/serve-${REGISTRY##*:}.log"; return 1; } >&2; }
blob() { # REPOSITORY FILE
  ask -X POST -H 'Content-Type: a/b' --data-binary @"$2" "http://$REGISTRY/v2/$1/blobs/uploads/?digest=$(digest "$2")"
}
manifest() { # REPOSITORY TAG FILE
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a/b","digest":"%s","size":%d},"layers":[]}' "$(digest "$3")" "$(stat -c %s "$3")" |
    ask -X PUT -H 'Content-Type:' --data-binary @- "http://$REGISTRY/v2/$1/manifests/$2"
}
push() { # REPOSITORY TAG SIZE
  head -c "$3" /dev/urandom >"$T/$2"
  is "$(blob "$1" "$T/$2")" 201
  is "$(manifest "$1" "$2" "$T/$2")" 201
}
small() { # needs root; SIZE
  [ "$(id -u)" = 0 ] || skip "needs root to mount a small disk"
  mkdir -p "$T/small"
  mount -t tmpfs -o size="$1" tmpfs "$T/small" 2>/dev/null || skip "cannot mount here"
}
fill() { dd if=/dev/zero of="$T/small/ballast" bs=4k status=none 2>/dev/null || true; }

@test "a disk that is full to the last byte can be emptied: by DELETE and the server's gc, or by commands" {
  small 40m
  mkdir "$T/small/store"
  echo '{"gc": {"every": "1s", "grace": 0}}' >"$T/small/store/registry.json"
  start_registry "$T/small/store"
  for n in 1 2 3; do push a $n 8000000; done
  fill
  head -c 2000000 /dev/urandom >"$T/more"
  is "$(blob a "$T/more")" 507
  is "$(ask "http://$REGISTRY/v2/a/manifests/2")" 200
  is "$(ask -X DELETE "http://$REGISTRY/v2/a/manifests/1")" 202
  for _ in {1..150}; do [ "$(ls "$T/small/store/blobs/sha256" | wc -l)" != 6 ] && break; sleep 0.1; done
  is "$(ls "$T/small/store/blobs/sha256" | wc -l)" 4
  is "$(blob a "$T/more")" 201
  end "$REGISTRY_PID"
  fill
  "$SAMPAN" --root "$T/small/store" gc --grace 0
  fill
  "$SAMPAN" --root "$T/small/store" registry rm a:2
  "$SAMPAN" --root "$T/small/store" gc --grace 0
  [ "$(ls "$T/small/store/blobs/sha256" | wc -l)" -le 3 ]
  [ "$("$SAMPAN" --root "$T/small/store" registry tags -q a | xargs)" = 3 ]
  rm "$T/small/ballast"
  "$SAMPAN" --root "$T/small/store" fsck
  umount "$T/small"
}

@test "the store is moved while it is served: nothing is lost; removed: no answer blames the client" {
  start_registry "$T/here"
  push a 1 1000
  mv "$T/here" "$T/there"
  is "$(ask "http://$REGISTRY/v2/a/manifests/1")" 200
  is "$(ask "http://$REGISTRY/v2/a/blobs/$(digest "$T/1")")" 200
  push a 2 1000
  [ ! -e "$T/here" ]
  end "$REGISTRY_PID"
  start_registry "$T/there"
  is "$(ask "http://$REGISTRY/v2/a/manifests/2")" 200
  rm -rf "$T/there"
  head -c 100 /dev/urandom >"$T/3"
  is "$(blob a "$T/3")" 500
  is "$(manifest a 3 "$T/2")" 500
  grep -q "there/uploads/.*: No such file or directory" "$T/serve-${REGISTRY##*:}.log"
  is "$(ask "http://$REGISTRY/readyz")" 503
  is "$(ask "http://$REGISTRY/v2/")" 200
  [ ! -e "$T/there" ]
  end "$REGISTRY_PID"
}

@test "the clock leaps by years: what was pushed a moment ago is not taken for old, by gc or retention" {
  cc -shared -fPIC -o "$T/clock.so" "$TOP/tests/e2e/clock.c" -ldl
  put() { python3 -c 'import struct, sys; open(sys.argv[1], "r+b").write(struct.pack("q", int(sys.argv[2])))' "$T/clock" "$1"; }
  head -c 4096 /dev/zero >"$T/clock"
  mkdir "$T/leap"
  echo '{"gc": {"every": "1s", "grace": "15s"}, "retention": [{"repositories": ["*"], "newer_than": "60s"}]}' >"$T/leap/registry.json"
  local shim=$T/clock.so
  if ldd "$SAMPAN" | grep -q libasan; then shim="$(cc -print-file-name=libasan.so) $shim"; fi
  printf '#!/bin/sh\nLD_PRELOAD="%s" SAMPAN_TEST_CLOCK="%s" exec "%s" "$@"\n' "$shim" "$T/clock" "$SAMPAN" >"$T/clocked"
  chmod +x "$T/clocked"
  SAMPAN=$T/clocked start_registry "$T/leap"
  push a 1 1000
  head -c 100 /dev/urandom >"$T/layer"
  is "$(blob a "$T/layer")" 201
  put 900000000
  sleep 8 # gc was due, several times
  grep -q "the clock was put forward by 90000000. s" "$T/serve-${REGISTRY##*:}.log"
  is "$(manifest a 2 "$T/layer")" 201
  is "$(ask "http://$REGISTRY/v2/a/manifests/1")" 200
  put 0 # it was a mistake
  sleep 17
  is "$(ask "http://$REGISTRY/v2/a/manifests/1")" 200
  is "$(ask "http://$REGISTRY/v2/a/manifests/2")" 200
  end "$REGISTRY_PID"
}

@test "a disk that is mounted read-only: commands and the server say so, and how to go on" {
  [ "$(id -u)" = 0 ] || skip "needs root to mount"
  "$SAMPAN" --root "$T/fixed" images
  for command in images "serve --listen 127.0.0.1:0"; do
    run -1 unshare -m sh -c 'mount --bind "$2" "$2" && mount -o remount,ro,bind "$2" && exec "$0" --root "$2" $1' "$SAMPAN" "$command" "$T/fixed"
    [[ $output == *"Read-only file system"*"mount it writable, or choose another folder with --root"* ]]
  done
}
