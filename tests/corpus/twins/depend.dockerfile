# Output that names the headers: -M in its kinds, -H, dependency variables, diagnostics with their files, notes of what the compiler did.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" own.h
#include <stdint.h>
END
COPY <<"END" main.c
#include <stdio.h>
#include "own.h"
#warning look here
int main(void) { int unused; char b[2]; return sprintf(b, "%d", "x"); }
END
RUN gcc -Wall -Wextra -MMD -MP -c main.c 2> warned && gcc -w -MD -MF deps -MT 'a b' -MQ '$c' -c main.c && gcc -M main.c > M 2>/dev/null && gcc -MM -MG main.c > MM 2>/dev/null && gcc -w -H -c main.c 2> H && DEPENDENCIES_OUTPUT='env.d main.o' gcc -w -c main.c && SUNPRO_DEPENDENCIES='sun.d main.o' gcc -w -c main.c
RUN gcc -Wall -fdiagnostics-format=json -c main.c 2> json; gcc -Wall -Wsystem-headers -Wmissing-include-dirs -Inothing -fdiagnostics-color=always -c main.c 2> color; gcc -w -O2 -fopt-info-all=opt -fdump-tree-optimized -c main.c; gcc -w -aux-info protos -c main.c; gcc -O2 -w -fdiagnostics-format=sarif-file -c main.c; gcc -Dx= -c nothing.c 2> missing; gcc -c -frobnicate main.c 2> wrong; gcc 2> none; echo '#include <absent.h>' | gcc -c -xc - 2> absent; echo 'int f(' | g++ -c -xc++ - 2> broken; ls > names
