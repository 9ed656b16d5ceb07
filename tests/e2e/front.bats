#!/usr/bin/env bats
# The front of plain HTTP: what it answers without the library is what the library would answer; front.py does the asking.
bats_require_minimum_version 1.5.0
load common

setup_file() { setup_folder; }
teardown_file() { remove_folder; }

front() { timeout 60 python3 "$TOP/tests/e2e/front.py" "$REGISTRY" "$REGISTRY_PID" "$@"; }

@test "answers from memory: the same, without a thread, in order, for slow readers, and none behind the end" {
  start_registry
  front same threadless mixed patient stop
}

@test "those that say or take nothing are ended" {
  echo '{"timeouts": {"silence": 2, "transfer": 3}}' >"$T/short.json"
  start_registry "$T/short" --config "$T/short.json"
  front silent
  end "$REGISTRY_PID"
}

@test "what is remembered is not for everybody" {
  perl -e 'print "alice:", crypt("sesame", q($2y$04$abcdefghijklmnopqrstuu)), "\n"' >"$T/htpasswd"
  start_registry "$T/closed" --anonymous none --htpasswd "$T/htpasswd"
  front refused
  end "$REGISTRY_PID"
}
