# Shared by all end-to-end tests: load it with `load common`. Every test file gets a folder of its own, $T, that is removed at the end, and
# stores beneath it. Servers listen on loopback, on ports that the kernel chose; only what a test started is ended, by pid.

SAMPAN=${SAMPAN:-$PWD/build/sampan}
TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)

setup_folder() { # in setup_file
  T=$(mktemp -d "${TMPDIR:-/tmp}/sampan-e2e.XXXXXX")
  export T SAMPAN TOP SAMPAN_ROOT=$T/store
  export DOCKER_CONFIG=$T/docker-config XDG_CONFIG_HOME=$T/config
}

remove_folder() { # in teardown_file
  local file
  for file in "$T"/*.pid; do [ ! -e "$file" ] || end "$(cat "$file")"; done
  rm -rf --one-file-system "$T"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

wait_for_port() { # PORT [SECONDS]
  local n
  for ((n = 0; n < ${2:-15} * 20; n++)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
    sleep 0.05
  done
  echo "nothing listens on port $1" >&2
  return 1
}

# Ends a process that a test started, and waits for it.
end() { # PID [SIGNAL]
  local n
  kill -"${2:-TERM}" "$1" 2>/dev/null || return 0
  for ((n = 0; n < 200; n++)); do
    [ -d "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null || return 0
    sleep 0.05
  done
  kill -KILL "$1" 2>/dev/null || true
}

# Starts `sampan serve` on a store; sets REGISTRY=127.0.0.1:PORT and REGISTRY_PID.
start_registry() { # [ROOT [FLAG…]]
  local root=${1:-$SAMPAN_ROOT} port
  shift || true
  port=$(free_port)
  "$SAMPAN" --root "$root" serve --listen "127.0.0.1:$port" "$@" >"$T/serve-$port.log" 2>&1 3>&- &
  REGISTRY_PID=$! REGISTRY=127.0.0.1:$port
  echo "$REGISTRY_PID" >"$T/serve-$port.pid"
  export REGISTRY REGISTRY_PID
  wait_for_port "$port" || { cat "$T/serve-$port.log" >&2; return 1; }
}

# Debian's docker-registry; sets PEER=127.0.0.1:PORT and PEER_PID.
start_peer_registry() { # FOLDER [HTPASSWD-FILE]
  local port auth=
  port=$(free_port)
  mkdir -p "$1"
  [ -z "${2:-}" ] || auth="auth: {htpasswd: {realm: test, path: $2}}"
  cat >"$1.yml" <<END
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: "$1"}, delete: {enabled: true}}
http: {addr: "127.0.0.1:$port"}
$auth
END
  docker-registry serve "$1.yml" >"$1.log" 2>&1 3>&- &
  PEER_PID=$! PEER=127.0.0.1:$port
  echo "$PEER_PID" >"$T/peer-$port.pid"
  export PEER PEER_PID
  wait_for_port "$port"
}

# A small root file system of busybox as a tar: FILE.
busybox_tar() {
  local root
  root=$(mktemp -d "$T/busybox.XXXXXX")
  mkdir -p "$root"/{bin,etc,tmp,root}
  cp "$(command -v busybox)" "$root/bin/busybox"
  (cd "$root/bin" && for name in sh cat echo ls true false sleep id uname mkdir touch rm nc grep sed wc env pwd stat ln cp mv chmod chown head tail seq dd sync sha256sum date hostname ps kill; do ln -s busybox $name; done)
  printf 'root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1000:bob:/home/bob:/bin/sh\n' >"$root/etc/passwd"
  printf 'root:x:0:\nbob:x:1000:\nstaff:x:50:bob\n' >"$root/etc/group"
  chmod 1777 "$root/tmp"
  tar --sort=name --owner=0 --group=0 --numeric-owner -C "$root" -cf "$1" .
  rm -rf "$root"
}
