#!/bin/bash
# root.sh OUT [PACKAGE…] [FILE:PATH…]: makes OUT, the initramfs of a board: busybox, init, the kernel's modules, Debian packages with what they
# need, and files of yours; programs of ours with their libraries, which the sysroot has. An executable at /etc/board-start runs when all else is up. Packages: binutils cpio.
set -eu -o pipefail
. "$(dirname "$0")/fetch.bash"
out=$(realpath -m "$1")
shift
packages=(busybox-static) files=()
for word; do
  case $word in *:*) files+=("$word") ;; *) packages+=("$word") ;; esac
done
work=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{usr/{bin,sbin,lib},proc,sys,dev,run,tmp,mnt,root,etc,var/{lib,log},srv/cgi-bin}
unpack "$root" "${packages[@]}"
rm -rf "$root/cross.ini" "$root"/usr/share/{locale,lintian,bash-completion,zsh,info,bug} "$root"/usr/lib/riscv64-linux-gnu/gconv "$root"/var/cache
cp -r "$CROSS/board/modules" "$root/usr/lib/modules"
# What the scripts of base-passwd and base-files would have made.
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
printf '127.0.0.1 localhost board\n10.0.2.2 host\n' >"$root/etc/hosts"
echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"

library_folder=usr/lib/riscv64-linux-gnu
add_libraries() { # PROGRAM
  local name
  for name in $(readelf -d "$1" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
    [ ! -e "$root/$library_folder/$name" ] || continue
    mkdir -p "$root/$library_folder"
    cp -L "$CROSS/riscv64/$library_folder/$name" "$root/$library_folder/"
    case $name in ld-linux-*) ln -sf "/$library_folder/$name" "$root/usr/lib/$name" ;; esac # where programs name it
    add_libraries "$CROSS/riscv64/$library_folder/$name"
  done
}

install -m 755 "$TOP/tests/board/init" "$root/init"
install -m 755 "$TOP/tests/board/shell.cgi" "$root/srv/cgi-bin/shell"
for file in "${files[@]}"; do
  mkdir -p "$(dirname "$root${file##*:}")"
  cp -aLT "${file%:*}" "$root${file##*:}"
  add_libraries "$root${file##*:}"
done
(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) >"$out.new"
mv "$out.new" "$out"
