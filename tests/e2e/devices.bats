#!/usr/bin/env bats
# Device files: whoever is in a container may make them and opens none but the harmless ones, by a cgroup of v1, of v2, or without any.
bats_require_minimum_version 1.5.0
load common
load run_common

setup_file() {
  setup_containers
  # c 1:1 is all of this machine's memory
  mkdir "$T/image"
  tar -C "$T/image" -xf "$T/native.tar"
  if mknod "$T/image/mem" c 1 1 && mknod "$T/image/zero" c 1 5; then
    chmod 666 "$T/image/mem" "$T/image/zero"
    tar -C "$T/image" -cf "$T/image.tar" .
    "$SAMPAN" import "$T/image.tar" devices:1 >/dev/null
  fi
}
teardown_file() { remove_containers; }
setup() { [ "$(id -u)" = 0 ] && [ -e "$T/image.tar" ] || skip "needs root, and a machine where device files can be made"; }

# Runs a command where some of the cgroup hierarchies are not mounted: v1's devices, or the one of v2, too.
without() { # MOUNTS -- COMMAND…
  local list=()
  while [ "$1" != -- ]; do list+=("$1"); shift; done
  shift
  unshare --mount --propagation private bash -c '
    while [ "$1" != -- ]; do umount "$1" || exit 99; shift; done
    shift
    exec "$@"' - "${list[@]}" -- "$@"
}
devices_v1() { awk '$9 == "cgroup" && $NF ~ /(^|,)devices(,|$)/ { print $5 } $8 == "cgroup" && $NF ~ /(^|,)devices(,|$)/ { print $5 }' /proc/self/mountinfo | sort -u; }
unified() { awk '$8 == "cgroup2" || $9 == "cgroup2" { print $5 }' /proc/self/mountinfo | sort -ru; }

probe='busybox mknod /m c 1 1 && echo made; dd if=/m bs=1 count=1 2>&1 | grep -c "not permitted"; busybox mknod /n c 1 3 && echo x >/n && echo null
for f in /mem /n2; do [ ! -e $f ] || dd if=$f bs=1 count=1 2>&1 | grep -cE "not permitted|denied"; done; head -c 3 /dev/zero | wc -c; echo end'

rights='(: </dev/l) 2>/dev/null && echo read; (: >>/dev/l) 2>/dev/null && echo write; echo end'

@test "containers and exec: made device files open nothing of this machine, null and zero work" {
  [ "$(in_native devices:1 sh -c "$probe" | xargs)" = "made 1 null 1 3 end" ]
  n=$(name)
  "$SAMPAN" run -d --name "$n" --network host devices:1 sleep 60
  [ "$("$SAMPAN" exec "$n" sh -c "$probe" | xargs)" = "made 1 null 1 3 end" ]
  [ "$("$SAMPAN" exec "$n" sh -c 'head -c 2 /zero | wc -c')" = 2 ]
  "$SAMPAN" restart -t 0 "$n"
  [ "$("$SAMPAN" exec "$n" sh -c 'dd if=/mem bs=1 count=1 2>&1' | grep -c 'not permitted')" = 1 ]
  "$SAMPAN" stop -t 0 "$n"
  id=$("$SAMPAN" inspect -f '{{.Id}}' "$n")
  [ -z "$(find /sys/fs/cgroup -maxdepth 4 -path "*sampan/$id")" ]
}

@test "the same by v2's program" {
  [ -n "$(unified)" ] || skip "no cgroup v2"
  # shellcheck disable=SC2046
  [ "$(without $(devices_v1) -- "$SAMPAN" run --rm --network host devices:1 sh -c "$probe" | xargs)" = "made 1 null 1 3 end" ]
  [ -b /dev/loop0 ] || return 0
  # shellcheck disable=SC2046
  [ "$(without $(devices_v1) -- "$SAMPAN" run --rm --network host --device /dev/loop0:/dev/l:r devices:1 sh -c "$rights" 2>&1 | xargs)" = "read end" ]
}

@test "neither: nothing can be made, and what an image or a volume brings is dead" {
  mkdir "$T/volume"
  mknod -m 666 "$T/volume/zero" c 1 5
  for flags in "" "--read-only" "--cap-add ALL" "--cap-add MKNOD --cap-add SYS_ADMIN"; do
    # shellcheck disable=SC2046,SC2086
    run without $(devices_v1) $(unified) -- "$SAMPAN" run --rm --network host -v "$T/volume:/vol" $flags devices:1 sh -c '
      busybox mknod /dev/m c 1 1 && echo MADE; head -c 1 /zero && echo OPENED; mount -o remount,dev / 2>/dev/null || busybox mount -o remount,dev,bind / 2>/dev/null
      head -c 1 /zero && echo OPENED; head -c 1 /vol/zero && echo OPENED; head -c 3 /dev/zero | wc -c; echo end'
    [[ $output == *3*end && $output != *MADE* && $output != *OPENED* ]]
  done
}

