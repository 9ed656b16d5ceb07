#!/usr/bin/env bats
# Clients that mean no good, tried on a whole server: what they send is in hostile.py.
bats_require_minimum_version 1.5.0
load common

setup_file() { setup_folder; }
teardown_file() { remove_folder; }

@test "smuggling, floods, slow ones, crowds, bodies without an end: others are served, in bounded memory" {
  start_registry
  timeout 120 python3 "$TOP/tests/e2e/hostile.py" "$REGISTRY" "$REGISTRY_PID"
  end "$REGISTRY_PID"
}

@test "bodies and answers that hardly move" {
  echo '{"timeouts": {"transfer": 3}}' >"$T/slow.json"
  start_registry "$T/slow" --config "$T/slow.json"
  timeout 100 python3 "$TOP/tests/e2e/hostile.py" "$REGISTRY" "$REGISTRY_PID" slow_bodies slow_readers
  end "$REGISTRY_PID"
}
