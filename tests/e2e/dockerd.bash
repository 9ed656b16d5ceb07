# A dockerd for the tests: it keeps its hands off the machine's network, and everything of it lies in $T. `load dockerd` behind `load common`.

# Starts one that takes $REGISTRY without TLS; exports DOCKER_HOST. Fails with a reason on stderr. Its features: graph drivers, or "containerd". With `bridge` it has
# a network namespace of its own, in which its ports are published; its pid is in $T/docker-NAME.pid.
start_dockerd() { # graph|containerd [bridge]
  local work=$T/docker-$1 containerd=false n pid apart=() network=(--iptables=false --ip6tables=false --bridge=none)
  [ "$(id -u)" = 0 ] || { echo "needs root"; return 1; } >&2
  command -v dockerd >/dev/null && command -v docker >/dev/null || { echo "docker is not installed"; return 1; } >&2
  [ "$1" = graph ] || containerd=true
  [ -z "${2:-}" ] || { apart=(--net) network=(); }
  mkdir -p "$work"
  echo "{\"features\": {\"containerd-snapshotter\": $containerd}}" >"$work/daemon.json"
  # In a mount namespace of its own: what it mounts goes with it. crun and runc want no mixture of cgroups v1 and v2.
  # shellcheck disable=SC2016
  setsid unshare --mount --propagation private "${apart[@]}" bash -c 'ip link set lo up; mountpoint -q /sys/fs/cgroup/unified && umount /sys/fs/cgroup/unified; exec "$@"' - \
    dockerd --config-file "$work/daemon.json" --data-root "$work/data" --exec-root "$work/run" --pidfile "$work/pid" --host "unix://$work/socket" \
    "${network[@]}" --insecure-registry "${REGISTRY:-127.0.0.1:5000}" >"$work/log" 2>&1 3>&- &
  pid=$!
  echo "$pid" >"$T/docker-$1.pid"
  export DOCKER_HOST=unix://$work/socket
  for ((n = 0; n < 100; n++)); do
    timeout 10 docker info >/dev/null 2>&1 && return 0
    [ -d "/proc/$pid" ] || break
    sleep 0.3
  done
  { echo "dockerd does not start here:"; tail -3 "$work/log"; } >&2
  end "$pid"
  return 1
}

docker_major() { docker version --format '{{.Server.Version}}' | cut -d. -f1; }
