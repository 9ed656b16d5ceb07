#!/usr/bin/env bats
# The runner's rows of what others fell for: each attack is made, and must fail with nothing lost outside.
load common
load run_common

# An image of busybox with more in it: NAME, then a script run in its tree.
evil_image() {
  mkdir "$T/$1"
  tar -C "$T/$1" -xf "$T/native.tar"
  (cd "$T/$1" && bash -ec "$2")
  tar --sort=name --owner=0 --group=0 -C "$T/$1" -cf "$T/$1.tar" .
  "$SAMPAN" import "$T/$1.tar" "$1:1" >/dev/null
}

setup_file() { setup_containers; }
teardown_file() { remove_containers; }

sums() { sha256sum "$(command -v crun || command -v runc)" "$(command -v conmon)" "$SAMPAN" "$(command -v catatonit || command -v tini-static)" 2>/dev/null; }

@test "no descriptor of ours, and no working directory by one, leads out (CVE-2024-21626)" {
  run in_native native:1 sh -c 'for f in /proc/self/fd/*; do readlink $f; done'
  [[ $output != *"$T"* && $output != *containers* ]]
  for fd in 3 4 5 6 7 8 9 10; do
    run in_native -w "/proc/self/fd/$fd" native:1 sh -c 'cat ../../../../etc/hostname ../../../../../../../etc/machine-id 2>&1; ls -d ../../../../*'
    [[ $status -ne 0 || $output != *"$(cat /etc/machine-id 2>/dev/null || echo no such id)"* ]]
    [[ $output != *"${T%/*}/sampan-e2e"* ]]
  done
  n=$(name)
  "$SAMPAN" run -d --name "$n" --network host native:1 sleep 60
  for fd in 3 5 7 9; do
    run "$SAMPAN" exec -w "/proc/self/fd/$fd" "$n" sh -c 'ls ..'
    [[ $output != *store* && $output != *containers* ]]
  done
  run "$SAMPAN" exec "$n" sh -c 'for f in /proc/self/fd/*; do readlink $f; done'
  [[ $output != *"$T"* ]]
}

@test "a mount's target that is a symlink out of the image stays inside (CVE-2021-30465)" {
  mkdir -p "$T/outside" "$T/here"
  echo mine >"$T/here/file"
  evil_image links "ln -s '$T/outside' evil; ln -s ../../../../../../../..$T/outside up; mkdir a; ln -s '$T/outside' a/b"
  for target in /evil/new /up/new /a/b/c /evil; do
    run in_native -v "$T/here:$target" links:1 sh -c "cat $target/file"
    [[ $status -ne 0 || $output == mine ]]
    [ -z "$(ls -A "$T/outside")" ]
    run in_native --tmpfs "$target" links:1 sh -c "touch $target/x"
    [ -z "$(ls -A "$T/outside")" ]
  done
}

@test "a new volume is not filled from outside of the image" {
  mkdir -p "$T/secret"
  echo secret >"$T/secret/key"
  evil_image reader "ln -s '$T/secret' data; ln -s ../../../../../../../..$T/secret up"
  for target in /data /up; do
    run in_native -v "fill${target#/}:$target" reader:1 sh -c "cat $target/key"
    [[ $output != *secret* ]] || false
    [ ! -e "$SAMPAN_ROOT/volumes/fill${target#/}/key" ]
  done
}

@test "users and folders of the image are read from the image, wherever its links point" {
  evil_image users "rm etc/passwd; ln -s /etc/shadow etc/passwd; rm -rf root; ln -s '$T' root"
  run in_native -u daemon users:1 true
  [ "$status" -ne 0 ]
  run in_native -w /root/made users:1 pwd
  [ ! -e "$T/made" ]
}

@test "a /proc, /sys or /dev of the image that is a link does not unmask anything (CVE-2025-31133)" {
  evil_image masks "rm -rf proc sys dev; mkdir fake; ln -s fake proc; ln -s fake sys; ln -s fake dev"
  run in_native masks:1 sh -c 'echo x >/proc/sys/kernel/domainname && echo WRITTEN; echo x >/proc/sysrq-trigger && echo WRITTEN; wc -c </proc/keys'
  [[ $output != *WRITTEN* ]]
  run in_native native:1 sh -c 'echo h >/proc/sysrq-trigger; echo x >/proc/sys/kernel/core_pattern; cat /proc/kcore /proc/timer_list | wc -c; mkdir /sys/x; mount -t proc p /tmp || busybox mount -t proc p /tmp'
  [ "$status" -ne 0 ]
  [[ $output == *"Read-only"*"Read-only"* ]]
}

@test "the console of the image is not this machine's (CVE-2025-52565)" {
  evil_image console "rm -rf dev; mkdir -p dev/pts; ln -s '$T/console-target' dev/console; ln -s '$T/console-target' dev/ptmx; ln -s '$T/console-target' dev/null"
  n=$(name)
  "$SAMPAN" run -d -t --name "$n" --network host console:1 sh -c 'echo to-console >/dev/console; echo x >/dev/null; readlink /dev/console; echo end'
  wait_for 10 bash -c '"$SAMPAN" logs '"$n"' | grep -q end'
  [ ! -e "$T/console-target" ]
  [[ $("$SAMPAN" logs "$n") != *console-target* ]]
}

@test "the programs that start a container can't be overwritten from inside (CVE-2019-5736)" {
  before=$(sums)
  evil_image selfexe "printf '#!/proc/self/exe\n' >bin/again; chmod 755 bin/again"
  n=$(name)
  "$SAMPAN" run -d --name "$n" --network host --init selfexe:1 sh -c '
    echo x >/dev/init && echo OVERWRITTEN
    while :; do for p in /proc/[0-9]*; do [ "$p" = /proc/$$ ] || (echo x >$p/exe) 2>/dev/null && echo OVERWRITTEN; done; done' ||
    "$SAMPAN" run -d --name "$n" --network host selfexe:1 sh -c 'while :; do for p in /proc/[0-9]*; do (echo x >$p/exe) 2>/dev/null; done; done'
  for _ in 1 2 3 4 5; do
    run timeout 5 "$SAMPAN" exec "$n" /bin/again
    run timeout 5 "$SAMPAN" exec "$n" /proc/self/exe --version
  done
  run timeout 10 "$SAMPAN" run --rm --network host selfexe:1 /bin/again
  run timeout 10 "$SAMPAN" run --rm --network host selfexe:1 /proc/self/exe
  "$SAMPAN" rm -f "$n"
  [ "$(sums)" = "$before" ]
}
