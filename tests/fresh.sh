#!/bin/bash
# fresh.sh [bookworm] [trixie]: runs the README's two commands, `make demo` and `make test`, in a fresh minimal Debian root each (made by
# mmdebstrap from this machine's mirror), from a clean clone, as a new user would. Needs root: the root is entered with a pid, mount and
# network-sharing namespace of its own. FRESH_COMMANDS='make test' runs only that; FRESH_DIR keeps the roots there.
set -eu
cd "$(dirname "$0")/.."
top=$PWD
[ $# -gt 0 ] || set -- bookworm trixie
command -v mmdebstrap >/dev/null || ./dist/setup.sh run
mirror=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' | awk -F'|' '$1 == "Debian" && $2 == "Debian" { print $3; exit }')
dir=${FRESH_DIR:-$(mktemp -d "${TMPDIR:-/tmp}/sampan-fresh.XXXXXX")}
result=0

for suite in "$@"; do
  root=$dir/$suite
  mkdir -p "$dir"
  [ -d "$root" ] || mmdebstrap --quiet --variant=minbase --include=ca-certificates,make,git "$suite" "$root" "$mirror"
  rm -rf "$root/src"
  git clone -q "$top" "$root/src"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  while read -r command; do
    log=$dir/$suite-$(tr -cs 'a-z\n' - <<<"$command").log
    echo "== $suite: $command"
    if unshare --mount --pid --fork --propagation private bash -c '
      set -e
      cd "$1"; mount --bind . .; cd "$1"
      mount -t proc proc proc; mount --rbind /sys sys; mount --rbind /dev dev; mount -t tmpfs tmpfs run; mount -t tmpfs tmpfs tmp
      mkdir -p old; pivot_root . old; umount -l /old; cd /src
      exec env -i HOME=/root TERM="${TERM:-dumb}" PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -c "$2"' fresh "$root" "$command" </dev/null >"$log" 2>&1
    then echo "   passed: $(tail -1 "$log")"
    else echo "   FAILED; the end of $log:"; tail -15 "$log"; result=1
    fi
  done < <(printf '%s\n' "${FRESH_COMMANDS:-make demo
make test}")
done
exit $result
