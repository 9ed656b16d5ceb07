#!/bin/sh
# collect.sh PROGRAM OUT CERTIFICATE…: what the image is made of, as the folder OUT: sampan, the libraries that it needs, certificate authorities, a user,
# and the few files that libraries look at.
set -eu
program=$1 out=$2
shift 2
mkdir -p "$out/usr/bin" "$out/etc/ssl/certs" "$out/var/lib/sampan" "$out/tmp"
strip -o "$out/usr/bin/sampan" "$program"
# libcurl is no library that a usual build asks for at its start: it is loaded when it is first needed.
late=$(grep -aom1 'libcurl-gnutls\.so\.4' "$program" | head -n 1 || true)
[ -z "$late" ] || late=$(ldconfig -p | sed -n "s|.*$late .*=> ||p" | head -n 1)
for file in $late $(ldd "$program" $late | grep -o '\s/[^ :]*'); do cp -L --parents "$file" "$out"; done
cat "$@" >"$out/etc/ssl/certs/ca-certificates.crt"
printf 'root:x:0:0:root:/:/sbin/nologin\nsampan:x:65532:65532:sampan:/var/lib/sampan:/sbin/nologin\n' >"$out/etc/passwd"
printf 'root:x:0:\nsampan:x:65532:\n' >"$out/etc/group"
printf 'hosts: files dns\n' >"$out/etc/nsswitch.conf"
chown 65532:65532 "$out/var/lib/sampan"
chmod 700 "$out/var/lib/sampan"
chmod 1777 "$out/tmp"
