#!/bin/bash
# deb.sh [ARCHITECTURE [SUITE]]: Debian packages for amd64, arm64 or riscv64 (this machine's), of bookworm or trixie (this machine's; trixie for riscv64), in
# build/deb/. sampan builds them itself, in an image of that suite and architecture that holds what debian/control asks for: for another architecture that is an
# emulated build with twins, and the first one of each takes a while. The same source and the same archive give the same bytes.
#
#   DEB_MIRROR=…   where packages come from: a URL, or a line of sources.list (the mirror of this machine's apt)
#   DEB_FLAGS=…    more flags for `sampan build`, such as --network host for a mirror on this machine
#   DEB_BASE=…     an image to build in (one that is made of DEB_MIRROR)
#   DEB_ROOT=…     the store that keeps the images (build/deb/store)
set -eu
cd "$(dirname "$0")/.."
architecture=${1:-$(dpkg --print-architecture)}
suite=${2:-$(. /etc/os-release && echo "${VERSION_CODENAME:-trixie}")}
[ "$architecture" != riscv64 ] || [ $# -gt 1 ] || suite=trixie
out=${BUILD:-build}/deb
export SAMPAN_ROOT=${DEB_ROOT:-$out/store}
sampan=${SAMPAN:-${BUILD:-build}/sampan}
base=${DEB_BASE:-localhost/deb/$suite:$architecture} image=localhost/deb/sampan:$suite-$architecture

mkdir -p "$out"
[ -n "${DEB_BASE:-}" ] || "$sampan" base "debian:$suite" --platform "linux/$architecture" ${DEB_MIRROR:+--mirror "$DEB_MIRROR"} -t "$base"
# shellcheck disable=SC2086 # flags are words
"$sampan" build ${DEB_FLAGS:-} --platform "linux/$architecture" --build-arg BASE="$base" -f dist/debian/Dockerfile -t "$image" .
container=$("$sampan" create "$image" none)
"$sampan" export "$container" | tar -C "$out" -x --wildcards '*.deb' '*.buildinfo' '*.changes'
"$sampan" rm "$container" >/dev/null
ls -l "$out"/sampan_*"_$architecture.deb"
