# Instrumented code: coverage, profiles, -pg, sanitizers, OpenMP, stack protection. Compiled and linked; sanitizers don't run under emulation.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" a.c
#include <stdlib.h>
#include <string.h>
int work(int n, char *s) { int sum = 0; char b[64]; 
	#pragma omp parallel for reduction(+:sum)
	for (int i = 0; i < n; i++) sum += i % 3 ? i : -i;
	strcpy(b, s); return sum + b[0]; }
int main(int argc, char **argv) { return work(argc * 10, argv[0]) > 1000000; }
END
RUN gcc --coverage -frandom-seed=1 -O1 -c a.c && gcc --coverage a.o -o covered && gcc -fprofile-generate -fprofile-update=single -frandom-seed=1 -O2 a.c -o profiled && ./profiled && gcc -fprofile-use -fprofile-correction -Wno-missing-profile -frandom-seed=1 -O2 -c a.c -o used.o; ls > names; rm -f *.gcda
RUN gcc -fsanitize=address,undefined -g -O1 a.c -o sanitized; gcc -fopenmp -O2 a.c -o parallel && ./parallel; gcc -pg a.c -o pg; gcc -fstack-protector-strong -D_FORTIFY_SOURCE=3 -O2 -fstack-clash-protection -fcf-protection=none -Wl,-z,relro,-z,now a.c -o hardened; gcc -fsanitize=thread -c a.c -o thread.o; gcc -fprofile-arcs -fbranch-probabilities -frandom-seed=1 -c a.c -o q.o; gcc -finstrument-functions -fpatchable-function-entry=2 -c a.c -o i.o; true
