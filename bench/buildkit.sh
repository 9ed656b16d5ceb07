#!/bin/bash
# bench/buildkit.sh FOLDER: the redis of bench/emulation.sh, whose FOLDER (BENCH_DIR) it takes, built by Debian's docker with BuildKit and Debian's QEMU and by sampan, in turn: the time
# by the clock, and whether both leave the same files. emulation.sh calls it with BENCH_DOCKER=1. Needs root, docker.io and qemu-user-static.
#
# The dockerd is its own and goes at the end; so does QEMU's entry in the machine's binfmt_misc, which BuildKit needs. One that was there before is left alone.
set -eu
top=$(realpath "$(dirname "$0")/..") T=$(realpath "$1") sampan=$(realpath "${SAMPAN:-build/sampan}") platform=${PLATFORM:-linux/riscv64}
architecture=${platform#linux/} work=$(mktemp -d "${TMPDIR:-/var/tmp}/sampan-buildkit.XXXXXX")
docker=/usr/bin/docker # Debian's, which has BuildKit built in
export DOCKER_HOST=unix://$work/socket DOCKER_BUILDKIT=1 DOCKER_CONFIG=$work/config SOURCE_DATE_EPOCH=1700000000

dockerd_pid= entry=
clean() {
  [ -z "$entry" ] || echo -1 >"$entry"
  ! mountpoint -q "$work/binfmt" || umount "$work/binfmt"
  if [ -n "$dockerd_pid" ]; then
    kill "$dockerd_pid" 2>/dev/null || true
    while [ -d "/proc/$dockerd_pid" ]; do sleep 0.2; done
  fi
  rm -rf --one-file-system "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

die() { echo "buildkit.sh: $*" >&2; exit 1; }

register() {
  local name=sampan-bench-$$ line
  mkdir "$work/binfmt"
  mount -t binfmt_misc binfmt_misc "$work/binfmt"
  ! grep -qs "^interpreter.*$architecture" "$work"/binfmt/qemu-* || return 0
  line=$(sed -n "s,^:[^:]*:,:$name:,p" "/usr/lib/binfmt.d/qemu-$architecture.conf" | sed "s,:[^:]*:[A-Z]*$,:/usr/bin/qemu-$architecture-static:F,")
  [ -n "$line" ] || die "there is no entry of binfmt_misc for $architecture"
  echo "$line" >"$work/binfmt/register"
  entry=$work/binfmt/$name
}

start_dockerd() {
  local n
  echo '{"features": {"containerd-snapshotter": false}}' >"$work/daemon.json"
  # crun and runc want no mixture of cgroups v1 and v2
  # shellcheck disable=SC2016
  setsid unshare --mount --propagation private bash -c 'mountpoint -q /sys/fs/cgroup/unified && umount /sys/fs/cgroup/unified; exec "$@"' - \
    dockerd --config-file "$work/daemon.json" --data-root "$work/data" --exec-root "$work/run" --pidfile "$work/pid" --host "$DOCKER_HOST" \
    --iptables=false --ip6tables=false --bridge=none >"$work/log" 2>&1 &
  dockerd_pid=$!
  for ((n = 0; n < 200; n++)); do
    ! timeout 10 "$docker" info >/dev/null 2>&1 || return 0
    [ -d "/proc/$dockerd_pid" ] || break
    sleep 0.3
  done
  tail -3 "$work/log" >&2
  die "dockerd does not start here"
}

# Name, kind, mode and content of all that the last layer of an image has.
files_of() { # ARCHIVE
  python3 - "$1" <<'END'
import hashlib, json, sys, tarfile
archive = tarfile.open(sys.argv[1])
layer = tarfile.open(fileobj=archive.extractfile(json.load(archive.extractfile("manifest.json"))[0]["Layers"][-1]))
for entry in sorted(layer, key=lambda entry: entry.name):
    if not entry.isdir():  # docker lists others of them
        content = hashlib.sha256(layer.extractfile(entry).read()).hexdigest() if entry.isreg() else entry.linkname
        print(entry.name.removeprefix("./"), entry.type, oct(entry.mode & 0o7777), content)
END
}

seconds() { # COMMAND…
  local start=${EPOCHREALTIME/./}
  "$@" >"$work/build.log" 2>&1 || { tail -40 "$work/build.log" >&2; exit 1; }
  echo $((${EPOCHREALTIME/./} - start)) | awk '{ printf "%.1f", $1 / 1e6 }'
}
by_sampan() { "$sampan" --root "$T/store" build --no-cache --network host --platform "$platform" -f "$T/redis/Dockerfile" -t bench/buildkit:sampan "$T/redis"; }
by_docker() { "$docker" build --no-cache --network host --platform "$platform" -f "$T/redis/Dockerfile" -t bench/buildkit:docker "$T/redis"; }

[ "$(id -u)" = 0 ] || die "needs root"
[ -x "$docker" ] && [ -x "/usr/bin/qemu-$architecture-static" ] || die "needs docker.io and qemu-user-static"
[ -f "$T/redis/Dockerfile" ] || die "run $top/bench/emulation.sh redis with BENCH_DIR=$T first"
register
start_dockerd
"$sampan" --root "$T/store" save base/tools:latest -o "$work/tools.tar"
"$docker" load -q -i "$work/tools.tar" >/dev/null
"$sampan" --root "$T/store" twin build --for "$platform" base/tools:latest >/dev/null 2>&1 # once for all builds
one=$(seconds by_sampan) other=$(seconds by_docker)
"$sampan" --root "$T/store" save bench/buildkit:sampan -o "$work/sampan.tar"
"$docker" save bench/buildkit:docker -o "$work/docker.tar"
files_of "$work/sampan.tar" >"$work/sampan.files"
files_of "$work/docker.tar" >"$work/docker.files"
same=equal
diff "$work/sampan.files" "$work/docker.files" >&2 || same=differ
printf '| redis, docker %s with BuildKit: seconds by the clock | %s | %s | 1/%s | files %s |\n' "$("$docker" version -f '{{.Server.Version}}')" "$other" "$one" \
  "$(awk -v a="$other" -v b="$one" 'BEGIN { printf "%.1f", a / b }')" "$same"
