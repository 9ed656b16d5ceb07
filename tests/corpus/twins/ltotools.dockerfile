# Binutils on objects that hold nothing but the compiler's intermediate code, with the plug-in at hand and with the compiler removed.
ARG BASE
FROM $BASE
WORKDIR /src
RUN for n in 1 2; do echo "int f$n(int a) { return a + $n; }" > f$n.c; done; gcc -O2 -flto -g -frandom-seed=1 -c f1.c f2.c
RUN for t in size 'objdump -t' 'objdump -h' 'readelf -SW' nm 'nm -C' 'strings -a' 'ar -t' 'objdump -f' 'addr2line -e'; do echo "== $t" >> said; $t f1.o >> said 2>&1; done; for o in '' -g -S -x --strip-unneeded; do strip $o f1.o -o "stripped$o"; objcopy $o f2.o "copied$o"; done > strip.said 2>&1; ar rcs lib.a f1.o f2.o; ranlib -D lib.a; nm -s lib.a > names; strip -g lib.a -o stripped.a 2> /dev/null; ld -r f1.o f2.o -o r.o > ld.said 2>&1; true
RUN rm -rf /usr/libexec/gcc && nm f1.o > without 2>&1; ar rcs without.a f1.o f2.o > ar.said 2>&1; ranlib without.a 2>> ar.said; nm -s without.a > names2 2>&1; strip -g f1.o -o stripped2 2> said2; objdump -t f1.o > dump2 2>&1; true
