#!/bin/bash
# bench/emulation.sh [WORK…]: builds for a foreign platform with twins and under plain QEMU, in turn, and natively: the processor time of what RUN ran, the
# ratio, and whether the layers are the same. WORK is of redis, apt, ninja, nginx (default: all). Needs root and the network of this machine's apt.
#
# Environment: SAMPAN (build/sampan), PLATFORM (linux/riscv64), SUITE (trixie), BENCH_DIR (a folder that is kept, so that bases and sources need not be made
# again), BASE_OPTIONS (further options of `sampan base`), NATIVE=no leaves the native build out, ROUNDS (1), BENCH_DOCKER=1 adds docker with BuildKit (bench/buildkit.sh). Processor time, not time by the clock: the machine may do other work beside.
set -eu
cd "$(dirname "$0")/.."
top=$PWD sampan=$(realpath "${SAMPAN:-build/sampan}") platform=${PLATFORM:-linux/riscv64} suite=${SUITE:-trixie} rounds=${ROUNDS:-1}
[ $# -gt 0 ] || set -- apt nginx ninja redis
T=${BENCH_DIR:-$(mktemp -d "${TMPDIR:-/var/tmp}/sampan-bench.XXXXXX")}
[ -n "${BENCH_DIR:-}" ] || trap 'rm -rf --one-file-system "$T"' EXIT
mkdir -p "$T"
export SOURCE_DATE_EPOCH=1700000000
sampan_() { "$sampan" --root "$T/store" "$@"; }

base() { # PLATFORM NAME
  local options=()
  [ -z "${BASE_OPTIONS:-}" ] || eval "options=($BASE_OPTIONS)"
  sampan_ base "debian:$suite" --platform "$1" "${options[@]}" -t "$2" >"$T/log" 2>&1 || { cat "$T/log" >&2; exit 1; }
}

source_of() { # PACKAGE
  [ -d "$T/$1/$1-src" ] && return
  ./examples/fetch-source.sh "$([ "$1" = ninja ] && echo ninja-build || echo "$1")" "$T/source" >"$T/log" 2>&1 || { cat "$T/log" >&2; exit 1; }
  mkdir -p "$T/$1/$1-src"
  tar -xf "$T"/source/"$1"*_*.orig.tar.* -C "$T/$1/$1-src" --strip-components=1
}

# Logs, caches and what holds the time of the build are no part of what is compared.
clean='apt-get clean && rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/ldconfig/aux-cache'
prepare() { # WORK: writes its folder; the measured steps are those that the file `measured` has
  mkdir -p "$T/$1"
  case $1 in
  apt)
    printf 'FROM base/foreign\nRUN apt-get update && apt-get install -y --no-install-recommends cmake autoconf automake libssl-dev git && %s\n' "$clean" >"$T/$1/Dockerfile" ;;
  redis)
    source_of redis
    printf 'FROM base/tools\nCOPY redis-src /usr/src/redis\nWORKDIR /usr/src/redis\nENV SOURCE_DATE_EPOCH=%s\nRUN make -j2 && rm deps/jemalloc/config.log\n' "$SOURCE_DATE_EPOCH" >"$T/$1/Dockerfile" ;;
  nginx)
    source_of nginx
    printf 'FROM base/tools\nCOPY nginx-src /usr/src/nginx\nWORKDIR /usr/src/nginx\nRUN ./configure --with-threads && make -j2 && rm objs/autoconf.err\n' >"$T/$1/Dockerfile" ;;
  ninja)
    source_of ninja
    # what cmake writes for itself is in another order each time, and link-time optimisation draws a random number
    printf 'FROM base/tools\nCOPY ninja-src /usr/src/ninja\nENV CXXFLAGS=-frandom-seed=1\nRUN mkdir /build && cd /build && %s && make -j2 && mkdir /out && cp ninja /out && cd / && rm -r /build\n' \
      'cmake -G "Unix Makefiles" -DBUILD_TESTING=OFF -DCMAKE_BUILD_TYPE=Release /usr/src/ninja' >"$T/$1/Dockerfile" ;;
  *) echo "$0: there is no work '$1'" >&2; exit 2 ;;
  esac
}

tools() { # PLATFORM FROM TO: the compilers, once, outside of what is measured
  printf 'FROM %s\nRUN apt-get update && apt-get install -y --no-install-recommends gcc g++ libc6-dev make cmake pkg-config libpcre2-dev zlib1g-dev && %s\n' "$2" "$clean" >"$T/Tools"
  mkdir -p "$T/empty"
  sampan_ build --network host --platform "$1" -f "$T/Tools" -t "$3" "$T/empty" >"$T/log" 2>&1 || { cat "$T/log" >&2; exit 1; }
}

build() { # WORK PLATFORM MODE BASE: seconds of processor time, and the last layer's digest
  sed "s,^FROM base/[a-z]*,FROM $4," "$T/$1/Dockerfile" >"$T/$1/Dockerfile.$3"
  sampan_ --format json build --progress plain --no-cache --network host --platform "$2" --twins="$3" -f "$T/$1/Dockerfile.$3" -t "bench/$1:$3" "$T/$1" >"$T/result" 2>"$T/$1-$3.log" ||
    { tail -40 "$T/$1-$3.log" >&2; exit 1; }
  jq -r .processorSeconds "$T/result" >>"$T/$1.$5"
  sampan_ inspect --type image "bench/$1:$3" 2>/dev/null | jq -r '.[0].RootFS.Layers[-1]' >"$T/$1.$5.layer"
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

base "$platform" base/foreign:latest
tools "$platform" base/foreign base/tools:latest
if [ "${NATIVE:-yes}" = yes ]; then base linux/amd64 base/native:latest; tools linux/amd64 base/native base/native-tools:latest; fi

printf '%s for %s: processor seconds of what RUN ran, medians of %d rounds\n\n' "$suite" "$platform" "$rounds"
printf '| work | plain QEMU | twins | ratio | native | twins / native | layers |\n|---|---|---|---|---|---|---|\n'
for work in "$@"; do
  prepare "$work"
  rm -f "$T/$work".{twins,qemu,native}
  from=base/tools native=base/native-tools; [ "$work" != apt ] || { from=base/foreign native=base/native; }
  for ((round = 0; round < rounds; round++)); do
    build "$work" "$platform" auto "$from" twins
    build "$work" "$platform" off "$from" qemu
    [ "${NATIVE:-yes}" != yes ] || build "$work" linux/amd64 off "$native" native
  done
  a=$(median <"$T/$work.qemu") b=$(median <"$T/$work.twins") c=; [ ! -f "$T/$work.native" ] || c=$(median <"$T/$work.native")
  same=differ; ! cmp -s "$T/$work.twins.layer" "$T/$work.qemu.layer" || same=equal
  awk -v w="$work" -v a="$a" -v b="$b" -v c="$c" -v s="$same" 'BEGIN { printf "| %s | %.1f | %.1f | 1/%.1f | %s | %s | %s |\n", w, a, b, a / b, c == "" ? "–" : sprintf("%.1f", c), c == "" ? "–" : sprintf("%.2f", b / c), s }'
done
if [ -n "${BENCH_DOCKER:-}" ]; then
  prepare redis
  sed 's,^FROM .*,FROM base/tools:latest,' "$T/redis/Dockerfile" >"$T/redis/Dockerfile.new" && mv "$T/redis/Dockerfile.new" "$T/redis/Dockerfile"
  SAMPAN=$sampan PLATFORM=$platform ./bench/buildkit.sh "$T"
fi
