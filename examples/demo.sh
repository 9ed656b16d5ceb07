#!/bin/bash
# demo.sh: from nothing to `bar`. Starts a registry, makes a base image for riscv64 and twins of its programs, builds redis from source for it, pushes
# it, and then plays the board: pulls, runs, and asks redis. Prints each step with its command, and at the end how long each took.
#
# Everything lies in .demo/ (DEMO_DIR): two stores, the source, the logs; nothing outside it is touched but the packages that are installed.
# What was made is kept there, so that a second run is quick; `rm -rf .demo` forgets it.
#
#   DEMO_SUITE=sid        another Debian suite for the base image (trixie; sid where the mirror's trixie can't be used just now)
#   DEMO_PLATFORM=…       another platform (linux/riscv64)
#   DEMO_EXAMPLE=nginx    nginx instead of redis: its page is asked for with curl
#   DEMO_DOCKERFILE=…     Dockerfile.package for redis from Debian's packages
#   DEMO_TWINS=off        plain emulation: some twenty minutes instead of two
#   DEMO_PORT, DEMO_SERVICE_PORT   other ports (6000; 6379 for redis, 8080 for nginx)
set -eu
cd "$(dirname "$0")/.."
./dist/setup.sh run demo
sampan=$PWD/build/sampan
dir=${DEMO_DIR:-$PWD/.demo} suite=${DEMO_SUITE:-trixie} platform=${DEMO_PLATFORM:-linux/riscv64} example=${DEMO_EXAMPLE:-redis}
case $example in redis) inside=6379 port=${DEMO_SERVICE_PORT:-6379} ;; nginx) inside=80 port=${DEMO_SERVICE_PORT:-8080} ;;
*) echo "demo.sh: there is no example '$example'; redis and nginx are there" >&2; exit 2 ;; esac
dockerfile=${DEMO_DOCKERFILE:-Dockerfile.$example} twins=${DEMO_TWINS:-auto} compiler=gcc name=$example-test
registry=127.0.0.1:${DEMO_PORT:-6000}
image=$registry/${platform##*/}/$example:1.1
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
  board rm -f "$name" >/dev/null 2>&1 || true
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

if [ "$twins" = auto ]; then
  begin "3. twins: this machine's builds of the compiler, the shell, make… of that base"
  if show host twin build "$base" --for "$platform"; then
    show host twin ls
  else
    echo "The build goes on without them, under plain emulation."
    twins=off
  fi
  # The unstable suite's own compiler may be newer than the cross compiler that is its twin; then the newest that has one is used.
  [ "$base" != "$registry/base/debian:sid" ] || compiler=$(host twin ls --format json | tr ',' '\n' | sed -n 's/.*"compilers": *"\([^"]\{1,\}\).*/\1/p' | head -1)
  [ -n "$compiler" ] || compiler=gcc
  finish
fi

begin "4. the source of $example, from this machine's Debian mirror"
context=$dir/$example
if [ "$dockerfile" = "Dockerfile.$example" ] && [ ! -d "$context/$example-src" ]; then
  ./examples/fetch-source.sh "$example" "$dir/source"
  rm -rf "$context/unpacking"; mkdir -p "$context/unpacking"
  tar -xf "$dir/source/$example"_*.orig.tar.gz -C "$context/unpacking" --strip-components=1
  mv "$context/unpacking" "$context/$example-src"
fi
mkdir -p "$context"; cp "examples/$example"/* "$context"
finish

begin "5. build for $platform"
compilers=(--build-arg CC="$compiler"); [ "$example" != redis ] || compilers+=(--build-arg CXX="${compiler/gcc/g++}")
show host build --network host --platform "$platform" --twins="$twins" --build-arg BASE="$base" "${compilers[@]}" -f "$context/$dockerfile" -t "$image" "$context"
finish

begin "6. push, and what the registry has"
show host push "$image"
say curl -s "http://$registry/v2/_catalog"; echo
finish

begin "7. the board: another store, which pulls and runs"
show board pull --platform "$platform" "$image"
show board images
board rm -f "$name" >/dev/null 2>&1 || true
show board run -d --platform "$platform" --name "$name" -p "$port:$inside" "$image"
show board ps
show board exec "$name" uname -m
finish

begin "8. does it answer?"
ask() { printf '%s127.0.0.1:%s> %s%s\n' "$bold" "$port" "$*" "$plain"; redis-cli -p "$port" ${authenticated:+--no-auth-warning -a password} "$@"; }
if [ "$example" = redis ]; then
  for _ in $(seq 300); do redis-cli -p "$port" ping 2>/dev/null | grep -qE 'PONG|NOAUTH' && break; sleep 0.1; done
  ask AUTH password
  authenticated=yes
  ask SET foo bar
  answer=$(ask GET foo); echo "$answer"
  [ "${answer##*$'\n'}" = bar ] || { echo "that is not bar" >&2; exit 1; }
else
  say curl -sf --retry 60 --retry-connrefused --retry-delay 1 "http://127.0.0.1:$port/"
fi
show board logs "$name" | tail -5
finish

begin "9. clean up"
show board stop "$name"
show board rm "$name"
kill $server; wait $server || true; server=
finish

printf '\n%sTimes%s\n' "$bold" "$plain"; printf '%s\n' "${times[@]}"
