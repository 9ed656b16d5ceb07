# The command lines and environments that the driver gives to the programs beneath it, seen by scripts in their places.
ARG BASE
FROM $BASE
WORKDIR /src
COPY --chmod=755 <<"END" tools/cc1
#!/bin/sh
{ echo "$0" "$@"; env | sort; } | sed 's,/tmp/cc[^ ]*,TEMP,g' >> /src/calls
END
RUN for t in cc1plus as collect2 ld lto1; do ln -s cc1 tools/$t; done; echo 'int main(void) { return 0; }' > a.c; cp a.c a.cc; cp a.c a.i; echo nop > a.s; echo nop > a.S
RUN for f in a.c a.cc a.i a.s a.S; do for o in '-c -o a.o' -S -E '-O2 -g -c' '-O2 -flto -c -fPIC -march=rv64gc' '-save-temps -c'; do gcc -B/src/tools/ $o $f >/dev/null 2>&1; done; done; gcc -B/src/tools/ -Btools a.c -o a -lm -fopenmp -pthread; g++ -B/src/tools/ -static a.cc; gcc -B/src/tools/ -shared -flto -pie a.o; gcc -B/src/tools/ -no-canonical-prefixes -static-pie a.c; cpp -B/src/tools/ a.c; gcc -B/src/tools/ -fsanitize=address,undefined a.c; gcc -B/src/tools/ -pg --coverage a.c; gcc -B/src/tools/ -fuse-ld=gold -rdynamic a.c; gcc -B/src/tools/ --sysroot=/src a.c; bash -c "exec -a odd gcc -B/src/tools/ a.c"; wc -l calls
