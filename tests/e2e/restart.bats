#!/usr/bin/env bats
# Restart policies and health checks, and that they survive what is killed.
load common
load run_common

setup_file() { setup_containers; }
teardown_file() { remove_containers; }

count_is() { [ "$("$SAMPAN" inspect -f '{{.RestartCount}}' "$1")" "$2" "$3" ]; }
runs() { "$SAMPAN" logs "$1" | grep -c run; }
runs_at_least() { [ "$(runs "$1")" -ge "$2" ]; }
pid_of() { "$SAMPAN" inspect -f '{{.State.Pid}}' "$1"; }
running_as_other() { local pid && pid=$(pid_of "$1") && [ "$pid" -gt 0 ] && [ "$pid" != "$2" ]; }
supervisor() { # ID: the process that waits on its lock
  for p in /proc/[0-9]*; do
    tr '\0' ' ' 2>/dev/null <"$p/cmdline" | grep -q "supervise $1" && echo "${p#/proc/}"
  done
  return 0
}

@test "on-failure:2 tries twice more, and a success ends it" {
  n=$(name)
  "$SAMPAN" run -d --restart on-failure:2 --name "$n" --network host native:1 sh -c 'echo run; exit 3'
  wait_for 10 runs_at_least "$n" 3
  wait_for 5 state_is "$n" exited
  sleep 1
  [ "$(runs "$n")" -eq 3 ]
  count_is "$n" -eq 2
  "$SAMPAN" run -d --restart on-failure --name "$n-fine" --network host native:1 sh -c 'echo run; exit 0'
  sleep 1
  [ "$(runs "$n-fine")" -eq 1 ]
}

@test "always comes back after an end and after kill -9 from outside; stop is final" {
  n=$(name)
  id=$("$SAMPAN" run -d --restart always --name "$n" --network host native:1 sleep 62)
  pid=$(pid_of "$n")
  kill -9 "$pid"
  wait_for 10 running_as_other "$n" "$pid"
  "$SAMPAN" stop -t 0 "$n"
  sleep 1
  state_is "$n" exited
  [ -z "$(supervisor "$id")" ]
  "$SAMPAN" start "$n"
  [ -n "$(supervisor "$id")" ]
  "$SAMPAN" rm -f "$n"
  wait_for 5 bash -c '[ -z "$(ps ax | grep "supervis[e] '"$id"'")" ]'
}

@test "a crash loop backs off, is shown as restarting, and can be stopped and removed in it" {
  n=$(name)
  "$SAMPAN" run -d --restart always --name "$n" --network host native:1 sh -c 'echo run; exit 1'
  wait_for 10 runs_at_least "$n" 4
  wait_for 5 state_is "$n" restarting
  "$SAMPAN" stop "$n"
  count=$(runs "$n")
  sleep 2
  [ "$(runs "$n")" -eq "$count" ]
  state_is "$n" exited
  "$SAMPAN" start "$n"
  wait_for 5 runs_at_least "$n" $((count + 2))
  "$SAMPAN" rm -f "$n"
}

@test "conmon killed with the container: it comes back all the same" {
  n=$(name)
  id=$("$SAMPAN" run -d --restart unless-stopped --name "$n" --network host native:1 sleep 63)
  pid=$(pid_of "$n")
  kill -9 "$(cat "$SAMPAN_ROOT/containers/$id/bundle/monitor.pid")" "$pid"
  wait_for 10 running_as_other "$n" "$pid"
  "$SAMPAN" rm -f "$n"
}

@test "the supervisor killed: conmon brings the container back" {
  [ "$(id -u)" -eq 0 ] || skip "only root can leave conmon's namespaces"
  n=$(name)
  export -f supervisor pid_of running_as_other wait_for
  # Process 1 must be one whose namespaces we may enter, as it is on a machine of one's own.
  run timeout 60 unshare --pid --fork --mount-proc --kill-child bash -ec '
    n=$1
    id=$("$SAMPAN" run -d --restart always --name "$n" --network host native:1 sleep 64)
    pid=$(pid_of "$n")
    kill -9 $(supervisor "$id")
    kill -9 "$pid"
    wait_for 10 running_as_other "$n" "$pid"
    wait_for 5 test -n "$(supervisor "$id")"
    "$SAMPAN" rm -f "$n"' - "$n"
  [ "$status" -eq 0 ]
}

@test "after a reboot: always and unless-stopped come back, what was stopped by hand does not" {
  for policy in always unless-stopped no on-failure; do
    "$SAMPAN" run -d --restart $policy --name "b-$policy" --network host native:1 sleep 65
  done
  "$SAMPAN" run -d --restart unless-stopped --name b-stopped --network host native:1 sleep 65
  "$SAMPAN" stop -t 0 b-stopped
  # All at once, as the power goes: supervisors, monitors, containers.
  for name in b-always b-unless-stopped b-no b-on-failure; do
    id=$("$SAMPAN" inspect -f '{{.Id}}' "$name")
    for p in $(supervisor "$id") "$(cat "$SAMPAN_ROOT/containers/$id/bundle/monitor.pid")" "$(pid_of "$name")"; do kill -9 "$p"; done
  done
  sleep 0.5
  [ -z "$("$SAMPAN" ps -q --filter name=b-)" ]
  [ "$("$SAMPAN" start --all-restart | wc -l)" -eq 2 ]
  [ "$("$SAMPAN" ps --filter name=b- --format '{{.Names}}' | sort | xargs)" = "b-always b-unless-stopped" ]
  [ -z "$("$SAMPAN" start --all-restart)" ]
  "$SAMPAN" rm -f b-always b-unless-stopped
}

@test "health: starting, healthy, unhealthy; a check that hangs is ended" {
  n=$(name)
  "$SAMPAN" run -d --name "$n" --network host --health-cmd 'test -e /well' --health-interval 300ms --health-retries 2 native:1 sleep 66
  [[ $("$SAMPAN" ps) == *"(health: starting)"*"$n"* ]]
  health_is() { [ "$("$SAMPAN" inspect -f '{{.State.Health.Status}}' "$1")" = "$2" ]; }
  wait_for 10 health_is "$n" unhealthy
  "$SAMPAN" exec "$n" touch /well
  wait_for 10 health_is "$n" healthy
  [[ $("$SAMPAN" ps --filter health=healthy) == *"(healthy)"*"$n"* ]]
  "$SAMPAN" run -d --name "$n-hangs" --network host --health-cmd 'sleep 67' --health-interval 300ms --health-timeout 300ms --health-retries 1 native:1 sleep 68
  wait_for 10 health_is "$n-hangs" unhealthy
  "$SAMPAN" run -d --name "$n-none" --network host --no-healthcheck native:1 sleep 69
  run "$SAMPAN" inspect -f '{{.State.Health}}' "$n-none"
  [ "$status" -eq 2 ]
  "$SAMPAN" rm -f "$n" "$n-hangs" "$n-none"
}
