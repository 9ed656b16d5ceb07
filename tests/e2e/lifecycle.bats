#!/usr/bin/env bats
# The life of a container by single commands, and what is listed meanwhile.
bats_require_minimum_version 1.5.0
load common
load run_common

setup_file() { setup_containers; }
teardown_file() { remove_containers; }

@test "create, start, stop, start again: what it wrote is there, its log goes on" {
  n=$(name)
  id=$("$SAMPAN" create --name "$n" --network host native:1 sh -c 'echo run >>/runs; wc -l </runs; trap "exit 0" TERM; while :; do sleep 0.1; done')
  state_is "$n" created
  run "$SAMPAN" wait "$n"
  [ "$status" -eq 1 ]
  [ "$("$SAMPAN" start "$n")" = "$n" ]
  state_is "$n" running
  "$SAMPAN" start "$n" # is fine
  wait_for 10 bash -c '[ "$("$SAMPAN" logs '"$n"')" = 1 ]'
  "$SAMPAN" stop "$n"
  state_is "$n" exited
  "$SAMPAN" start "${id:0:8}"
  wait_for 10 bash -c '[ "$("$SAMPAN" logs '"$n"')" = $'"'1\n2'"' ]'
  "$SAMPAN" restart -t 5 "$n"
  wait_for 10 bash -c '[ "$("$SAMPAN" logs '"$n"')" = $'"'1\n2\n3'"' ]'
  "$SAMPAN" rm -f "$n"
}

@test "start -a runs in this terminal and gives the exit code" {
  n=$(name)
  "$SAMPAN" create --name "$n" --network host native:1 sh -c 'echo here; exit 6'
  run "$SAMPAN" start -a "$n"
  [ "$status" -eq 6 ]
  [ "$output" = here ]
  run "$SAMPAN" start -a "$n"
  [ "$status" -eq 6 ]
}

@test "wait gives the exit code, also of one that has ended" {
  n=$(name)
  "$SAMPAN" run -d --name "$n" --network host native:1 sh -c 'sleep 0.5; exit 9'
  [ "$("$SAMPAN" wait "$n")" = 9 ]
  [ "$("$SAMPAN" wait "$n")" = 9 ]
}

@test "pause stops every process, unpause lets them go on, stop works in between" {
  n=$(name)
  "$SAMPAN" run -d --name "$n" --network host native:1 sh -c 'while :; do echo tick; sleep 0.05; done'
  wait_for 10 bash -c '"$SAMPAN" logs '"$n"' | grep -q tick'
  "$SAMPAN" pause "$n"
  state_is "$n" paused
  [[ $("$SAMPAN" ps) == *"(Paused)"*"$n"* ]]
  one=$("$SAMPAN" logs "$n" | wc -l)
  sleep 0.4
  [ "$("$SAMPAN" logs "$n" | wc -l)" -eq "$one" ]
  run "$SAMPAN" exec "$n" true
  [ "$status" -eq 1 ]
  [[ $output == *paused* ]]
  run "$SAMPAN" pause "$n"
  [ "$status" -eq 1 ]
  "$SAMPAN" unpause "$n"
  more() { [ "$("$SAMPAN" logs "$n" | wc -l)" -gt "$one" ]; }
  wait_for 5 more
  "$SAMPAN" pause "$n"
  "$SAMPAN" stop -t 0 "$n"
  state_is "$n" exited
}

@test "rename frees the old name, and refuses one that is taken" {
  n=$(name)
  "$SAMPAN" create --name "$n-a" --network host native:1 true
  "$SAMPAN" create --name "$n-b" --network host native:1 true
  run "$SAMPAN" rename "$n-a" "$n-b"
  [ "$status" -eq 1 ]
  [[ $output == *"in use"* ]]
  "$SAMPAN" rename "$n-a" "$n-c"
  "$SAMPAN" create --name "$n-a" --network host native:1 true
  [ "$("$SAMPAN" inspect -f '{{.Name}}' "$n-c")" = "/$n-c" ]
  run "$SAMPAN" rename "$n-c" "-x"
  [ "$status" -eq 2 ]
}

