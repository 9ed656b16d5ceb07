# Static, static-pie, without the start files, with --gc-sections.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" main.c
#include <stdio.h>
int unused(void) { return 3; }
int main(void) { puts("hello"); return 0; }
END
COPY <<"END" start.c
void _start(void) { for (;;); }
END
RUN gcc -O1 -static main.c -o static && ./static > said && gcc -static-pie -fPIE main.c -o static-pie && gcc -ffunction-sections -Wl,--gc-sections,--print-gc-sections -static -c main.c && gcc -Wl,--gc-sections,--print-gc-sections -static main.o -o gc 2> dropped
RUN gcc -nostdlib -nostartfiles -static start.c -o bare && gcc -r -nostdlib start.c -o part.o && gcc -no-pie main.c -o nopie && gcc -s -pie main.c -o stripped
