#!/bin/bash
# run.sh [unit|e2e|sanitize|browser|board|board-b]…: builds sampan and runs the tests (all of them without arguments), and ends with the plain line
# 'N passed, N failed'. Each test's output goes to build/test-logs/; what failed is shown.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build} passed=0 failed=0
logs=$build/test-logs
[ $# -gt 0 ] || set -- unit sanitize e2e browser board board-b

setup() { # FOLDER OPTION…
  local dir=$1; shift
  [ -f "$dir/build.ninja" ] || meson setup "$dir" "$@" >/dev/null || exit 1
  ninja -C "$dir" >"$dir/ninja.log" 2>&1 || { cat "$dir/ninja.log"; echo "0 passed, 1 failed"; exit 1; }
}

# Counts TAP lines of a file, shows what failed.
count() { # NAME FILE EXIT
  local good bad
  good=$(grep -ac '^ok ' "$2") bad=$(grep -ac '^not ok ' "$2")
  if [ "$3" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; echo "not ok - $1 ended with exit code $3"; tail -30 "$2"; fi
  passed=$((passed + good)) failed=$((failed + bad))
  printf '%-40s %4d passed %3d failed\n' "$1" "$good" "$bad"
  [ "$bad" -eq 0 ] || grep -aA12 '^not ok ' "$2"
}

# meson runs them; each test's TAP (or, of a fuzzer's replay, its exit code) is in the log that meson writes.
unit() { # BUILD-FOLDER LABEL
  local name result file
  meson test -C "$1" --no-rebuild --timeout-multiplier 5 >"$logs/$2.log" 2>&1
  while read -r name result; do
    file=$logs/$2_$name.tap
    jq -r --arg name "$name" 'select(.name | endswith($name)) | (.stdout // ""), (.stderr // "")' "$1/meson-logs/testlog.json" >"$file"
    grep -aq '^ok \|^not ok ' "$file" || { [ "$result" = OK ] && echo "ok 1 - $name" || echo "not ok 1 - $name"; } >>"$file"
    count "$2/$name" "$file" "$([ "$result" = OK ] && echo 0 || echo 1)"
  done < <(jq -r '"\(.name | sub(".* / "; "") | sub("^.*:"; "")) \(.result)"' "$1/meson-logs/testlog.json")
}

e2e() { # SECONDS FILE…
  local file name seconds=$1
  shift
  for file; do
    name=${file#tests/} name=${name%.bats}
    SAMPAN=$PWD/$build/sampan timeout "$seconds" bats --tap "$file" >"$logs/${name//\//_}.tap" 2>&1
    count "$name" "$logs/${name//\//_}.tap" $?
  done
}

# The web page in Chromium. It needs dist/packages' purpose `browser` and one package of npm's: where these are not there, that is said and no failure.
browser() {
  local chromium name=browser/page
  chromium=$(command -v chromium) || chromium=
  if [ -z "$chromium" ] || ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "$name: skipped; it needs ./dist/setup.sh browser"
    return
  fi
  if [ ! -d tests/browser/node_modules/playwright-core ] &&
    ! (cd tests/browser && timeout 120 npm ci --ignore-scripts --no-audit --no-fund --prefer-offline) >"$logs/browser_npm.log" 2>&1; then
    echo "$name: skipped; npm could not get playwright-core, see $logs/browser_npm.log"
    return
  fi
  (cd tests/browser && SAMPAN=$PWD/../../$build/sampan CHROMIUM=$chromium timeout 600 node --test-reporter=tap page.test.mjs) >"$logs/browser_page.tap" 2>&1
  count "$name" "$logs/browser_page.tap" $?
}

# A riscv64 board in qemu-system (tests/board/README.md). What it needs is large: where it can't be had, that is said and no failure.
board() { # TIER
  local log=$logs/board_prepare_$1.log status=0
  timeout 1200 ./tests/board/prepare.sh "$1" >"$log" 2>&1 || status=$?
  if [ $status -eq 3 ]; then echo "board/tier_$1: skipped; $(tail -n 1 "$log")"; return; fi
  if [ $status -ne 0 ]; then echo "not ok 1 - prepare.sh $1" >>"$log"; count "board/prepare_$1" "$log" $status; return; fi
  timeout 3600 "./tests/board/tier_$1.py" "$PWD/$build/sampan" "${CROSS:-build-cross}/board" >"$logs/board_tier_$1.tap" 2>&1
  count "board/tier_$1" "$logs/board_tier_$1.tap" $?
}

for tier in "$@"; do
  case $tier in
  unit) setup "$build"; mkdir -p "$logs"; unit "$build" unit ;;
  sanitize) setup build-sanitize -Db_sanitize=address,undefined -Db_lundef=false; mkdir -p "$logs"; unit build-sanitize sanitize ;;
  e2e) setup "$build"; mkdir -p "$logs"; e2e 1200 tests/e2e/*.bats ;;
  twins) setup "$build"; mkdir -p "$logs"; e2e 7200 tests/e2e/slow/twins.bats ;;
  image) setup "$build"; mkdir -p "$logs"; e2e 7200 tests/e2e/slow/sampan_image.bats ;;
  packages) setup "$build"; mkdir -p "$logs"; e2e 7200 tests/e2e/slow/packages.bats ;;
  browser) setup "$build"; mkdir -p "$logs"; browser ;;
  board) setup "$build"; mkdir -p "$logs"; board a ;;
  board-b) setup "$build"; mkdir -p "$logs"; board b ;;
  board-docker) setup "$build"; mkdir -p "$logs"; board docker ;;
  board-c) setup "$build"; mkdir -p "$logs"; board c ;;
  *) echo "run.sh: there is no tier '$tier'" >&2; exit 2 ;;
  esac
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
