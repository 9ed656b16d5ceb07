#!/usr/bin/env bats
# Twins give the very bytes that emulation gives: the quick part of tests/corpus/twins/. The rest is in slow/twins.bats (tests/run.sh twins).
load common
load twins

setup_file() {
  setup_folder
  twins_base gcc libc6-dev make m4 gawk busybox-static
}

teardown_file() { remove_folder; }

@test "C: objects, programs, debug information, preprocessed text" { verified c; }
@test "link-time optimisation: slim, fat, archives, partitions" { verified lto; }
@test "shared libraries: rpath, versions, --wrap" { verified shared; }
@test "needed libraries that a cross linker wouldn't find" { verified needed; }
@test "linker scripts, map files, and what ld says of itself" { verified script; }
@test "strip, objcopy, ar, install -s" { verified strip; }
@test "awk: what machines round or print differently" { verified awk; }
@test "/proc, uname, limits, and shells that know their machine" { verified proc; }
@test "beneath a chroot" { verified chroot; }
@test "a step in which nothing has run for long is told of: a program of QEMU's may hang" {
  [ -e "$T/ready" ] || skip "no emulation here: $(tail -1 "$T/emulator")"
  printf 'FROM tools:1\nRUN busybox sleep 4\nRUN i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; sleep 1\n' >"$T/Idle"
  SAMPAN_IDLE_SECONDS=2 run "$SAMPAN" build --progress plain --no-cache --network none --platform "$PLATFORM" -f "$T/Idle" -t idle:1 "$T/empty"
  printf '%s\n' "$output" | tail -15
  [ "$status" -eq 0 ]
  [ "$(grep -c 'nothing of this step has run for 2 seconds: if /usr/bin/busybox should' <<<"$output")" -eq 1 ]
}
