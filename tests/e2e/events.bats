#!/usr/bin/env bats
# The journal of events, and what follows it.
bats_require_minimum_version 1.5.0
load common
load run_common

setup_file() { setup_containers; }
teardown_file() { remove_containers; }

actions() { "$SAMPAN" events --since 1h --until 1s --format '{{.Action}}' "$@" | xargs; }
later() { sleep 1.1; } # --until 1s sees what is a second old

@test "a container's life, in docker's words" {
  n=$(name)
  "$SAMPAN" run -d --name "$n" --network host -l team=red native:1 sh -c 'sleep 60; exit 3' >/dev/null
  "$SAMPAN" pause "$n"
  "$SAMPAN" unpause "$n"
  "$SAMPAN" exec "$n" true
  "$SAMPAN" rename "$n" "$n-b"
  "$SAMPAN" kill -s KILL "$n-b"
  "$SAMPAN" wait "$n-b"
  "$SAMPAN" start "$n-b"
  "$SAMPAN" stop -t 0 "$n-b"
  "$SAMPAN" rm "$n-b"
  later
  [ "$(actions --filter type=container --filter label=team=red)" = \
    "create start pause unpause exec_start: true exec_die rename kill die start die stop destroy" ]
  [ "$(actions --filter container="$n-b" --filter event=die --filter event=kill)" = "kill die die" ]
  [ "$(actions --filter event=exec_start --filter container="$n")" = "exec_start: true" ]
  [ "$(actions --filter label=team=blue)" = "" ]
  run "$SAMPAN" events --since 1h --until 1s --filter event=die --filter container="$n-b"
  [[ ${lines[0]} == 20??-??-??T??:??:??.?????????Z\ container\ die\ *"exitCode=137"* ]]
  [[ ${lines[0]} == *"image=native:1"*"name=$n-b"* ]]
  "$SAMPAN" events --since 1h --until 1s --format json --filter event=create | python3 -c '
import json, sys
event = json.loads(sys.stdin.readline())
assert event["Type"] == "container" and event["Action"] == event["status"] == "create" and event["scope"] == "local", event
assert event["Actor"]["Attributes"]["team"] == "red" and event["id"] == event["Actor"]["ID"] and event["timeNano"] // 10**9 == event["time"], event'
}

@test "in the foreground and restarted: start and die are there each time" {
  n=$(name)
  "$SAMPAN" run --name "$n" --network host native:1 sh -c 'exit 4' || true
  "$SAMPAN" run -d --name "$n-r" --network host --restart on-failure:2 native:1 false >/dev/null
  wait_for 10 bash -c '[ "$("$SAMPAN" inspect -f "{{.RestartCount}} {{.State.Status}}" '"$n-r"')" = "2 exited" ]'
  later
  [ "$(actions --filter container="$n" --filter event=start --filter event=die)" = "start die" ]
  [ "$(actions --filter container="$n-r" --filter event=start --filter event=die)" = "start die start die start die" ]
}

@test "images and volumes" {
  n=$(name)
  "$SAMPAN" tag native:1 "$n:1"
  "$SAMPAN" rmi "$n:1"
  "$SAMPAN" volume create "$n"
  "$SAMPAN" volume rm "$n"
  later
  [ "$(actions --filter type=image)" = "import tag untag" ]
  [ "$(actions --filter volume="$n")" = "create destroy" ]
}

@test "following: what comes is shown as it comes, over the journal's beginning anew, until --until" {
  n=$(name)
  "$SAMPAN" events --filter type=volume --format '{{.Action}} {{.Actor.ID}}' >"$T/followed" 3>&- & pid=$!
  sleep 0.5
  "$SAMPAN" volume create "$n-a"
  wait_for 5 grep -q "create $n-a" "$T/followed"
  head -c 1100000 /dev/zero | tr '\0' '\n' >>"$SAMPAN_ROOT/events.log"
  "$SAMPAN" volume create "$n-b"
  "$SAMPAN" volume create "$n-c"
  wait_for 5 grep -q "create $n-c" "$T/followed"
  kill -INT "$pid"
  wait "$pid" || true
  [ "$(xargs <"$T/followed")" = "create $n-a create $n-b create $n-c" ]
  [ -e "$SAMPAN_ROOT/events.log.1" ]
  [ "$(stat -c %s "$SAMPAN_ROOT/events.log")" -lt 10000 ]
  later
  [ "$(actions --filter volume="$n-a") $(actions --filter volume="$n-c")" = "create create" ]
}

@test "a line that broke off is skipped, and the next is whole" {
  n=$(name)
  printf '{"Type":"volume","Act' >>"$SAMPAN_ROOT/events.log"
  "$SAMPAN" volume create "$n"
  later
  [ "$(actions --filter volume="$n")" = create ]
}

@test "a killed writer, many writers: each line is one event" {
  n=$(name)
  for i in $(seq 8); do
    (for j in 1 2 3; do "$SAMPAN" volume create "$n-$i-$j" >/dev/null; done) 3>&- &
  done
  wait
  later
  [ "$("$SAMPAN" events --since 1h --until 1s --filter event=create --format '{{.Actor.ID}}' | grep -c "^$n-")" -eq 24 ]
}

@test "nonsense is refused" {
  for words in "--filter x" "--filter tpye=container" "--since yesterday" "--until never" "--format {{range}} --since 1h --until 1s"; do
    # shellcheck disable=SC2086
    run "$SAMPAN" events $words
    [ "$status" -eq 2 ]
  done
}
