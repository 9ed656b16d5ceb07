# Shared by the two files that build tests/corpus/twins/ with --twins=verify: each step runs with twins and emulated, and must leave the same bytes.

# A base with these packages, for riscv64 or $ARCHITECTURE. $T/base says what it is called.
twins_base() { # PACKAGE…
  local architecture=${ARCHITECTURE:-riscv64} option=()
  export PLATFORM=linux/$architecture
  case $architecture in armhf) PLATFORM=linux/arm/v7 ;; ppc64el) PLATFORM=linux/ppc64le ;; esac
  "$SAMPAN" emulator "$PLATFORM" >"$T/emulator" 2>&1 || return 0
  if ! "$SAMPAN" base debian:trixie --platform "$PLATFORM" -t small:1 >"$T/base.log" 2>&1; then
    cat "$T/base.log"
    grep -qF "does not match its signed Release file" "$T/base.log"
    twins_mirror "$architecture"
    "$SAMPAN" base debian:trixie --platform "$PLATFORM" --mirror "deb [trusted=yes] http://127.0.0.1:$(cat "$T/mirror.port") trixie main" -t small:1
  fi
  printf 'FROM small:1\nRUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends %s\n' "$*" |
    "$SAMPAN" build --network host --platform "$PLATFORM" -t tools:1 - >"$T/tools.log" 2>&1 || { tail -20 "$T/tools.log"; return 1; }
  touch "$T/ready"
}

# A server that the tests play: it prints its port, in $T/NAME.port, once it is ready.
played() { # NAME SECONDS SCRIPT ARGUMENT…
  local n name=$1 seconds=$2
  shift 2
  python3 "$@" >"$T/$name.port" 2>"$T/$name.log" 3>&- &
  echo $! >"$T/$name.pid"
  for ((n = 0; n < seconds * 10; n++)); do
    [ -s "$T/$name.port" ] && return 0
    kill -0 "$(cat "$T/$name.pid")" 2>/dev/null || break
    sleep 0.1
  done
  cat "$T/$name.log"
  return 1
}

# The mirror of this machine's apt, in a state that can be installed from.
twins_mirror() { # ARCHITECTURE…
  played mirror 120 "$TOP/tests/mirror.py" --cache "$T/mirror" - trixie "$@" "$(dpkg --print-architecture)"
}

verified() { # CASE
  [ -e "$T/ready" ] || skip "no emulation here: $(tail -1 "$T/emulator")"
  mkdir -p "$T/empty"
  run "$SAMPAN" build --progress plain --network host --platform "$PLATFORM" --twins=verify --build-arg BASE=tools:1 -f "$TOP/tests/corpus/twins/$1.dockerfile" "$T/empty"
  printf '%s\n' "$output" | tail -15
  [ "$status" -eq 0 ]
  [[ "$output" == *"once more, emulated, to compare"* ]]
}
