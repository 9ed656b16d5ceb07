#!/usr/bin/env bats
# Containers from beginning to end: native and emulated, in the foreground and detached, and what remains when things are killed.
load common
load run_common

setup_file() { setup_containers; }
teardown_file() { remove_containers; }

@test "the foreground gives output, exit code and user" {
  run "$SAMPAN" run --rm --network host -u bob -w /tmp -e A=b native:1 sh -c 'echo $A; pwd; id -u; id -G; exit 7'
  [ "$status" -eq 7 ]
  [ "$output" = $'b\n/tmp\n1000\n1000 50' ]
}

@test "stdin is read with -i, and closed without" {
  run bash -c 'echo hello | "$SAMPAN" run --rm -i --network host native:1 cat'
  [ "$output" = hello ]
  run bash -c 'echo hello | "$SAMPAN" run --rm --network host native:1 cat'
  [ -z "$output" ]
}

@test "a program that isn't there is an error and leaves no container" {
  run "$SAMPAN" run --name "$(name)" --network host native:1 nosuch
  [ "$status" -ne 0 ]
  [[ $output == *"cannot start the container"*nosuch* ]]
  run "$SAMPAN" run -d --name "$(name)" --network host native:1 nosuch
  [ "$status" -ne 0 ]
  run "$SAMPAN" inspect --type container "$(name)"
  [ "$status" -eq 1 ]
}

@test "detached: ps, exec, logs, stop, rm" {
  n=$(name)
  run "$SAMPAN" run -d --name "$n" --network host native:1 sh -c 'trap "exit 3" TERM; echo out; echo err >&2; while :; do sleep 0.1; done'
  [ "$status" -eq 0 ]
  [[ $output =~ ^[0-9a-f]{64}$ ]]
  id=$output
  wait_for 10 bash -c '"$SAMPAN" logs '"$n"' 2>&1 | grep -q err'
  [ "$("$SAMPAN" logs "$n" 2>/dev/null)" = out ]
  [ "$("$SAMPAN" logs -t --tail 1 "$n" 2>&1 | wc -w)" -eq 2 ]
  run "$SAMPAN" ps
  [[ $output == "CONTAINER ID"* && $output == *"${id:0:12}"*"Up "*"$n"* ]]
  run "$SAMPAN" exec -e X=y -u bob "$n" sh -c 'echo $X; id -u; exit 9'
  [ "$status" -eq 9 ]
  [ "$output" = $'y\n1000' ]
  run "$SAMPAN" rm "$n"
  [ "$status" -ne 0 ]
  [[ $output == *"is running"* ]]
  [ "$("$SAMPAN" stop "${id:0:10}")" = "${id:0:10}" ]
  [ "$("$SAMPAN" inspect "$n" | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["State"]["ExitCode"])')" = 3 ]
  "$SAMPAN" stop "$n"
  "$SAMPAN" rm "$n"
  [ ! -e "$SAMPAN_ROOT/containers/$id" ]
  run "$SAMPAN" rm "$n"
  [ "$status" -eq 1 ]
  [[ $output == *"no such container"* ]]
}

@test "logs -f ends with the container" {
  n=$(name)
  "$SAMPAN" run -d --name "$n" --network host native:1 sh -c 'for i in 1 2 3; do echo $i; sleep 0.3; done; printf end'
  run timeout 20 "$SAMPAN" logs -f "$n"
  [ "$status" -eq 0 ]
  [ "$output" = $'1\n2\n3\nend' ]
}

@test "a port is published, and goes with the container" {
  [ -w /dev/net/tun ] || skip "no /dev/net/tun"
  n=$(name) port=$(free_port)
  "$SAMPAN" run -d --name "$n" -p "127.0.0.1:$port:77" native:1 sh -c 'while :; do echo hello | nc -l -p 77; done'
  answer() { [ "$(timeout 2 busybox nc 127.0.0.1 "$port" </dev/null | head -n 1)" = hello ]; }
  wait_for 15 answer
  run "$SAMPAN" ps
  [[ $output == *"127.0.0.1:$port->77/tcp"* ]]
  run "$SAMPAN" run -d --name "$n-2" -p "127.0.0.1:$port:77" native:1 sleep 9
  [ "$status" -ne 0 ]
  [[ $output == *"is in use"* ]]
  pasta=$(cat "$SAMPAN_ROOT"/containers/"$("$SAMPAN" ps -q --no-trunc | head -n 1)"/bundle/pasta.pid)
  "$SAMPAN" rm -f "$n"
  wait_for 5 bash -c "[ ! -d /proc/$pasta ]"
}

@test "the host's loopback can't be reached from a network of one's own" {
  [ -w /dev/net/tun ] || skip "no /dev/net/tun"
  port=$(free_port)
  python3 -m http.server --bind 127.0.0.1 "$port" >/dev/null 2>&1 3>&- &
  echo $! >"$T/http.pid"
  wait_for_port "$port"
  run "$SAMPAN" run --rm native:1 sh -c "echo | nc -w 2 127.0.0.1 $port && echo reached"
  [[ $output != *reached* ]]
  end "$(cat "$T/http.pid")"
}

