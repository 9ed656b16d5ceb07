#!/bin/bash
# demo.sh: from nothing to `bar`. Starts a registry, makes a base image for riscv64, builds redis from source for it under emulation, pushes
# it, and then plays the board: pulls, runs, and asks redis. Prints each step with its command, and at the end how long each took.
#
# Everything lies in .demo/ (DEMO_DIR): two stores, the source, the logs; nothing outside it is touched but the packages that are installed.
# What was made is kept there, so that a second run is quick; `rm -rf .demo` forgets it.
#
#   DEMO_SUITE=sid        another Debian suite for the base image (trixie; sid where the mirror's trixie can't be used just now)
#   DEMO_PLATFORM=…       another platform (linux/riscv64)
#   DEMO_DOCKERFILE=…     Dockerfile.package for redis from Debian's packages: a few minutes instead of some twenty
#   DEMO_PORT, DEMO_REDIS_PORT   other ports (6000, 6379)
set -eu
cd "$(dirname "$0")/.."
./dist/setup.sh run demo
sampan=$PWD/build/sampan
dir=${DEMO_DIR:-$PWD/.demo} suite=${DEMO_SUITE:-trixie} platform=${DEMO_PLATFORM:-linux/riscv64} dockerfile=${DEMO_DOCKERFILE:-Dockerfile.redis}
registry=127.0.0.1:${DEMO_PORT:-6000} redis_port=${DEMO_REDIS_PORT:-6379}
image=$registry/riscv64/redis:1.1
mkdir -p "$dir"
bold= plain=; [ ! -t 1 ] || { bold=$(tput bold || true) plain=$(tput sgr0 || true); }

times=() step= begun=
begin() { step=$1 begun=$(date +%s.%N); printf '\n%s== %s%s\n' "$bold" "$step" "$plain"; }
finish() { times+=("$(awk -v a="$begun" -v b="$(date +%s.%N)" 'BEGIN { printf "%8.1f s", b - a }')  $step"); }
say() { printf '%s$ %s%s\n' "$bold" "${*//$PWD\/build\//}" "$plain"; "$@"; }
host() { "$sampan" --root "$dir/host" "$@"; }
board() { "$sampan" --root "$dir/board" "$@"; }
show() { printf '%s$ sampan %s%s\n' "$bold" "${*:2}" "$plain"; "$@"; }

server=
cleanup() {
  local code=$?
  board rm -f redis-test >/dev/null 2>&1 || true
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true; }
  [ $code -eq 0 ] || printf '\nThe demo stopped in the step "%s" (exit code %d). What was made is kept in %s: run it again to go on.\n' "$step" $code "$dir" >&2
}
trap cleanup EXIT
trap 'exit 130' INT TERM

begin "1. a registry on $registry"
"$sampan" --root "$dir/host" serve --listen "$registry" 2>"$dir/registry.log" &
server=$!
for _ in $(seq 200); do grep -q ": serving " "$dir/registry.log" && break; kill -0 $server 2>/dev/null || break; sleep 0.05; done
cat "$dir/registry.log"
kill -0 $server 2>/dev/null || { server=; exit 1; }
finish

begin "2. a base image for $platform"
base=$registry/base/debian:$suite
# A mirror that is being renewed may not have the stable suite just now, or an old unstable one.
if ! show host base "debian:$suite" --platform "$platform" -t "$base"; then
  [ -z "${DEMO_SUITE:-}" ] || exit 1
  echo "Trying Debian's unstable suite instead, however old this mirror's is."
  base=$registry/base/debian:sid
  show host base debian:sid --platform "$platform" --apt-option 'Acquire::Check-Valid-Until "false"' -t "$base"
fi
show host push "$base"
finish

begin "3. the source of redis, from this machine's Debian mirror"
context=$dir/context
if [ "$dockerfile" = Dockerfile.redis ] && [ ! -f "$context/redis-src/Makefile" ]; then
  ./examples/fetch-source.sh redis "$dir/source"
  rm -rf "$context/redis-src"; mkdir -p "$context/redis-src"
  tar -xf "$dir"/source/redis_*.orig.tar.gz -C "$context/redis-src" --strip-components=1
fi
mkdir -p "$context"; cp examples/redis/* "$context"
[ ! -d "$context/redis-src" ] || echo "redis $(sed -n 's/^#define REDIS_VERSION "\(.*\)"/\1/p' "$context/redis-src/src/version.h")"
finish

begin "4. build for $platform"
show host build --network host --platform "$platform" --build-arg BASE="$base" -f "$context/$dockerfile" -t "$image" "$context"
finish

begin "5. push, and what the registry has"
show host push "$image"
say curl -s "http://$registry/v2/_catalog"; echo
finish

begin "6. the board: another store, which pulls and runs"
show board pull --platform "$platform" "$image"
show board images
board rm -f redis-test >/dev/null 2>&1 || true
show board run -d --platform "$platform" --name redis-test -p "$redis_port:6379" "$image"
show board ps
show board exec redis-test uname -m
finish

begin "7. does it answer?"
ask() { printf '%s127.0.0.1:%s> %s%s\n' "$bold" "$redis_port" "$*" "$plain"; redis-cli -p "$redis_port" ${authenticated:+--no-auth-warning -a password} "$@"; }
for _ in $(seq 300); do redis-cli -p "$redis_port" ping 2>/dev/null | grep -qE 'PONG|NOAUTH' && break; sleep 0.1; done
ask AUTH password
authenticated=yes
ask SET foo bar
answer=$(ask GET foo); echo "$answer"
[ "${answer##*$'\n'}" = bar ] || { echo "that is not bar" >&2; exit 1; }
show board logs redis-test | tail -5
finish

begin "8. clean up"
show board stop redis-test
show board rm redis-test
kill $server; wait $server || true; server=
finish

printf '\n%sTimes%s\n' "$bold" "$plain"; printf '%s\n' "${times[@]}"
