# Debian's riscv64 packages for the board. Sourced by what makes its parts. All of them lie in one folder, $CROSS, which `make cross-riscv64` uses too:
# debs/ (apt's lists and packages), riscv64/ (the sysroot), board/ (kernel, modules, initramfs).

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CROSS=$(realpath -m "${CROSS:-$TOP/build-cross}")

# dist/cross/sysroot.sh with this machine's mirror; where that is just being renewed, with a view of it that is consistent but not signed
# (tests/mirror.py). Which of the two it was is remembered for the next call.
unpack() { # [--alone] FOLDER [PACKAGE…]
  local cache=$CROSS/debs alone=() folder source pid status=0
  if [ "$1" = --alone ]; then alone=(--alone); shift; fi
  folder=$1
  shift
  mkdir -p "$cache"
  if [ ! -e "$cache/unsigned" ]; then
    "$TOP/dist/cross/sysroot.sh" --cache "$cache" "${alone[@]}" riscv64 "$folder" "$@" 2>"$cache/log" && return
    grep -q 'no lists of' "$cache/log" || { cat "$cache/log" >&2; return 1; }
    touch "$cache/unsigned"
  fi
  # A port of its own each time would be another source each time, with lists to be fetched again.
  source=$(cat "$cache/port" 2>/dev/null || echo 0)
  mkdir -p "$cache/mirror"
  coproc MIRROR { exec python3 "$TOP/tests/mirror.py" --cache "$cache/mirror" --port "$source" - trixie riscv64; }
  pid=$MIRROR_PID
  if read -r -t 120 source <&"${MIRROR[0]}"; then
    echo "$source" >"$cache/port"
    "$TOP/dist/cross/sysroot.sh" --cache "$cache" --source "deb [trusted=yes] http://127.0.0.1:$source trixie main" "${alone[@]}" riscv64 "$folder" "$@" || status=1
    kill "$pid"
  else
    echo "fetch.bash: no mirror with riscv64 packages can be reached" >&2
    status=1
  fi
  wait "$pid" 2>/dev/null || true
  return $status
}