@test "a name is taken once, also by two at the same time" {
  n=$(name)
  "$SAMPAN" run -d --name "$n" --network host native:1 sleep 60 >"$T/$n.1" 2>&1 3>&- & a=$!
  "$SAMPAN" run -d --name "$n" --network host native:1 sleep 60 >"$T/$n.2" 2>&1 3>&- & b=$!
  failed=0
  wait $a || failed=$((failed + 1))
  wait $b || failed=$((failed + 1))
  [ $failed -eq 1 ]
  grep -q "is in use by container" "$T/$n.1" "$T/$n.2"
  [ "$("$SAMPAN" ps -a | grep -c " $n\$")" -eq 1 ]
  "$SAMPAN" rm -f "$n"
}

@test "conmon killed: the container is still seen, stopped and removed" {
  n=$(name)
  id=$("$SAMPAN" run -d --name "$n" --network host native:1 sleep 60)
  kill -9 "$(cat "$SAMPAN_ROOT/containers/$id/bundle/monitor.pid")"
  run "$SAMPAN" ps
  [[ $output == *"Up "*"$n"* ]]
  "$SAMPAN" stop -t 0 "$n"
  run "$SAMPAN" ps -a
  [[ $output == *"Exited (unknown)"*"$n"* ]]
  "$SAMPAN" rm "$n"
}

@test "^C in the foreground stops the container" {
  n=$(name)
  "$SAMPAN" run --name "$n" --network host native:1 sh -c 'trap "exit 4" TERM; while :; do sleep 0.1; done' 3>&- &
  pid=$!
  wait_for 10 bash -c '"$SAMPAN" ps | grep -q "Up .*'"$n"'"'
  sleep 0.3
  kill -INT $pid
  code=0
  wait $pid || code=$?
  [ $code -eq 4 ]
  "$SAMPAN" rm "$n"
}

@test "kill -9 of the foreground leaves no process behind" {
  n=$(name)
  "$SAMPAN" run --name "$n" --network host native:1 sleep 61 3>&- &
  pid=$!
  wait_for 10 bash -c '"$SAMPAN" ps | grep -q "Up .*'"$n"'"'
  kill -9 $pid
  gone() { local out && out=$("$SAMPAN" ps) && [[ $out != *"$n"* ]]; }
  wait_for 10 gone
  "$SAMPAN" rm "$n"
}

@test "--rm -d: gone when it has ended, and its name is free" {
  n=$(name)
  "$SAMPAN" run -d --rm --name "$n" --network host native:1 true
  gone() { local out && out=$("$SAMPAN" ps -a) && [[ $out != *" $n" && $out != *" $n"$'\n'* ]]; }
  wait_for 10 gone
  "$SAMPAN" run --rm --name "$n" --network host native:1 true
}

@test "volumes: a folder read-only, a named one that starts with the image's files, tmpfs, a read-only root" {
  mkdir -p "$T/host"
  echo here >"$T/host/file"
  run "$SAMPAN" run --rm --network host --read-only -v "$T/host:/mnt:ro" -v keep:/etc --tmpfs /scratch native:1 sh -c \
    'cat /mnt/file; echo x >/mnt/file; echo y >/etc/new; echo z >/z; ls /etc; echo >/scratch/s && echo fine'
  [[ $output == *here* && $output == *passwd* && $output == *fine* ]]
  [ "$(cat "$T/host/file")" = here ]
  [ "$("$SAMPAN" run --rm --network host -v keep:/etc native:1 cat /etc/new)" = y ]
}

@test "nothing of ours is open inside, and docker's paths are masked" {
  run "$SAMPAN" run --rm --network host native:1 sh -c 'ls /proc/self/fd | wc -l; wc -c </proc/keys; echo x >/proc/sys/kernel/hostname'
  [ "${lines[0]}" -eq 4 ]
  [ "${lines[1]}" -eq 0 ]
  [[ $output == *"Read-only"* ]]
}

@test "limits hold where the kernel has the controller" {
  grep -q pids /proc/cgroups && [ "$(id -u)" -eq 0 ] || skip "no pids controller"
  run "$SAMPAN" run --rm --network host --pids-limit 5 native:1 sh -c 'for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; wait'
  [[ $output == *fork* || $output == *"warning: cannot limit"* ]]
}

@test "wrong words are refused with a reason" {
  for words in "-p x" "-v x" "-m 1" "--cpus x" "--pids-limit 0" "--name -x" "-t"; do
    # shellcheck disable=SC2086
    run "$SAMPAN" run --rm $words native:1 true </dev/null
    [ "$status" -eq 2 ]
  done
  run "$SAMPAN" run --rm --network bridgee native:1 true
  [ "$status" -eq 1 ]
  [[ $output == *"did you mean bridge?"* ]]
}
