#!/bin/bash
# fuzz.sh [SECONDS [NAME…]]: builds the fuzzers with clang's libFuzzer, ASan and UBSan, and runs each for a while (60 s). New inputs stay in
# build-fuzz/corpus; a finding is written to tests/fuzz/corpus/NAME/, where every later test run replays it.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}; shift || true
[ -f build-fuzz/build.ninja ] || CC=clang meson setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false >/dev/null
ninja -C build-fuzz >/dev/null
[ $# -gt 0 ] || set -- $(cd tests/fuzz && ls -- *.c | sed -n 's/\.c$//; /^replay$/!p')
for name in "$@"; do
  mkdir -p "build-fuzz/corpus/$name" "tests/fuzz/corpus/$name"
  echo "== $name"
  "build-fuzz/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="tests/fuzz/corpus/$name/" "build-fuzz/corpus/$name" "tests/fuzz/corpus/$name" 2>&1 | grep -E 'SUMMARY|stat::number_of_executed|stat::average|ERROR' || true
done
