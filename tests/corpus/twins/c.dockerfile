# A program of two files and a header, at several levels of optimisation and of debug information; and a working folder other than /.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" add.h
#define ADD(a, b) ((a) + (b))
static inline int twice(int a) { return ADD(a, a); }
int thrice(int a);
END
COPY <<"END" thrice.c
#include "add.h"
#include <math.h>
int thrice(int a) { return ADD(twice(a), a) + (int)floor(pow(a, 0.25) * 3.7e-3L); }
END
COPY <<"END" main.c
#include <stdio.h>
#include "add.h"
struct point { float x, y; } points[3] = { { 1.5f, -2.25f }, { 1e-30f } };
int main(int argc, char **argv) { return printf("%d %s %f\n", thrice(argc), argv[0], points[argc].x) < 0; }
END
RUN gcc main.c thrice.c -lm -o plain && gcc -O2 -g main.c thrice.c -lm -o debug && ./plain > said
RUN gcc -Os -c -g3 -gdwarf-4 main.c -o g3.o && gcc -O3 -funroll-loops -S main.c thrice.c && gcc -E -dD main.c > main.i && gcc -c main.i -o again.o
