# Linker scripts, map files, build ids, the linker by itself with its own folders, and the table that it writes about itself.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" main.c
#include <stdio.h>
__attribute__((section(".mine"))) int mine = 3;
int main(void) { return printf("%d\n", mine) < 0; }
END
COPY <<"END" flat.ld
ENTRY(main)
SECTIONS { . = 0x10000; .text : { *(.text*) } .data : { *(.mine) *(.data*) *(.sdata*) } .rest : { *(.rodata*) *(.bss*) *(.srodata*) } }
END
COPY <<"END" group.so
INPUT(main.o AS_NEEDED(-lm)) GROUP(-lc)
END
RUN gcc -g -c main.c && gcc main.o -Wl,-Map=main.map -Wl,--build-id=sha1 -o main && gcc main.o -Wl,-Map,cref.map,--cref -Wl,--build-id=0x1234 -o named && ld -r main.o -o r.o && ld -T flat.ld main.o --unresolved-symbols=ignore-all -o flat 2> flat.said && objcopy -O binary flat flat.bin
RUN ld -dynamic-linker /lib/ld.so main.o -lc -lm -e main -o direct && ld main.o -e main -lc -M -o printed > printed.map && ld -Map=group.map -e main group.so -o group && ld -t -e main group.so -o group2 > traced && ld --verbose > verbose && ld -verbose > verbose2 && ld --verb > verbose3 && ld -V > V && ld -version > version && ld --help > help && ld -print-sysroot > root && ld --print-output-format > format && ld -o m2 --print-memory-usage -e main main.o -lc > usage
