#!/usr/bin/env bats
# The whole story, on riscv64: a base image, a Dockerfile with redis from packages and a program compiled from source, a registry, a second
# store as the board, redis-cli. Under emulation it takes some minutes; the demo does the same with redis built from source.

load common

setup_file() {
  setup_folder
  start_registry "$T/host"
  export BASE=$REGISTRY/base/debian IMAGE=$REGISTRY/riscv64/redis:1.1
}

teardown_file() {
  "$SAMPAN" --root "$T/board" rm -f redis-test >/dev/null 2>&1 || true
  remove_folder
}

host() { "$SAMPAN" --root "$T/host" "$@"; }
board() { "$SAMPAN" --root "$T/board" "$@"; }

@test "a minimal Debian for riscv64 is made by mmdebstrap" {
  # The stable suite; the unstable one where the mirror's index of the other doesn't match its signature just now.
  echo debian:trixie >"$T/base"
  run host base debian:trixie --platform linux/riscv64 -t "$BASE"
  if [ "$status" -ne 0 ]; then
    echo "$output"
    [[ "$output" == *"does not match its signed Release file"* ]]
    echo debian:sid >"$T/base"
    host base debian:sid --platform linux/riscv64 --apt-option 'Acquire::Check-Valid-Until "false"' -t "$BASE"
  fi
  host images --format json | jq -e '.[] | select(.platform == "linux/riscv64")'
  [ "$(host inspect --type image "$BASE" | jq '.[0].History | length')" = 1 ] # one entry a layer: docker loads no other
}

@test "the same base again is there at once" {
  option=(); [ "$(cat "$T/base")" = debian:trixie ] || option=(--apt-option 'Acquire::Check-Valid-Until "false"')
  run host base "$(cat "$T/base")" --platform linux/riscv64 "${option[@]}" -t "$REGISTRY/base/again:1"
  [ "$status" -eq 0 ]
  [[ "$output" == *"made before"* ]]
}

@test "the Dockerfile builds for riscv64" {
  mkdir "$T/context"
  cp "$TOP"/examples/redis/{Dockerfile.package,machine.c,redis.conf} "$T/context/"
  run host build --network host --platform linux/riscv64 --build-arg BASE="$BASE" -f "$T/context/Dockerfile.package" -t "$IMAGE" "$T/context"
  echo "$output" | tail -30
  [ "$status" -eq 0 ]
}

@test "the same build again is cached, in a second" {
  SECONDS=0
  run host build --network host --platform linux/riscv64 --build-arg BASE="$BASE" -f "$T/context/Dockerfile.package" -t "$IMAGE" "$T/context"
  [ "$status" -eq 0 ]
  [[ "$output" == *CACHED* ]]
  [ "$SECONDS" -le 5 ]
}

@test "a step in which an emulated program crashed is tried once more, from where it began" {
  cat >"$T/context/Crash" <<'END'
ARG BASE
FROM ${BASE}
RUN --mount=type=cache,target=/c test -e /c/once || { touch /c/once /left; sh -c 'kill -SEGV $$'; }
RUN test ! -e /left
END
  run host build --platform linux/riscv64 --build-arg BASE="$BASE" -f "$T/context/Crash" "$T/context"
  echo "$output" | tail -20
  [ "$status" -eq 0 ]
  [[ "$output" == *"once more"* ]]
  printf 'ARG BASE\nFROM ${BASE}\nRUN sh -c "kill -SEGV \$\$"\n' >"$T/context/Never"
  run host build --platform linux/riscv64 --build-arg BASE="$BASE" -f "$T/context/Never" "$T/context"
  [ "$status" -eq 1 ]
  [[ "$output" == *"crashed under emulation, twice"* ]]
}

@test "twins ran what they could, and uname says riscv64 all the same" {
  printf 'ARG BASE\nFROM ${BASE}\nRUN uname -m >/machine; for i in 1 2 3; do ls / | sort >/list; done\n' >"$T/context/Twins"
  run host build --progress plain --twins=verify --platform linux/riscv64 --build-arg BASE="$BASE" -f "$T/context/Twins" -t twins "$T/context"
  echo "$output" | tail -20
  [ "$status" -eq 0 ]
  [[ "$output" =~ ([0-9]+)\ programs\ ran\ as\ twins ]]
  [ "${BASH_REMATCH[1]}" -ge 6 ]
  [ "$(host run --rm --network none --platform linux/riscv64 twins cat /machine)" = riscv64 ]
  host twin ls | grep -F "linux/riscv64"
}

@test "push moves no byte, and prints what docker prints" {
  run host push "$IMAGE"
  echo "$output"
  [ "$status" -eq 0 ]
  [[ "${lines[0]}" == "The push refers to repository [$REGISTRY/riscv64/redis]" ]]
  [[ "${lines[-1]}" =~ ^1\.1:\ digest:\ sha256:[0-9a-f]{64}\ size:\ [0-9]+$ ]]
  run curl -sf "http://$REGISTRY/v2/_catalog"
  [ "$output" = '{"repositories":["riscv64/redis"]}' ]
}

@test "the board pulls it" {
  board pull --platform linux/riscv64 "$IMAGE"
  board images | grep -F "riscv64/redis"
}

@test "the board runs it, and GET foo says bar" {
  port=$(free_port)
  echo "$port" >"$T/redis-port"
  id=$(board run -d --platform linux/riscv64 --name redis-test -p "$port:6379" "$IMAGE" 3>&-)
  [[ "$id" =~ ^[0-9a-f]{64}$ ]]
  for _ in $(seq 300); do redis-cli -p "$port" ping 2>/dev/null | grep -qE 'NOAUTH|PONG' && break; sleep 0.2; done
  run redis-cli -p "$port" GET foo
  [[ "$output" == *NOAUTH* ]]
  [ "$(printf 'AUTH password\nSET foo bar\nGET foo\n' | redis-cli -p "$port")" = $'OK\nOK\nbar' ]
}

@test "inside it is riscv64" {
  [ "$(board exec redis-test uname -m)" = riscv64 ]
  [ "$(board exec redis-test machine)" = "compiled for riscv64, runs on riscv64" ]
}

@test "ps, logs, stop, rm" {
  board ps | grep -F redis-test
  board logs redis-test | grep -iE 'ready to accept connections'
  board stop redis-test
  board ps -a | grep -F redis-test | grep -F Exited
  board rm redis-test
  [ "$(board ps -aq)" = "" ]
  run redis-cli -p "$(cat "$T/redis-port")" ping
  [ "$status" -ne 0 ]
}

@test "nothing is left mounted, running or registered" {
  ! grep -F "$T" /proc/self/mounts
  ! pgrep -f "conmon.*$T" >/dev/null
  [ ! -e /proc/sys/fs/binfmt_misc/qemu-riscv64 ] || ! grep -q "$T" /proc/sys/fs/binfmt_misc/qemu-riscv64
}