@test "ps filters and formats" {
  n=$(name)
  "$SAMPAN" create --name "$n-one" -l team=red -l tier=web --network host native:1 true
  "$SAMPAN" run -d --name "$n-two" -l team=red --network host native:1 sleep 60
  list() { "$SAMPAN" ps --format '{{.Names}}' "$@" | sort | xargs; }
  [ "$(list -a --filter label=team=red)" = "$n-one $n-two" ]
  [ "$(list -a --filter label=team=red --filter label=tier)" = "$n-one" ]
  [ "$(list --filter name="$n" )" = "$n-two" ]
  [ "$(list --filter name="$n" --filter status=created)" = "$n-one" ]
  [ "$(list --filter name="$n" --filter status=created --filter status=running)" = "$n-one $n-two" ]
  [ "$("$SAMPAN" ps --filter name="$n-two" --format '{{.Names}}\t{{.State}} {{json .Image}}')" = "$n-two"$'\trunning "native:1"' ]
  [ "$("$SAMPAN" ps --filter name="$n-two" --format json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["state"])')" = running ]
  for words in "--filter nam=x" "--filter x" "--format {{.Nmaes}}" "--format {{range}}" "--format x"; do
    # shellcheck disable=SC2086
    run "$SAMPAN" ps -a $words
    [ "$status" -eq 2 ]
  done
}

@test "top, stats, port, prune" {
  n=$(name)
  "$SAMPAN" run -d --name "$n" --network host native:1 sleep 61
  [[ $("$SAMPAN" top "$n") == PID*"sleep 61"* ]]
  run "$SAMPAN" stats --no-stream "$n"
  [[ ${lines[0]} == *MEM* && ${lines[1]} == *"$n"* ]]
  [ "$("$SAMPAN" stats --no-stream --format json "$n" | python3 -c 'import json, sys; row = json.load(sys.stdin)[0]; print(row["pids"], row["memory"] > 0)')" = "1 True" ]
  [ "$("$SAMPAN" stats --no-stream --format '{{.Name}} {{.PIDs}}' "$n")" = "$n 1" ]
  run timeout -s INT 3.5 "$SAMPAN" stats "$n"
  [ "$(grep -c "$n" <<<"$output")" -ge 2 ]
  run "$SAMPAN" stats --no-stream "$n-none"
  [ "$status" -eq 1 ]
  "$SAMPAN" create --name "$n-old" --network host -l "old=$n" native:1 true
  run "$SAMPAN" prune --filter "label=old=$n"
  [ "$status" -eq 0 ]
  run "$SAMPAN" inspect --type container "$n-old"
  [ "$status" -eq 1 ]
  state_is "$n" running
}

@test "logs: since, until, tail, and a log that begins anew" {
  n=$(name)
  "$SAMPAN" run -d --name "$n" --network host native:1 sh -c 'echo early; sleep 2.2; echo late'
  "$SAMPAN" wait "$n"
  [ "$("$SAMPAN" logs --since 1s "$n")" != early ]
  when=$("$SAMPAN" logs -t --tail 1 "$n" | cut -d' ' -f1)
  [ "$("$SAMPAN" logs --since "$when" "$n")" = late ]
  [ "$("$SAMPAN" logs --until "$when" "$n")" = early ]
  [ "$("$SAMPAN" logs --since 1h "$n")" = $'early\nlate' ]
  run "$SAMPAN" logs --since yesterday "$n"
  [ "$status" -eq 2 ]
  "$SAMPAN" run -d --name "$n-big" --network host --log-opt max-size=8k native:1 sh -c 'seq 1 4000; echo last'
  "$SAMPAN" wait "$n-big"
  log=$("$SAMPAN" inspect -f '{{.LogPath}}' "$n-big")
  [ "$(stat -c %s "$log")" -le 16384 ]
  [[ $("$SAMPAN" logs "$n-big" | tail -n 1) == last ]]
}

