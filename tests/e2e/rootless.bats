#!/usr/bin/env bats
# The runner as an unprivileged user with ids in /etc/subuid: the same commands, nothing of root's needed.
bats_require_minimum_version 1.5.0
load common
load run_common

someone() { # a user of this machine with ids to give
  local name
  while IFS=: read -r name _; do
    [ "$name" != root ] && id "$name" >/dev/null 2>&1 && grep -q "^$name:" /etc/subgid 2>/dev/null && echo "$name" && return
  done </etc/subuid 2>/dev/null
  return 1
}

setup_file() {
  setup_folder
  if [ "$(id -u)" != 0 ] || ! command -v newuidmap >/dev/null || ! someone >"$T/user"; then
    echo "needs root to become a user who has ids in /etc/subuid" >"$T/why"
    return
  fi
  export SOMEONE SAMPAN_PROGRAM=$T/bin/sampan
  SOMEONE=$(cat "$T/user")
  chmod 755 "$T"
  mkdir "$T/bin" "$T/work"
  cp "$SAMPAN" "$T/bin/sampan"
  if [ -e /dev/net/tun ] && mknod -m 666 "$T/tun" c 10 200 && (: <>"$T/tun") 2>/dev/null; then export WITH_TUN=with_tun; fi
  chown "$SOMEONE" "$T/work"
  busybox_tar "$T/native.tar"
  chmod 644 "$T/native.tar"
  as import "$T/native.tar" native:1 >/dev/null 2>"$T/error" && as run --rm --network none native:1 true 2>"$T/error" ||
    echo "unprivileged user namespaces don't work here: $(tail -n 1 "$T/error")" >"$T/why"
}
teardown_file() {
  if [ -n "${SOMEONE:-}" ]; then
    as ps -aq | while read -r id; do as rm -f "$id" >/dev/null; done
    as volume prune >/dev/null || true
  fi
  remove_folder
}
setup() {
  [ ! -e "$T/why" ] || skip "$(cat "$T/why")"
  mkdir -p "$T/work/$BATS_TEST_NUMBER"
  OUT=$T/work/$BATS_TEST_NUMBER
  chown "$SOMEONE" "$OUT"
  cd "$OUT"
}

# Where /dev/net/tun is not the user's, it sees one that is.
with_tun() { unshare --mount --propagation slave sh -c 'mount --bind "$0" /dev/net/tun; exec "$@"' "$T/tun" "$@"; }
as() { # sampan as the user
  ${WITH_TUN:-} setpriv --reuid "$SOMEONE" --regid "$(id -g "$SOMEONE")" --init-groups env -i "PATH=$PATH" "HOME=$T/work" "SAMPAN_ROOT=$T/work/store" "$SAMPAN_PROGRAM" "$@"
}
started() { # NAME SCRIPT [OPTION…]: runs it, and waits for /ready
  as run -d --name "$1" --network none "${@:3}" native:1 sh -c "$2; touch /ready; sleep 600" >/dev/null
  wait_for 10 as exec "$1" cat /ready
}
state() { as inspect -f '{{.State.Status}}' "$1"; }

@test "cp, both ways, running and stopped, for users of the container too" {
  n=$(name)
  started "$n" 'mkdir /d; echo x >/d/x; chown -R 1000:50 /d; chmod 700 /d; echo rw >/vol/v; chown 33 /vol/v' -v "$n-v:/vol"
  echo hello >f
  chown "$SOMEONE:$(id -g "$SOMEONE")" f
  as cp f "$n:/d/"
  [ "$(as exec "$n" stat -c %u:%g /d/f)" = 0:0 ] # the user is root in there
  as cp "$n:/d" out
  [ "$(cat out/x)" = x ]
  [ "$(stat -c %U out/x)" = "$SOMEONE" ]
  as cp "$n:/vol/v" v1
  tar --owner=77 --group=78 -cf - f | as cp - "$n:/d"
  [ "$(as exec "$n" stat -c %u:%g /d/f)" = 77:78 ]
  as stop -t 0 "$n"
  as cp "$n:/d/x" x2
  as cp "$n:/vol/v" v2
  [ "$(cat x2 v1 v2 | xargs)" = "x rw rw" ]
  as cp f "$n:/vol/"
  as start "$n"
  [ "$(as exec "$n" cat /vol/f)" = hello ]
  ln -s /etc/shadow shadow
  run as cp -L shadow "$n:/stolen"
  [ "$status" -eq 1 ]
}

@test "diff, commit, export: owners are kept" {
  n=$(name)
  started "$n" 'mkdir /d; echo x >/d/x; chown -R 1000:50 /d; chmod 700 /d; rm /etc/group'
  [ "$(as diff "$n")" = "$(printf '%s\n' 'A /d' 'A /d/x' 'C /etc' 'D /etc/group' 'A /ready')" ]
  as commit -c 'CMD ["cat", "/d/x"]' "$n" "$n:1" >/dev/null
  [ "$(state "$n")" = running ]
  [ "$(as run --rm --network none "$n:1")" = x ]
  [ "$(as run --rm --network none "$n:1" stat -c %u:%g /d/x)" = 1000:50 ]
  as export -o "$OUT/running.tar" "$n"
  as stop -t 0 "$n"
  as commit "$n" "$n:2" >/dev/null
  [ "$(as run --rm --network none "$n:2" stat -c %u:%g:%a /d)" = 1000:50:700 ]
  as export -o "$OUT/stopped.tar" "$n"
  [ "$(tar -tvf running.tar --numeric-owner | grep -c '1000/50')" = 2 ]
  [ "$(tar -tvf stopped.tar --numeric-owner | grep -c '1000/50')" = 2 ]
}

