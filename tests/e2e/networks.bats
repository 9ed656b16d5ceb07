#!/usr/bin/env bats
# Networks with names: members find and reach each other, others don't; what is killed comes back.
bats_require_minimum_version 1.5.0
load common
load run_common

setup_file() {
  setup_containers
  if ! "$SAMPAN" run --rm native:1 true 2>"$T/error"; then
    echo "pasta doesn't work here: $(head -c 200 "$T/error")" >"$T/why"
  fi
}
teardown_file() { remove_containers; }
setup() { [ ! -e "$T/why" ] || skip "$(cat "$T/why")"; }

server='while :; do echo hello from $HOSTNAME | nc -l -p 80; done'
member() { # NETWORK NAME [OPTION…]: one that answers on port 80 by its host name
  "$SAMPAN" run -d --name "$2" --hostname "$2" --network "$1" "${@:3}" native:1 sh -c "$server" >/dev/null
}
ask() { timeout 10 "$SAMPAN" exec "$1" nc "$2" "${3:-80}" </dev/null; } # CONTAINER NAME [PORT]
says() { [ "$(ask "$1" "$2")" = "hello from $3" ]; }
silent() { run timeout 4 "$SAMPAN" exec "$1" nc -w 2 "$2" 80 </dev/null && [[ $output != *hello* ]]; }
alive() { [ -d "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status"; }
address() { "$SAMPAN" inspect -f '{{json .NetworkSettings.Networks}}' "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]]["IPAddress"])' "$2"; }
link_of() { cat "$(dirname "$("$SAMPAN" inspect -f '{{.LogPath}}' "$1")")"/link-*.pid; }

@test "names, aliases and ids lead to each other; a stopped one is forgotten, a renamed one found" {
  n=$(name)
  "$SAMPAN" network create "$n"
  member "$n" "$n-a"
  member "$n" "$n-b" --network-alias bee --network-alias db
  wait_for 5 says "$n-a" "$n-b" "$n-b"
  says "$n-b" "$n-a" "$n-a"
  for alias in bee db "$("$SAMPAN" inspect -f '{{.Id}}' "$n-b" | head -c 12)"; do wait_for 5 says "$n-a" "$alias" "$n-b"; done
  wait_for 5 says "$n-a" "$n-a" "$n-a" # itself
  "$SAMPAN" exec "$n-a" sh -c 'echo 192.0.2.99 mine >>/etc/hosts'
  "$SAMPAN" rename "$n-b" "$n-c"
  wait_for 5 says "$n-a" "$n-c" "$n-b"
  "$SAMPAN" stop -t 0 "$n-c"
  run "$SAMPAN" exec "$n-a" cat /etc/hosts
  [[ $output != *"$n-c"* && $output == *mine* && $output == *"$n-a"* ]]
  before=$(address "$n-c" "$n")
  "$SAMPAN" start "$n-c"
  [ "$(address "$n-c" "$n")" = "$before" ]
  wait_for 5 says "$n-a" "$n-c" "$n-b"
  # one that ends by itself, too
  "$SAMPAN" exec "$n-c" sh -c 'kill -9 -1' || true
  "$SAMPAN" kill -s KILL "$n-c" || true
  gone() { ! "$SAMPAN" exec "$n-a" grep -q "$n-c" /etc/hosts; }
  wait_for 10 gone
}

@test "a program that starts finds the others at once, and the way out and published ports are there" {
  n=$(name)
  port=$(free_port)
  "$SAMPAN" network create "$n"
  member "$n" "$n-a" -p "127.0.0.1:$port:80"
  [[ $("$SAMPAN" run --rm --network "$n" native:1 sh -c "cat /etc/hosts; busybox ip route") == *"$n-a"*"default via"* ]]
  answers() { [ "$(nc -w 2 127.0.0.1 "$port" </dev/null)" = "hello from $n-a" ]; }
  wait_for 10 answers
}

@test "networks are apart; an internal one has no way out" {
  n=$(name)
  "$SAMPAN" network create "$n-1"
  "$SAMPAN" network create --internal "$n-2"
  member "$n-1" "$n-a"
  member "$n-2" "$n-b"
  member "$n-2" "$n-c"
  wait_for 5 says "$n-b" "$n-c" "$n-c"
  run ! "$SAMPAN" exec "$n-b" grep -q "$n-a" /etc/hosts
  silent "$n-a" "$(address "$n-b" "$n-2")"
  [ -z "$("$SAMPAN" exec "$n-b" busybox ip route | grep default)" ]
  [ "$("$SAMPAN" exec "$n-b" sh -c 'ls /sys/class/net | xargs')" = "lo net0" ]
  run "$SAMPAN" run --rm --network "$n-2" -p "$(free_port):80" native:1 true
  [ "$status" -eq 0 ]
  [[ $output == *"no effect"* ]]
}

@test "connect and disconnect, running and not; inspect and ps show it" {
  n=$(name)
  "$SAMPAN" network create "$n-1"
  "$SAMPAN" network create "$n-2"
  member "$n-1" "$n-a"
  member "$n-2" "$n-b"
  silent "$n-a" "$(address "$n-b" "$n-2")"
  "$SAMPAN" network connect --alias also "$n-2" "$n-a"
  wait_for 5 says "$n-b" also "$n-a"
  wait_for 5 says "$n-a" "$n-b" "$n-b"
  [ "$("$SAMPAN" ps --filter network="$n-2" --format '{{.Names}}' | sort | xargs)" = "$n-a $n-b" ]
  [[ $("$SAMPAN" network inspect "$n-2") == *"\"Name\": \"$n-a\""* ]]
  "$SAMPAN" restart -t 0 "$n-a"
  wait_for 5 says "$n-b" "$n-a" "$n-a"
  "$SAMPAN" network disconnect "$n-2" "$n-a"
  run ! "$SAMPAN" exec "$n-b" grep -q also /etc/hosts
  [ "$("$SAMPAN" exec "$n-a" sh -c 'ls /sys/class/net | grep -c net')" = 1 ]
  run "$SAMPAN" network connect "$n-1" "$n-a"
  [ "$status" -eq 1 ]
  "$SAMPAN" create --name "$n-host" --network host native:1 true
  run "$SAMPAN" network connect "$n-1" "$n-host"
  [ "$status" -eq 1 ]
  "$SAMPAN" create --name "$n-late" native:1 sleep 60
  "$SAMPAN" network connect "$n-2" "$n-late"
  "$SAMPAN" start "$n-late"
  wait_for 5 says "$n-late" "$n-b" "$n-b"
}

@test "megabytes go through whole, both ways at once" {
  n=$(name)
  busybox --list | grep -qx httpd && busybox --list | grep -qx wget || skip "busybox without httpd and wget"
  "$SAMPAN" network create "$n"
  for c in a b; do
    "$SAMPAN" run -d --name "$n-$c" --network "$n" native:1 sh -c 'mkdir /w; head -c 40000000 /dev/urandom >/w/data; sha256sum </w/data >/sum
      touch /ready; exec busybox httpd -f -p 81 -h /w' >/dev/null
  done
  for c in a b; do wait_for 15 "$SAMPAN" exec "$n-$c" cat /ready; done
  sleep 0.5
  timeout 60 "$SAMPAN" exec "$n-a" sh -c "busybox wget -qO- http://$n-b:81/data | sha256sum" >"$T/$n-b" 3>&- & pid=$!
  [ "$(timeout 60 "$SAMPAN" exec "$n-b" sh -c "busybox wget -qO- http://$n-a:81/data | sha256sum")" = "$("$SAMPAN" exec "$n-a" cat /sum)" ]
  wait "$pid"
  [ "$(cat "$T/$n-b")" = "$("$SAMPAN" exec "$n-b" cat /sum)" ]
}

@test "no member speaks as another" {
  n=$(name)
  "$SAMPAN" network create "$n"
  member "$n" "$n-a"
  "$SAMPAN" run -d --name "$n-evil" --network "$n" --cap-add NET_ADMIN native:1 sleep 60 >/dev/null
  wait_for 5 says "$n-evil" "$n-a" "$n-a"
  "$SAMPAN" exec "$n-evil" sh -c 'busybox ip link set net0 down; busybox ip link set net0 address 02:42:0a:59:63:63; busybox ip link set net0 up'
  silent "$n-evil" "$(address "$n-a" "$n")"
}

@test "kill -9 of a carrier, and of a monitor: the next command heals" {
  n=$(name)
  "$SAMPAN" network create "$n"
  member "$n" "$n-a"
  member "$n" "$n-b"
  wait_for 5 says "$n-a" "$n-b" "$n-b"
  kill -9 "$(link_of "$n-b")"
  "$SAMPAN" run --rm --network "$n" native:1 true
  wait_for 5 says "$n-a" "$n-b" "$n-b"
  kill -9 "$(cat "$(dirname "$("$SAMPAN" inspect -f '{{.LogPath}}' "$n-b")")/monitor.pid")" "$("$SAMPAN" inspect -f '{{.State.Pid}}' "$n-b")"
  link=$(link_of "$n-b")
  "$SAMPAN" start "$n-b"
  wait_for 5 says "$n-a" "$n-b" "$n-b"
  run ! alive "$link"
  links=$(link_of "$n-a"; link_of "$n-b")
  "$SAMPAN" rm -f "$n-a" "$n-b"
  for pid in $links; do ended() { ! alive "$pid"; }; wait_for 5 ended; done
  "$SAMPAN" network rm "$n"
}

@test "create, ls, inspect, rm, prune; nonsense is refused" {
  n=$(name)
  id=$("$SAMPAN" network create --subnet 172.29.7.0/29 --gateway 172.29.7.2 --label team=red -d bridge "$n")
  [ "$("$SAMPAN" network inspect -f '{{.Id}} {{.Labels.team}} {{.Internal}}' "$n")" = "$id red false" ]
  [[ $("$SAMPAN" network ls) == *"${id:0:12}   $n"*172.29.7.0/29* ]]
  for c in 1 3 4 5 6; do
    "$SAMPAN" create --name "$n-$c" --network "$n" native:1 sleep 60 >/dev/null
    [ "$(address "$n-$c" "$n")" = "172.29.7.$c" ]
  done
  run "$SAMPAN" create --network "$n" native:1 true
  [ "$status" -eq 1 ]
  [[ $output == *"no address left"* ]]
  "$SAMPAN" start "$n-1"
  run "$SAMPAN" network rm "$n"
  [ "$status" -eq 1 ]
  "$SAMPAN" network create "$n-free"
  "$SAMPAN" network prune
  [[ $("$SAMPAN" network ls) == *"$n "* && $("$SAMPAN" network ls) != *"$n-free"* ]]
  "$SAMPAN" stop -t 0 "$n-1"
  "$SAMPAN" network rm "$n"
  run "$SAMPAN" start "$n-1"
  [ "$status" -eq 1 ]
  [[ $output == *"no such network"* ]]
  for words in "create host" "create -x" "create a/b" "create $n --subnet 10.0.0.1/24" "create $n --subnet x" "create $n --gateway 1.2.3.4" "crate $n" \
    "create $n --driver overlay" "rm bridge" "rm $n-none" "inspect $n-none" "create --subnet 127.0.0.0/8 $n"; do
    # shellcheck disable=SC2086
    run "$SAMPAN" network $words
    [ "$status" -ne 0 ]
  done
  run "$SAMPAN" run --rm --network "$n-none" native:1 true
  [ "$status" -eq 1 ]
  run "$SAMPAN" run --rm --network-alias x native:1 true
  [ "$status" -eq 2 ]
}

@test "network ls --format prints a template, and refuses what is none; a name that can't be says why" {
  n=$(name)
  "$SAMPAN" network create "$n"
  [[ $("$SAMPAN" network ls --format '{{.ID}} {{.Name}} {{.Driver}}') == *" $n sampan"* ]]
  run "$SAMPAN" network ls --format jsn
  [ "$status" -eq 2 ]
  [[ $output == *"not 'jsn'"* ]]
  run "$SAMPAN" network create x
  [ "$status" -eq 2 ]
  [[ $output == *"two or more of"* ]]
  "$SAMPAN" network rm "$n"
}
