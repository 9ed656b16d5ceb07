#!/bin/bash
# prepare.sh TIER…: makes what the tiers (a, b, c, …) boot: sampan for riscv64, the kernel, and for each tier an initramfs, build-cross/board/TIER.cpio.
# Ends with the exit code 3, and a line that says why, where something can't be had here: no mirror, no qemu.
set -eu -o pipefail
. "$(dirname "$0")/fetch.bash"
board=$CROSS/board
# What `sampan run` calls on the board, and what `sampan pull` loads.
runner="crun conmon passt catatonit ca-certificates libcurl3t64-gnutls"

# What the boards that join a registry have beside their engine.
joined="curl ca-certificates libcurl3t64-gnutls $board/sampan:/usr/bin/sampan"

# The programs of the images that those run. (With this release's own C library: Debian 12's linker fails on the static one of 13.)
programs() {
  unpack --alone "$board/busybox.root" busybox-static
  cp "$(find "$board/busybox.root" -name busybox -type f -perm /1)" "$board/busybox"
  riscv64-linux-gnu-gcc -Os -static -s -o "$board/pause" "$TOP/examples/pause/pause.c"
}

lacks() { echo "the board needs $1"; exit 3; }
for program in qemu-system-riscv64 riscv64-linux-gnu-gcc cpio modinfo mke2fs; do
  PATH=$PATH:/usr/sbin:/sbin type -P $program >/dev/null || lacks "$program: ./dist/setup.sh board cross-riscv64"
done
[ -f "$CROSS/riscv64/cross.ini" ] || unpack "$CROSS/riscv64" || lacks "riscv64 packages, and no mirror here has them"
make -s -C "$TOP" cross-riscv64 CROSS="$CROSS" >"$board.log" 2>&1 || { cat "$board.log"; exit 1; }
"$TOP/tests/board/kernel.sh" || lacks "Debian's riscv64 kernel, and no mirror here has it"
riscv64-linux-gnu-strip -o "$board/sampan" "$TOP/build-riscv64/sampan"

for tier; do
  case $tier in
  a) "$TOP/tests/board/root.sh" "$board/a.cpio" "$board/sampan:/usr/bin/sampan" ;;
  b)
    programs
    "$TOP/tests/board/root.sh" "$board/b.cpio" containerd crun $joined "$TOP/tests/board/containerd.toml:/etc/containerd/config.toml" "$TOP/tests/board/start-b:/etc/board-start" ;;
  docker)
    programs
    "$TOP/tests/board/root.sh" "$board/docker.cpio" docker.io docker-cli $joined "$TOP/tests/board/daemon.json:/etc/docker/daemon.json" "$TOP/tests/board/start-docker:/etc/board-start" ;;
  bench) "$TOP/tests/board/root.sh" "$board/bench.cpio" docker-registry "$board/sampan:/usr/bin/sampan" "$TOP/bench/board-start:/etc/board-start" ;;
  c) "$TOP/tests/board/root.sh" "$board/c.cpio" $runner "$board/sampan:/usr/bin/sampan" "$TOP/tests/board/start-c:/etc/board-start" ;;
  esac
done
