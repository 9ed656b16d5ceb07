#!/usr/bin/env bats
# Published ports and networks carry every byte: 200 MB each way, several at once, half-closed, slow, from all addresses; and end with the container.
bats_require_minimum_version 1.5.0
load common
load run_common

setup_file() {
  setup_containers
  if ! "$SAMPAN" run --rm native:1 true 2>"$T/error"; then
    echo "pasta doesn't work here: $(head -c 200 "$T/error")" >"$T/why"
    return
  fi
  head -c 200M /dev/urandom >"$T/data"
  head -c 20M "$T/data" >"$T/small"
  export SUM=$(sha256sum <"$T/data" | cut -d' ' -f1) SMALL=$(sha256sum <"$T/small" | cut -d' ' -f1)
  export UP=$(free_port) DOWN=$(free_port) LITTLE=$(free_port) ECHO=$(free_port)
  "$SAMPAN" run -d --name carrier -p "$UP:80" -p "$DOWN:81" -p "127.0.0.1:$LITTLE:82" -p "$ECHO:83" -v "$T/data:/data:ro" -v "$T/small:/small:ro" native:1 \
    sh -c 'nc -ll -p 81 -e cat /data & nc -ll -p 82 -e cat /small & nc -ll -p 80 -e sha256sum' >/dev/null
  wait_for 10 listens
  nsenter $([ "$(id -u)" = 0 ] || echo -U --preserve-credentials) -t "$("$SAMPAN" inspect -f '{{.State.Pid}}' carrier)" -n \
    python3 "$BATS_TEST_DIRNAME/ports.py" serve "" 83 "" 3>&- &
  echo "$!" >"$T/echo.pid"
}
teardown_file() {
  [ ! -e "$T/echo.pid" ] || kill "$(cat "$T/echo.pid")" || true
  remove_containers
}
setup() { [ ! -e "$T/why" ] || skip "$(cat "$T/why")"; }

# To a published port: something listens there even before the container's program does, but resets.
listens() { "$SAMPAN" exec carrier sh -c 'grep -q :0050 /proc/net/tcp /proc/net/tcp6 && grep -q :0052 /proc/net/tcp /proc/net/tcp6'; }
client() { timeout 55 python3 "$BATS_TEST_DIRNAME/ports.py" "$@"; }
outside() { hostname -I | tr ' ' '\n' | grep -v : | head -n 1; }
forwarders() { pgrep -f "forward $(dirname "$("$SAMPAN" inspect -f '{{.LogPath}}' "$1")")" || true; }

@test "200 MB go in and come out unharmed, over loopback and over the machine's address" {
  for address in 127.0.0.1 "$(outside)"; do
    [ "$(client up "$address" "$UP" "$T/data")" = "$SUM" ]
    [ "$(client down "$address" "$DOWN" "$T/data")" = "$SUM" ]
  done
}

@test "several connections at the same time, and both ways" {
  client down 127.0.0.1 "$DOWN" "$T/data" 2 >"$T/downs" &
  reader=$!
  run client up 127.0.0.1 "$UP" "$T/small" 6
  [ "$(sort <<<"$output" | uniq -c | tr -s ' ')" = " 6 $SMALL" ]
  wait "$reader"
  [ "$(sort "$T/downs" | uniq -c | tr -s ' ')" = " 2 $SUM" ]
}

@test "a slow client with small buffers gets everything" {
  [ "$(client down 127.0.0.1 "$LITTLE" "$T/small" 2 slow | sort -u)" = "$SMALL" ]
  [ "$(client up 127.0.0.1 "$UP" "$T/small" 2 slow | sort -u)" = "$SMALL" ]
}

@test "IPv6 comes in as well" {
  [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6 || skip "no IPv6 here"
  [ "$(client up ::1 "$UP" "$T/small")" = "$SMALL" ]
}

@test "who goes away in the middle harms nobody; hundreds at the same time are served" {
  for i in 1 2 3; do client drop 127.0.0.1 "$DOWN" "$T/data" 1; done
  [ "$(client many 127.0.0.1 "$ECHO" "$T/data" 400)" = 1 ]
  [ "$(client down 127.0.0.1 "$DOWN" "$T/data")" = "$SUM" ]
}

@test "a port that nobody listens on inside is reset, and so is a program's loopback" {
  n=$(name) port=$(free_port) own=$(free_port)
  "$SAMPAN" run -d --name "$n" -p "$port:7" -p "$own:8" native:1 sh -c 'nc -ll -s 127.0.0.1 -p 8 -e cat; sleep 100' >/dev/null
  run client down 127.0.0.1 "$port" "$T/small"
  [[ $output == *reset* ]]
  run client down 127.0.0.1 "$own" "$T/small"
  [[ $output == *reset* ]]
  pid=$(forwarders "$n")
  [ -n "$pid" ]
  "$SAMPAN" rm -f "$n"
  gone() { [ ! -d "/proc/$pid" ]; }
  wait_for 5 gone # it ends with the container
}

@test "200 MB between containers of a network, each way and at the same time" {
  n=$(name)
  "$SAMPAN" network create "$n"
  for one in a b; do
    "$SAMPAN" run -d --name "$n-$one" --network "$n" -v "$T/data:/data:ro" native:1 nc -ll -p 80 -e sha256sum >/dev/null
  done
  sleep 1
  send() { timeout 50 "$SAMPAN" exec "$n-$1" sh -c "nc $n-$2 80 </data" | cut -d' ' -f1; }
  send b a >"$T/back" &
  sender=$!
  [ "$(send a b)" = "$SUM" ]
  wait "$sender"
  [ "$(cat "$T/back")" = "$SUM" ]
}
