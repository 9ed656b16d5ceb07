# What lands in debug information and notes: macros, split units, switches, mapped paths, compressed sections.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" main.c
#include <stddef.h>
#include <stdint.h>
#define HERE __FILE__ __BASE_FILE__
const char *where(void) { return HERE " " __DATE__ " " __TIME__ " " __TIMESTAMP__; }
int main(void) { return offsetof(struct { int a; int64_t b; }, b) - 8; }
END
RUN touch -d @1700000000 main.c && export SOURCE_DATE_EPOCH=1700000000 && gcc -g3 -O2 -c main.c -o g3.o && gcc -g -gsplit-dwarf -c main.c -o split.o && gcc -g -frecord-gcc-switches -O2 -c main.c -o switches.o && gcc -g -fdebug-prefix-map=/src=/elsewhere -ffile-prefix-map=/usr=/there -c /src/main.c -o mapped.o && gcc -g3 -fmacro-prefix-map=/src/= -gz=zlib -c $PWD/main.c -o zlib.o && gcc -g3 -gz=zstd -c main.c -o zstd.o && gcc -g -gdwarf-5 -fdebug-types-section -grecord-gcc-switches main.c -o main
RUN export SOURCE_DATE_EPOCH=1700000000 && gcc -O2 -fverbose-asm -S main.c -o verbose.s && gcc -save-temps -g -O1 main.c -o saved && gcc -fstack-usage -fcallgraph-info -ffunction-sections -c main.c && objcopy --only-keep-debug saved saved.debug && objcopy --strip-debug --add-gnu-debuglink=saved.debug saved && readelf --debug-dump=info,line,macro main g3.o > dump && readelf -p .GCC.command.line switches.o > line
