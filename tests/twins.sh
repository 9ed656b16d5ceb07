#!/bin/bash
# twins.sh [NAME…]: builds the corpus of twins (tests/corpus/twins/NAME.dockerfile) with --twins=verify: every step with twins and emulated, whose results must be the
# same to the byte. Ends with 'N passed, N failed'. It takes some twenty minutes, most of them emulation, so `make test` doesn't run it: do so when src/emu changes.
#
# Environment: SAMPAN (build/sampan), TWINS_DIR (a folder that is kept, with the base and the tools), PLATFORM (linux/riscv64). Needs root. Where the mirror of this machine's apt can't be
# used just now, a consistent view of it is served on loopback (mirror.py).
set -u
cd "$(dirname "$0")/.." || exit 1
sampan=$(realpath "${SAMPAN:-build/sampan}") platform=${PLATFORM:-linux/riscv64} dir=${TWINS_DIR:-} corpus=tests/corpus/twins mirror=
if [ -z "$dir" ]; then dir=$(mktemp -d "${TMPDIR:-/var/tmp}/sampan-twins.XXXXXX"); fi
finish() {
  [ -z "$mirror" ] || kill "$mirror"
  [ -n "${TWINS_DIR:-}" ] || rm -rf --one-file-system "$dir"
}
trap finish EXIT
mkdir -p "$dir/empty"
sampan_() { "$sampan" --root "$dir/store" "$@"; }

base() {
  local said architecture=${platform##*/}
  said=$(sampan_ base debian:trixie --platform "$platform" -t twins/base 2>&1) && return
  grep -q 'does not match its signed Release file' <<<"$said" || { echo "$said" >&2; return 1; }
  python3 tests/mirror.py --cache "$dir/mirror" - trixie "$architecture" amd64 >"$dir/mirror.port" &
  mirror=$!
  for _ in $(seq 600); do [ -s "$dir/mirror.port" ] && break; sleep 0.1; done
  sampan_ base debian:trixie --platform "$platform" --mirror "deb [trusted=yes] http://127.0.0.1:$(cat "$dir/mirror.port") trixie main" -t twins/base
}
tools() { sampan_ build --progress plain --network host --platform "$platform" --build-arg BASE=twins/base -f "$corpus/Tools" -t twins/tools "$dir/empty" >"$dir/tools.log" 2>&1; }

base || { echo "0 passed, 1 failed"; exit 1; }
tools || { tail -20 "$dir/tools.log"; echo "0 passed, 1 failed"; exit 1; }
passed=0 failed=0
[ $# -gt 0 ] || set -- $(cd "$corpus" && ls ./*.dockerfile | sed 's,^\./\(.*\)\.dockerfile$,\1,')
for name in "$@"; do
  if sampan_ build --progress plain --network host --platform "$platform" --twins=verify --build-arg BASE=twins/tools -f "$corpus/$name.dockerfile" "$dir/empty" >"$dir/$name.log" 2>&1; then
    passed=$((passed + 1)); echo "ok - $name"
  else
    failed=$((failed + 1)); echo "not ok - $name"; grep -a ' differs between\|^sampan: ' "$dir/$name.log"
  fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