@test "events, stats, top, update, rename, pause, logs of several files, health" {
  n=$(name)
  as run -d --name "$n" --network none --log-opt max-size=4k --log-opt max-file=2 --health-cmd true --health-interval 1s native:1 \
    sh -c 'i=0; while :; do i=$((i + 1)); echo line $i; sleep 0.01; done' >/dev/null
  [[ $(as top "$n") == *"sh -c i=0"* ]]
  [ "$(as stats --no-stream --format '{{.Name}}' "$n")" = "$n" ]
  as rename "$n" "$n-b"
  as pause "$n-b"
  [ "$(state "$n-b")" = paused ]
  one=$(as logs "$n-b" | tail -n 1)
  sleep 0.3
  [ "$(as logs "$n-b" | tail -n 1)" = "$one" ]
  as unpause "$n-b"
  rotated() { [ -e "$(as inspect -f '{{.LogPath}}' "$n-b").1" ]; }
  wait_for 10 rotated
  healthy() { [ "$(as inspect -f '{{.State.Health.Status}}' "$n-b")" = healthy ]; }
  wait_for 10 healthy
  as update --restart always "$n-b"
  as stop -t 0 "$n-b"
  as rm "$n-b"
  sleep 1.1
  [ "$(as events --since 1h --until 1s --filter type=container --filter container="$n-b" --format '{{.Action}}' | grep -Ev 'exec|health' | xargs)" = \
    "rename pause unpause update die stop destroy" ]
  [ "$(as events --since 1h --until 1s --filter event=health_status --format '{{.Action}}')" = "health_status: healthy" ]
  [ "$(as events --since 1h --until 1s --filter container="$n" --format '{{.Action}}' | xargs)" = "create start" ]
}

@test "device files can't be made, nor opened from a layer or a volume" {
  n=$(name)
  mkdir image && tar -C image -xf "$T/native.tar" && mknod image/zero c 1 5 && chmod 666 image/zero
  tar -C image -cf image.tar . && chmod 644 image.tar
  as import "$OUT/image.tar" "$n:1" >/dev/null
  run as run --rm --network none "$n:1" sh -c 'busybox mknod /x c 1 5 && echo MADE; head -c 1 /zero && echo OPENED; head -c 2 /dev/zero | wc -c'
  [[ $output == *2 && $output != *MADE* && $output != *OPENED* ]]
}

@test "kill -9 of the monitor and of a start: rm takes away what is left" {
  n=$(name)
  started "$n" true
  kill -9 "$(cat "$(dirname "$(as inspect -f '{{.LogPath}}' "$n")")/monitor.pid")"
  as cp "$n:/ready" ready
  as rm -f "$n"
  for wait in 0.02 0.05 0.1 0.2; do
    as run -d --name "$n-k" --network none native:1 sleep 60 >/dev/null 2>&1 3>&- & pid=$!
    sleep "$wait"
    pkill -9 -P "$pid" 2>/dev/null || true
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    run as rm -f "$n-k"
    echo "after $wait: $output"
    as run --rm --name "$n-k" --network none native:1 true
  done
}

@test "networks with names: members in namespaces of their own find each other" {
  n=$(name)
  as run --rm native:1 true 2>"$T/pasta-error" || skip "pasta doesn't work here: $(head -c 200 "$T/pasta-error")"
  as network create "$n"
  as network create --internal "$n-i"
  as run -d --name "$n-a" --network "$n" native:1 sh -c 'while :; do echo hello | nc -l -p 80; done' >/dev/null
  as run -d --name "$n-b" --network "$n" native:1 sleep 60 >/dev/null
  reaches() { [ "$(as exec "$1" nc -w 3 "$2" 80 </dev/null)" = hello ]; }
  wait_for 5 reaches "$n-b" "$n-a"
  as run -d --name "$n-c" --network "$n-i" native:1 sleep 60 >/dev/null
  as network connect --alias web "$n-i" "$n-a"
  wait_for 5 reaches "$n-c" web
  kill -9 "$(cat "$(dirname "$(as inspect -f '{{.LogPath}}' "$n-b")")"/link-*.pid)"
  as restart -t 0 "$n-a"
  as ps >/dev/null
  wait_for 5 reaches "$n-b" "$n-a"
  as exec "$n-a" sh -c 'kill -9 -1' || true
  as kill -s KILL "$n-a" || true
  gone() { ! as exec "$n-b" grep -q "$n-a" /etc/hosts; }
  wait_for 10 gone
  as rm -f "$n-a" "$n-b" "$n-c"
  as network prune
}

@test "a published port of a user's container carries everything, and is closed with it" {
  n=$(name) port=$(free_port)
  as run --rm native:1 true 2>"$T/pasta-error" || skip "pasta doesn't work here: $(head -c 200 "$T/pasta-error")"
  head -c 20M /dev/urandom >"$OUT/data"
  as run -d --name "$n" -p "127.0.0.1:$port:80" native:1 nc -ll -p 80 -e sha256sum >/dev/null
  carried() { [ "$(timeout 20 python3 "$BATS_TEST_DIRNAME/ports.py" up 127.0.0.1 "$port" "$OUT/data" 2>/dev/null)" = "$(sha256sum <"$OUT/data" | cut -d' ' -f1)" ]; }
  wait_for 3 carried
  as rm -f "$n"
  closed() { ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
  wait_for 5 closed
}
