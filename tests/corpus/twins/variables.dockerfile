# Environment variables that lead a compiler elsewhere.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" main.c
int mine(void); int main(void) { return mine() - 3; }
END
COPY <<"END" mine.c
int mine(void) { return 3; }
END
COPY --chmod=755 <<"END" tools/as
#!/bin/sh
echo "as: $*" | sed 's,/tmp/cc[^ ]*,TEMP,g' >> /src/calls
exec /usr/bin/as "$@"
END
RUN mkdir lib && gcc -c mine.c && ar rc lib/libmine.a mine.o && LIBRARY_PATH=lib gcc main.c -lmine -o by-library-path && ./by-library-path && COMPILER_PATH=tools gcc -c main.c && gcc -Btools/ -c main.c && PATH=/src/tools:$PATH gcc -c main.c && cat calls
RUN GCC_EXEC_PREFIX=/usr/lib/gcc/ gcc -c main.c; GCC_EXEC_PREFIX=/nowhere/ gcc -c main.c 2> nowhere; TMPDIR=/src gcc -c main.c; env -i /usr/bin/gcc -c main.c; env -i PATH=/usr/bin gcc main.c mine.c -o bare && env -u PATH /usr/bin/gcc main.c mine.c -o unset; GCC_COLORS= gcc -fdiagnostics-color -c nothing.c 2> colors; LD_LIBRARY_PATH=/src/lib gcc -c main.c && LC_ALL=C.UTF-8 gcc -c nothing.c 2> utf8; LC_ALL=POSIX gcc -c nothing.c 2> posix; LANG=de_DE gcc -c nothing.c 2> latin; true
