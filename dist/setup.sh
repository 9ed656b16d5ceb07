#!/bin/bash
# setup.sh PURPOSE…: installs the packages of dist/packages for these purposes (build, run, demo, test, …), those that are missing, and
# says which. Needs root, or sudo. SAMPAN_SETUP=no: only says what is missing and fails.
set -eu
list=$(dirname "$0")/packages
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
known() { apt-cache show "$1" >/dev/null 2>&1; }

# The first of a|b that is installed, else the first that apt knows.
choose() {
  local name names=${1//|/ }
  for name in $names; do installed "$name" && return; done
  for name in $names; do if known "$name"; then missing+=("$name"); return; fi; done
  missing+=("${names%% *}")
}

gather() {
  missing=()
  for purpose in "$@"; do
    for package in $(awk -v p="$purpose" '$1 == p { for (i = 2; i <= NF; i++) print $i }' "$list"); do choose "$package"; done
  done
}

gather "$@"
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "${SAMPAN_SETUP:-}" = no ]; then echo "missing packages: ${missing[*]}" >&2; exit 1; fi
sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
echo "installing: ${missing[*]}"
$sudo apt-get -qq update
gather "$@"
if ! $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >"${TMPDIR:-/tmp}/sampan-setup.log" 2>&1; then
  tail -20 "${TMPDIR:-/tmp}/sampan-setup.log" >&2
  echo "apt-get could not install them; the lines above say why" >&2
  exit 1
fi
