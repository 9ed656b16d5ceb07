# Shared libraries: rpath, rpath-link, $ORIGIN, version scripts, --wrap, -soname, copy relocations, and needed ones that only the rpath leads to.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" low.c
int low_number = 4; int low(void) { return low_number; }
END
COPY <<"END" high.c
int low(void); int high(void) { return low() + 1; }
END
COPY <<"END" main.c
#include <stdlib.h>
int high(void); extern int low_number;
void *__real_malloc(size_t); void *__wrap_malloc(size_t n) { return __real_malloc(n + 1); }
int main(void) { free(malloc(3)); return high() - 5; }
END
COPY <<"END" low.map
LOW_1 { global: low; low_number; local: *; };
END
RUN mkdir l h && gcc -shared -fPIC low.c -Wl,-soname,liblow.so.1 -Wl,--version-script=low.map -o l/liblow.so.1 && ln -s liblow.so.1 l/liblow.so && gcc -shared -fPIC high.c -Ll -llow -Wl,-rpath,/src/l -o h/libhigh.so
RUN gcc main.c -Lh -lhigh -Wl,--wrap=malloc -Wl,-rpath,/src/h -Wl,-rpath-link,/src/l -o one && ./one && gcc main.c -Lh -lhigh -Wl,--wrap,malloc -Wl,-rpath,'$ORIGIN/h:$ORIGIN/l',--enable-new-dtags -o two && ./two && gcc main.c -Lh -lhigh -Wl,--wrap=malloc -Wl,-rpath,/src/h,--disable-new-dtags -o three && LD_RUN_PATH=/src/h gcc main.c -Lh -lhigh -Wl,--wrap=malloc -o four && readelf -d one two three four > dynamic