@test "a RUN step makes device files as debootstrap does, in each of the ways but the last" {
  mkdir "$T/context"
  printf 'FROM devices:1\nRUN mkdir -p /root/dev && busybox mknod -m 666 /root/dev/null c 1 3 && echo x >/root/dev/null && busybox mknod /root/m c 1 1\n%s\n' \
    'RUN dd if=/root/m bs=1 count=1 2>/error | wc -c >/size; dd if=/mem bs=1 count=1 2>/dev/null | wc -c >>/size' >"$T/context/Dockerfile"
  "$SAMPAN" build --network none -t made:1 "$T/context"
  [ "$(in_native made:1 sh -c 'cat /size; stat -c %F /root/dev/null' | xargs)" = "0 0 character special file" ]
  if [ -n "$(unified)" ]; then
    # shellcheck disable=SC2046
    without $(devices_v1) -- "$SAMPAN" build --network none --no-cache -t made:2 "$T/context"
    [ "$(in_native made:2 sh -c 'cat /size' | xargs)" = "0 0" ]
  fi
  printf 'FROM devices:1\nRUN ! busybox mknod /m c 1 1; head -c 1 /zero >/got; true\n' >"$T/context/Dockerfile"
  # shellcheck disable=SC2046
  without $(devices_v1) $(unified) -- "$SAMPAN" build --network none --no-cache -t made:3 "$T/context"
  [ "$(in_native made:3 sh -c 'wc -c </got; ls -d /m 2>/dev/null' | xargs)" = 0 ]
  [ -z "$(find /sys/fs/cgroup -maxdepth 4 -path '*sampan/step-*')" ]
}

@test "groups of steps whose builder was killed are swept, those of builders elsewhere are not" {
  local top=/sys/fs/cgroup/devices/sampan gone
  [ -d "${top%/sampan}" ] || top=/sys/fs/cgroup/sampan
  gone=$(bash -c 'echo $$')
  mkdir -p "$T/context" "$top/step-$(stat -L -c %i /proc/self/ns/pid)-$gone-0" "$top/step-1-$gone-0"
  printf 'FROM devices:1\nRUN true\n' >"$T/context/Dockerfile"
  "$SAMPAN" build --network none --no-cache -t swept:1 "$T/context"
  [ ! -d "$top/step-$(stat -L -c %i /proc/self/ns/pid)-$gone-0" ]
  rmdir "$top/step-1-$gone-0" # still there: its number means nothing here
}

@test "volumes, --device, --privileged" {
  mkdir "$T/vol"
  mknod -m 666 "$T/vol/mem" c 1 1
  mknod -m 666 "$T/vol/null" c 1 3
  run in_native -v "$T/vol:/vol" native:1 sh -c 'echo x >/vol/null && echo null; dd if=/vol/mem bs=1 count=1 2>&1'
  [[ $output == null*"not permitted"* ]]
  [ -b /dev/loop0 ] || skip "no /dev/loop0 here"
  [ "$(in_native --device /dev/loop0:/dev/l:r native:1 sh -c "$rights" | xargs)" = "read end" ]
  [ "$(in_native --device /dev/loop0:/dev/l native:1 sh -c "$rights" | xargs)" = "read write end" ]
  [ "$(in_native --privileged -v /dev/loop0:/dev/l native:1 sh -c "$rights" | xargs)" = "read write end" ]
}

@test "pause by the freezer: even what blocks signals stands still; kill -9 ends it" {
  n=$(name)
  "$SAMPAN" run -d --name "$n" --network host native:1 sh -c 'trap "" TSTP CONT; while :; do echo tick; sleep 0.05; done'
  run "$SAMPAN" pause "$n"
  [ "$status" -eq 0 ]
  pid=$("$SAMPAN" inspect -f '{{.State.Pid}}' "$n")
  if grep -q "sampan/" "/proc/$pid/cgroup"; then
    [[ $output != *SIGSTOP* ]]
    run ! grep -q '^State:.T' "/proc/$pid/status"
  fi
  one=$("$SAMPAN" logs "$n" | wc -l)
  sleep 0.3
  [ "$("$SAMPAN" logs "$n" | wc -l)" -eq "$one" ]
  "$SAMPAN" unpause "$n"
  more() { [ "$("$SAMPAN" logs "$n" | wc -l)" -gt "$one" ]; }
  wait_for 5 more
  "$SAMPAN" pause "$n"
  "$SAMPAN" kill -s KILL "$n"
  wait_for 5 state_is "$n" exited
  "$SAMPAN" start "$n"
  "$SAMPAN" pause "$n"
  "$SAMPAN" rm -f "$n"
}
