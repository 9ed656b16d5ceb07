#!/bin/bash
# kernel.sh: fetches Debian 13's riscv64 kernel: $CROSS/board/Image, and modules/ beside it with those that a board needs, uncompressed, in the
# order in which init loads them (modules/order). Packages: kmod xz-utils.
#
# There is no modules.dep and no modprobe on the board: making the one costs 17 s for a thousand modules of which we load twenty.
set -eu -o pipefail
. "$(dirname "$0")/fetch.bash"
PATH=$PATH:/usr/sbin:/sbin
folder=$CROSS/board
[ ! -s "$folder/modules/order" ] || exit 0
# (crc32c_generic stands before ext4, which asks for it by an alias that nobody here resolves.)
wanted="virtio_net virtio_rng virtio_blk crc32c_generic ext4 overlay tun"
mkdir -p "$folder"
work=$(mktemp -d "$folder/kernel.XXXXXX")
trap 'rm -rf "$work"' EXIT
unpack --alone "$work" linux-image-riscv64
# The package of that name only says which one is the newest.
image=$(dpkg-deb -f "$(ls "$CROSS"/debs/archives/linux-image-riscv64_*.deb | tail -n 1)" Depends | sed 's/ .*//')
unpack --alone "$work" "$image"
cp "$work"/boot/vmlinu?-* "$folder/Image"

rm -rf "$folder/modules"
mkdir "$folder/modules"
find "$work/usr/lib/modules" -name '*.ko*' >"$work/all"
declare -A seen=()
add() { # MODULE, after those that it needs
  local name=$1 file needed
  [ -z "${seen[$name]:-}" ] || return 0
  seen[$name]=yes
  file=$(grep -m 1 "/${name//[-_]/[-_]}\.ko" "$work/all") || { echo "kernel.sh: the kernel has no module $name, or has it built in" >&2; return 0; }
  for needed in $(modinfo -F depends "$file" | tr , ' '); do add "$needed"; done
  case $file in *.xz) xz -dc "$file" ;; *) cat "$file" ;; esac >"$folder/modules/$name.ko"
  echo "$name.ko" >>"$work/order"
}
for module in $wanted; do add "$module"; done
mv "$work/order" "$folder/modules/order"
