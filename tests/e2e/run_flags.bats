#!/usr/bin/env bats
# Every flag of run by what it does inside, and by what it says to nonsense.
load common
load run_common

setup_file() { setup_containers; }
teardown_file() { remove_containers; }

caps() { sed -n 's/^CapEff:\t//p'; } # of /proc/self/status

@test "capabilities: docker's default, added, dropped, all, none" {
  read=(native:1 cat /proc/self/status)
  [ "$(in_native "${read[@]}" | caps)" = 00000000a80425fb ]
  [ "$(in_native --cap-drop ALL "${read[@]}" | caps)" = 0000000000000000 ]
  [ "$(in_native --cap-drop all --cap-add net_bind_service "${read[@]}" | caps)" = 0000000000000400 ]
  [ "$(in_native --cap-add CAP_SYS_TIME --cap-drop CHOWN "${read[@]}" | caps)" = 00000000aa0425fa ]
  run in_native --cap-add NET_ADMN native:1 true
  [ "$status" -eq 2 ]
  [[ $output == *"NET_ADMIN"* ]]
}

@test "privileged: all rights, nothing masked, no filter" {
  run in_native --privileged native:1 sh -c 'cat /proc/self/status; echo x >/proc/sys/kernel/domainname && echo written'
  [ "$status" -eq 0 ]
  [[ $output == *$'Seccomp:\t0'* && $output == *written* ]]
  [[ $output != *$'CapEff:\t00000000a80425fb'* ]]
}

@test "security-opt: no-new-privileges, seccomp unconfined and from a file in docker's form" {
  [[ $(in_native native:1 cat /proc/self/status) == *$'NoNewPrivs:\t0'*$'Seccomp:\t2'* ]]
  [[ $(in_native --security-opt no-new-privileges native:1 cat /proc/self/status) == *$'NoNewPrivs:\t1'* ]]
  [[ $(in_native --security-opt seccomp=unconfined native:1 cat /proc/self/status) == *$'Seccomp:\t0'* ]]
  cat >"$T/profile.json" <<END
{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [], "syscalls": [
  {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "comment": "ours"},
  {"names": ["rename", "renameat", "renameat2"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_CHOWN"]}}]}
END
  run in_native --security-opt "seccomp=$T/profile.json" native:1 sh -c 'mkdir /tmp/x; touch /tmp/a && mv /tmp/a /tmp/b && echo moved'
  [[ $output == *"not permitted"* && $output == *moved* ]]
  for words in "apparmor=x" "seccomp=$T/nowhere" "seccomp=$T/native.tar"; do
    run in_native --security-opt "$words" native:1 true
    [ "$status" -ne 0 ]
  done
}

@test "ulimit, shm-size, tmpfs with options" {
  run in_native --ulimit nofile=100:200 --shm-size 1m --tmpfs /scratch:size=2m,mode=700 native:1 sh -c \
    'ulimit -n; ulimit -Hn; grep -E " (/dev/shm|/scratch) " /proc/mounts'
  [ "${lines[0]}" = 100 ]
  [ "${lines[1]}" = 200 ]
  [[ $output == */dev/shm*size=1024k* && $output == *"/scratch tmpfs"*size=2048k*mode=700* ]]
  for words in "--ulimit files=1" "--ulimit nofile=9:1" "--ulimit nofile" "--shm-size x" "--tmpfs scratch"; do
    # shellcheck disable=SC2086
    run in_native $words native:1 true
    [ "$status" -eq 2 ]
  done
}

@test "add-host, dns, hostname" {
  run in_native --add-host db:10.1.2.3 --dns 9.9.9.9 -h box native:1 sh -c 'cat /etc/hosts /etc/resolv.conf; hostname'
  [[ $output == *$'10.1.2.3\tdb'* && $output == *"nameserver 9.9.9.9"* && ${lines[-1]} = box ]]
  for words in "--add-host db" "--add-host db:nowhere" "--add-host h:host-gateway" "--dns name"; do
    # shellcheck disable=SC2086
    run in_native $words native:1 true
    [ "$status" -ne 0 ]
  done
}

@test "a device of this machine, at another place" {
  run in_native --device /dev/zero:/dev/nought native:1 head -c 3 /dev/nought
  [ "$status" -eq 0 ]
  run in_native --device "$T/native.tar" native:1 true
  [ "$status" -eq 2 ]
  [[ $output == *"is no device"* ]]
}

@test "init: a reaper is process 1, and the command its child" {
  command -v catatonit tini-static >/dev/null || skip "no init program"
  run in_native --init native:1 sh -c 'echo $$; cat /proc/1/cmdline'
  [ "$status" -eq 0 ]
  [ "${lines[0]}" -gt 1 ]
  [[ $output == *"/dev/init"* ]]
  run in_native --init native:1 sh -c 'exit 5'
  [ "$status" -eq 5 ]
}

@test "mount: bind, volume and tmpfs in words" {
  mkdir -p "$T/here"
  echo text >"$T/here/file"
  run in_native --mount "type=bind,source=$T/here,target=/mnt,readonly" --mount type=volume,src=vol,dst=/vol --mount type=tmpfs,target=/mem,tmpfs-size=1m \
    native:1 sh -c 'cat /mnt/file; touch /mnt/x; touch /vol/x && echo vol; grep " /mem tmpfs" /proc/mounts'
  [[ $output == *text*Read-only*vol*size=1024k* ]]
  for words in type=bind,target=/x "type=bind,source=$T/none,target=/x" type=npipe,source=a,target=/x source=a tpye=bind,target=/x; do
    run in_native --mount "$words" native:1 true
    [ "$status" -eq 2 ]
  done
}

@test "env-file, labels, stop-signal and the rest are kept for inspect" {
  printf '# comment\nA=1\n\nB=two words\n' >"$T/env"
  n=$(name)
  "$SAMPAN" create --name "$n" --network host --env-file "$T/env" -l a=b --stop-signal INT --stop-timeout 3 --memory 64m --cpus 1.5 --restart on-failure:4 \
    native:1 true
  [ "$("$SAMPAN" inspect -f '{{json .Config.Env}} {{.Config.StopSignal}} {{.Config.StopTimeout}} {{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{index .Config.Labels "a"}} {{.HostConfig.RestartPolicy.Name}}' "$n")" = \
    '["A=1","B=two words"] INT 3 67108864 1500000000 b on-failure' ]
  [ "$(state "$n")" = created ]
}

@test "-P publishes what the image exposes" {
  [ -w /dev/net/tun ] || skip "no /dev/net/tun"
  printf 'FROM native:1\nEXPOSE 77\n' >"$T/Dockerfile"
  "$SAMPAN" build -q -t exposes:1 "$T" -f "$T/Dockerfile" || "$SAMPAN" build -t exposes:1 -f "$T/Dockerfile" "$T"
  n=$(name)
  "$SAMPAN" run -d --name "$n" -P exposes:1 sleep 60
  [[ $("$SAMPAN" port "$n" 77) =~ ^0.0.0.0:[0-9]+$ ]]
  [[ $("$SAMPAN" port "$n") =~ ^"77/tcp -> 0.0.0.0:"[0-9]+$ ]]
  run "$SAMPAN" port "$n" 78
  [ "$status" -eq 1 ]
}

@test "what is not supported says so" {
  run in_native --gpus all native:1 true
  [ "$status" -ne 0 ]
  [[ $output == *"--device"* ]]
  run in_native --restart sometimes native:1 true
  [ "$status" -eq 2 ]
  run "$SAMPAN" run -d --rm --restart always native:1 true
  [ "$status" -eq 2 ]
}