@test "logs of several files: nothing is missing in between, the sizes hold, -f reads across" {
  n=$(name)
  "$SAMPAN" run -d --name "$n" --network host --log-opt max-size=8k --log-opt max-file=3 native:1 \
    sh -c 'for i in $(seq 1000); do echo line $i; [ $((i % 20)) -ne 0 ] || sleep 0.05; done; echo last' >/dev/null
  timeout 30 "$SAMPAN" logs -f "$n" >"$T/$n-follow"
  [ "$(wc -l <"$T/$n-follow")" -eq 1001 ]
  log=$("$SAMPAN" inspect -f '{{.LogPath}}' "$n")
  settled() { [ -e "$log.2" ] && [ ! -e "$log.3" ]; }
  wait_for 5 settled
  for file in "$log" "$log.1" "$log.2"; do [ "$(stat -c %s "$file")" -le 8192 ]; done
  "$SAMPAN" logs "$n" | sed -n 's/^line //p' >"$T/$n-lines"
  [ "$(tail -n 1 "$T/$n-lines")" = 1000 ]
  [ "$(wc -l <"$T/$n-lines")" -eq $((1000 - $(head -n 1 "$T/$n-lines") + 1)) ] # no hole
  [ "$(wc -l <"$T/$n-lines")" -gt "$("$SAMPAN" logs --tail 100000 "$n" | tail -n +1 | grep -c 'line 9[5-9]')" ]
  lines_of() { cut -d' ' -f4- "$1" | sed -n 's/^line //p'; }
  [ "$(lines_of "$log.1" | wc -l)" -gt 100 ]
  tail=$(($(lines_of "$log" | wc -l) + 30)) # reaches into the file before
  [ "$("$SAMPAN" logs --tail "$tail" "$n" | head -n 1)" = "line $((1000 - tail + 2))" ]
  # its supervisor is killed: the log stays bounded, and with the next start it goes on
  "$SAMPAN" run -d --name "$n-k" --network host --log-opt max-size=8k --log-opt max-file=2 native:1 sh -c 'seq 1 2000; sleep 0.5; echo end; sleep 60' >/dev/null
  for pid in $(pgrep -f "supervise $("$SAMPAN" inspect -f '{{.Id}}' "$n-k")"); do kill -9 "$pid"; done
  wait_for 10 bash -c '"$SAMPAN" logs '"$n-k"' | grep -q end'
  log=$("$SAMPAN" inspect -f '{{.LogPath}}' "$n-k")
  [ "$(cat "$log" "$log".[0-9] 2>/dev/null | wc -c)" -le 16384 ]
  "$SAMPAN" restart -t 0 "$n-k"
  wait_for 10 bash -c '[ "$("$SAMPAN" logs '"$n-k"' | grep -c end)" -ge 1 ]'
}

@test "kill -9 of run in its middle: ps shows what is left, rm takes it away, the name is free" {
  n=$(name)
  for wait in 0.01 0.03 0.06 0.1 0.15 0.25; do
    "$SAMPAN" run -d --name "$n" --network host native:1 sleep 60 >/dev/null 2>&1 3>&- & pid=$!
    sleep "$wait"
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    "$SAMPAN" ps -a >/dev/null
    id=$("$SAMPAN" inspect -f '{{.Id}}' "$n" 2>/dev/null || true)
    run "$SAMPAN" rm -f "$n"
    "$SAMPAN" run --rm --name "$n" --network host native:1 true
    [ -z "$id" ] || run ! grep -las "$id" /proc/[0-9]*/cmdline
  done
  for id in $(ls "$SAMPAN_ROOT/containers"); do
    "$SAMPAN" inspect --type container "$id" >/dev/null || [ -z "$(ls -A "$SAMPAN_ROOT/containers/$id")" ] # which is swept later
  done
}

@test "the empty folder of a create that was killed is swept when it is old" {
  mkdir "$SAMPAN_ROOT/containers/orphan" "$SAMPAN_ROOT/containers/young"
  touch -d '2 hours ago' "$SAMPAN_ROOT/containers/orphan"
  "$SAMPAN" ps
  [ ! -e "$SAMPAN_ROOT/containers/orphan" ]
  rmdir "$SAMPAN_ROOT/containers/young"
}

