#!/bin/bash
# bench/build.sh [ROUNDS [STEPS]]: builds of STEPS times `RUN true` on a native busybox image with sampan and with buildah, interleaved, from nothing
# and with everything cached; the median of the rounds and the ratio. Needs root, buildah, crun or runc, busybox-static.
#
# Environment: SAMPAN (build/sampan). Only ratios of one run mean something: the machine is shared.
set -eu
rounds=${1:-3} steps=${2:-50}
sampan=$(realpath "${SAMPAN:-build/sampan}")
for program in buildah busybox unshare; do
  command -v "$program" >/dev/null || { echo "$0: $program is not installed" >&2; exit 1; }
done
T=$(mktemp -d "${TMPDIR:-/var/tmp}/sampan-bench.XXXXXX")
trap 'unshare -m true; rm -rf --one-file-system "$T"' EXIT

mkdir -p "$T/root/bin" "$T/root/etc" "$T/root/tmp" "$T/context"
cp "$(command -v busybox)" "$T/root/bin/"
ln -s busybox "$T/root/bin/sh"; ln -s busybox "$T/root/bin/true"
echo root:x:0:0:root:/root:/bin/sh >"$T/root/etc/passwd"
tar -C "$T/root" -cf "$T/base.tar" .

# buildah wants to raise limits, which root may not everywhere, and crun wants no hybrid cgroups:
# low ones suit every machine
limits="--ulimit nofile=1024:1024 --ulimit nproc=1024:1024"
printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n' >"$T/containers.conf"
printf '[storage]\ndriver = "overlay"\nrunroot = "%s/run"\ngraphroot = "%s/graph"\n' "$T" "$T" >"$T/storage.conf"
buildah_() {
  CONTAINERS_CONF=$T/containers.conf CONTAINERS_STORAGE_CONF=$T/storage.conf TMPDIR=$T unshare -m --propagation private bash -c '
    ! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified
    exec buildah "$@"' buildah "$@"
}
sampan_() { "$sampan" --root "$T/store" "$@"; }

dockerfile() { # NUMBER: a different one each round, so that no step is cached
  echo "FROM localhost/bench/base:1"
  echo "ENV ROUND=$1"
  for ((i = 0; i < steps; i++)); do echo "RUN true"; done
}
seconds() { # COMMAND…
  local begin=$EPOCHREALTIME
  "$@" >"$T/log" 2>&1 || { cat "$T/log" >&2; exit 1; }
  awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f\n", b - a }'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

sampan_ import "$T/base.tar" localhost/bench/base:1 >/dev/null
printf 'FROM scratch\nADD base.tar /\n' >"$T/context/Base"; cp "$T/base.tar" "$T/context/"
buildah_ bud -q -t localhost/bench/base:1 -f "$T/context/Base" "$T/context" >/dev/null
mkdir -p "$T/empty"

echo "$steps RUN true, seconds; $rounds rounds"
for ((round = 1; round <= rounds; round++)); do
  dockerfile "$round" >"$T/Dockerfile"
  a=$(seconds sampan_ build --progress plain --network host -t localhost/bench/a:1 -f "$T/Dockerfile" "$T/empty")
  c=$(seconds sampan_ build --progress plain --network host -t localhost/bench/a:1 -f "$T/Dockerfile" "$T/empty")
  b=$(seconds buildah_ bud $limits --network host --isolation oci -t localhost/bench/b:1 -f "$T/Dockerfile" "$T/empty")
  d=$(seconds buildah_ bud $limits --layers --network host --isolation oci -t localhost/bench/b:2 -f "$T/Dockerfile" "$T/empty")
  e=$(seconds buildah_ bud $limits --layers --network host --isolation oci -t localhost/bench/b:2 -f "$T/Dockerfile" "$T/empty")
  echo "$a" >>"$T/sampan"; echo "$b" >>"$T/buildah"; echo "$c" >>"$T/sampan-cached"; echo "$d" >>"$T/buildah-layers"; echo "$e" >>"$T/buildah-cached"
  printf 'round %d: sampan %s (cached %s)  buildah %s, with --layers %s (cached %s)\n' "$round" "$a" "$c" "$b" "$d" "$e"
done
a=$(median <"$T/sampan") b=$(median <"$T/buildah") c=$(median <"$T/sampan-cached") d=$(median <"$T/buildah-layers") e=$(median <"$T/buildah-cached")
awk -v a="$a" -v b="$b" -v c="$c" -v d="$d" -v e="$e" 'BEGIN {
  printf "median:  sampan %s (cached %s)  buildah %s, with --layers %s (cached %s)\n", a, c, b, d, e
  printf "ratio buildah / sampan: %.2f; with --layers, as sampan does: %.2f; cached: %.1f\n", b / a, d / a, e / c }'
