# Machine options, and those of the machine itself.
ARG BASE
FROM $BASE
WORKDIR /src
RUN echo 'double f(double *a, int n) { double s = 0; for (int i = 0; i < n; i++) s += a[i] * 1.5; return s; }' > a.c; gcc -O3 -S a.c -o default.s; case $(uname -m) in riscv64) set rv64gc rv64gcv rv64gcv_zba_zbb native;; aarch64) set armv8-a armv8.2-a+sve native;; *) set native;; esac; for m; do gcc -O3 -ffast-math -march=$m -S a.c -o $m.s 2> $m.said; gcc -v -march=$m -E a.c 2>&1 | grep -c march > $m.count; done; gcc -mcpu=native -S a.c -o cpu.s 2> cpu.said; gcc -mtune=native -S a.c -o tune.s 2> tune.said; gcc -mcpu=sifive-u74 -S a.c -o u74.s 2> u74.said; gcc -mcmodel=medany -S a.c -o any.s 2> any.said; gcc -mabi=lp64 -march=rv64imac -c a.c -o soft.o 2> soft.said; gcc -E -dM -xc /dev/null -march=native > macros 2>&1; true
