#!/bin/bash
# images.sh SAMPAN: builds redis and nginx from source for riscv64, with twins, into the store $CROSS/board/host: localhost/riscv64/{redis,nginx}:1.1.
# What is there already is kept.
set -eu
. "$(dirname "$0")/fetch.bash"
sampan=$1 host=$CROSS/board/host
host() { "$sampan" --root "$host" "$@"; }
has() { host inspect "$1" >/dev/null 2>&1; }

base=localhost/base/debian:trixie compiler=gcc
for example in redis nginx; do
  image=localhost/riscv64/$example:1.1 context=$CROSS/board/$example
  ! has "$image" || continue
  # As examples/demo.sh does it: unstable where the mirror's trixie can't be used just now, with the newest compiler that has a twin.
  if ! has "$base" && ! host base debian:trixie --platform linux/riscv64 -t "$base"; then
    base=localhost/base/debian:sid
    has "$base" || host base debian:sid --platform linux/riscv64 --apt-option 'Acquire::Check-Valid-Until "false"' -t "$base"
  fi
  host twin build "$base" --for linux/riscv64
  [ "$base" != localhost/base/debian:sid ] || compiler=$(host twin ls --format json | tr ',' '\n' | sed -n 's/.*"compilers": *"\([^"]\{1,\}\).*/\1/p' | head -1)
  if [ ! -d "$context/$example-src" ]; then
    "$TOP/examples/fetch-source.sh" "$example" "$CROSS/board/source"
    rm -rf "$context"
    mkdir -p "$context/unpacking"
    tar -xf "$CROSS/board/source/$example"_*.orig.tar.gz -C "$context/unpacking" --strip-components=1
    mv "$context/unpacking" "$context/$example-src"
  fi
  cp "$TOP/examples/$example"/* "$context"
  compilers=(--build-arg "CC=$compiler")
  [ "$example" != redis ] || compilers+=(--build-arg "CXX=${compiler/gcc/g++}")
  host build --network host --platform linux/riscv64 --build-arg BASE="$base" "${compilers[@]}" -f "$context/Dockerfile.$example" -t "$image" "$context"
done