@test "volumes: create, ls, inspect, rm and prune; one in use stays" {
  n=$(name)
  [ "$("$SAMPAN" volume create "$n-kept")" = "$n-kept" ]
  "$SAMPAN" volume create "$n-free"
  "$SAMPAN" run --name "$n" --network host -v "$n-kept:/data" native:1 sh -c 'echo kept >/data/file'
  [[ $("$SAMPAN" volume ls) == *"$n-free"*"$n-kept"* ]]
  [[ $("$SAMPAN" volume ls --format '{{.Name}}') == *"$n-free"$'\n'*"$n-kept"* ]]
  [ "$(cat "$("$SAMPAN" volume inspect -f '{{.Mountpoint}}' "$n-kept")/file")" = kept ]
  run "$SAMPAN" volume rm "$n-kept"
  [ "$status" -eq 1 ]
  [[ $output == *"in use"*"$n"* ]]
  "$SAMPAN" volume prune
  run "$SAMPAN" volume ls -q
  [[ $output == *"$n-kept"* && $output != *"$n-free"* ]]
  "$SAMPAN" rm "$n"
  "$SAMPAN" volume rm "$n-kept"
  for words in "rm $n-none" "inspect ../x" "create a/b" "rm .." "lss"; do
    # shellcheck disable=SC2086
    run "$SAMPAN" volume $words
    [ "$status" -ne 0 ]
  done
  [ -d "$SAMPAN_ROOT/volumes" ]
}

@test "attach: input goes in, output comes out, the exit code is the container's" {
  n=$(name)
  "$SAMPAN" run -d -i --name "$n" --network host native:1 sh -c 'read line; echo got $line; echo bad >&2; sleep 0.3; exit 8'
  run bash -c 'echo hello | timeout 20 "$SAMPAN" attach '"$n"' 2>/dev/null'
  [ "$status" -eq 8 ]
  [ "$output" = "got hello" ]
  run "$SAMPAN" attach "$n"
  [ "$status" -eq 1 ]
}

@test "export: the files of one that runs and of one that doesn't, ready for import" {
  n=$(name)
  "$SAMPAN" run -d --name "$n" --network host -v "$n-v:/vol" native:1 sh -c 'echo mine >/file; rm /etc/group; echo v >/vol/inside; echo done; sleep 60'
  wait_for 10 bash -c '[ "$("$SAMPAN" logs '"$n"')" = done ]'
  "$SAMPAN" export -o "$T/$n.tar" "$n"
  [ "$(tar -xOf "$T/$n.tar" ./file 2>/dev/null || tar -xOf "$T/$n.tar" file)" = mine ]
  run tar -tf "$T/$n.tar"
  [[ $output != *etc/group* && $output != *inside* && $output != *.wh.* && $output == *bin/busybox* ]]
  "$SAMPAN" stop -t 0 "$n"
  "$SAMPAN" export "$n" >"$T/$n-2.tar"
  [ "$(tar -tf "$T/$n-2.tar" | grep -v '^\./proc\|^\./dev' | sort)" = "$(tar -tf "$T/$n.tar" | grep -v '^\./proc\|^\./dev' | sort)" ]
  "$SAMPAN" import "$T/$n.tar" "$n:1" >/dev/null
  [ "$("$SAMPAN" run --rm --network host "$n:1" cat /file)" = mine ]
  run "$SAMPAN" export -o "$T/none/x.tar" "$n"
  [ "$status" -eq 1 ]
}

@test "update: a policy holds at once, nonsense is refused" {
  n=$(name)
  "$SAMPAN" run -d --name "$n" --network host native:1 sleep 60
  "$SAMPAN" update --restart always --memory 64m "$n"
  [ "$("$SAMPAN" inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.Memory}}' "$n")" = "always 67108864" ]
  pid=$("$SAMPAN" inspect -f '{{.State.Pid}}' "$n")
  kill -9 "$pid"
  other() { local now && now=$("$SAMPAN" inspect -f '{{.State.Pid}}' "$n") && [ "$now" -gt 0 ] && [ "$now" != "$pid" ]; }
  wait_for 10 other
  "$SAMPAN" update --restart no "$n"
  kill -9 "$("$SAMPAN" inspect -f '{{.State.Pid}}' "$n")"
  sleep 1
  state_is "$n" exited
  for words in "" "--memory 1" "--restart never"; do
    # shellcheck disable=SC2086
    run "$SAMPAN" update $words "$n"
    [ "$status" -eq 2 ]
  done
}
