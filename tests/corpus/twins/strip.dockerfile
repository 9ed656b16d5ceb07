# strip, objcopy and install -s on programs, archives and objects.
ARG BASE
FROM $BASE
WORKDIR /src
RUN echo 'int x; int main(void) { return x; }' > a.c && gcc -g a.c -o a && gcc -g -c a.c && cp a.o b.o && ar rcD lib.a a.o b.o && printf 'create mri.a\naddmod a.o\naddlib lib.a\nsave\nend\n' | ar -M && ar tv mri.a > list && ar qS q.a a.o && ranlib -D q.a && ar x lib.a a.o && ar d lib.a b.o && printf 'rcs at.a a.o' > at && ar @at && nm -s at.a > names
RUN strip a -o stripped && strip --strip-unneeded a.o -o unneeded.o && strip -g lib.a && strip -d -o d.o a.o && install -s -m 700 a installed && objcopy --only-keep-debug a a.debug && objcopy -g --add-gnu-debuglink=a.debug a linked && objcopy --redefine-sym x=y --rename-section .text=.code -j .text -j .code a.o part.o; objcopy -O srec a a.srec; objcopy --compress-debug-sections=zlib a z; objcopy --compress-debug-sections=zstd a zs; elfedit --output-osabi FreeBSD b.o; printf 'bytes' > raw && objcopy -I binary -O elf64-littleriscv -B riscv raw raw.o; echo --strip-all > strip.at; strip @strip.at a -o at; objdump -dS a > dis; readelf -aW stripped linked > elf; addr2line -fe a 0x600 > line; true
