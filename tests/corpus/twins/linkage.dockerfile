# What ties objects together: weak, common, hidden and versioned symbols, constructors, thread-local storage in its models, ifuncs, comdats, debug links, and linking them in every order.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" a.c
#include <stdio.h>
int common; __attribute__((weak)) int maybe(void) { return 1; } extern int absent(void) __attribute__((weak));
__attribute__((visibility("hidden"))) int hidden = 3; __thread int local = 4; static __thread int mine;
__attribute__((constructor(101))) static void early(void) { mine = 2; } __attribute__((destructor)) static void late(void) { puts("late"); }
static int by_ifunc(void) { return 8; } static int (*choose(void))(void) { return by_ifunc; }
#ifdef IFUNC
int chosen(void) __attribute__((ifunc("choose")));
#else
int chosen(void) { return choose()(); }
#endif
int other(void) __attribute__((alias("maybe"))); __attribute__((section("extra,\"aw\",@note#"))) int noted;
__asm__(".symver old_api, api@V1"); __asm__(".symver new_api, api@@V2"); int old_api(void) { return 1; } int new_api(void) { return 2; }
int all(void) { return common + maybe() + (absent ? absent() : 0) + hidden + local + mine + chosen() + other(); }
END
COPY <<"END" main.c
int all(void), common; int main(void) { return all() != 21; }
END
COPY <<"END" v.map
V1 { global: api; all; local: *; }; V2 { global: api; } V1;
END
RUN gcc -c main.c; sed -i 's/__attribute__((section("extra[^;]*//; s/^int other/int other/' a.c; for m in '' -fPIC -fPIE '-fPIC -ftls-model=local-dynamic' -fcommon -fvisibility=hidden -fno-plt '-fPIC -mno-relax' -DIFUNC '-fPIC -fno-semantic-interposition -O3'; do n=o$(echo "$m" | tr -dc A-Za-z); gcc $m -c a.c -o $n.o 2> $n.said; nm $n.o > $n.nm 2>&1; readelf -rsW $n.o > $n.elf 2>&1; done; gcc -shared ofPIC.o -Wl,--version-script=v.map -Wl,-z,defs -o libv.so -Wl,--hash-style=both && gcc main.c -fcommon ofcommon.o -o common && ./common > ran; gcc main.c -L. -lv -o shared -Wl,-rpath,/src && ./shared >> ran; for o in -z,now -z,lazy -z,norelro --as-needed --no-as-needed -Bsymbolic --export-dynamic -z,execstack -z,nodelete -z,separate-code -z,pack-relative-relocs --emit-relocs -q -O1 --sort-common --no-undefined --icf=all -z,max-page-size=65536 --hash-style=sysv --discard-all --strip-debug -x --build-id=md5 --compress-debug-sections=zlib --dependency-file=deps --package-metadata={} -Ttext=0x200000 --section-start=.data=0x900000 --defsym=x=5 --gc-keep-exported --retain-symbols-file=/dev/null --relax --no-relax --error-limit=1 -y,main --trace-symbol=all --warn-common --stats; do n=$(echo "$o" | tr -dc A-Za-z0-9); gcc main.o -fcommon -g ofcommon.o -Wl,$o -o l.$n 2>&1 | sed '/link in\|data size\|total time\|sbrk/d' > l.$n.said; done; gcc main.o ofcommon.o ofPIC.o 2> twice; gcc main.o 2> undefined; ld -r -o r.o ofPIC.o ofPIE.o --allow-multiple-definition; ld --start-group libv.so --end-group -shared -o empty.so; true
RUN printf '#include <vector>\ntemplate<class T> struct S { static int n; virtual ~S() {} T t; };\ntemplate<class T> int S<T>::n = 5;\ninline int counted() { static int c = S<long>::n; return c++; }\n%s\n' 'int one() { S<int> s{}; return counted() + S<int>::n; }' > one.cc; sed 's/one/two/' one.cc > two.cc; echo 'int one(), two(); int main() { try { throw one() + two(); } catch (int n) { return n - 21; } }' > main.cc; g++ -O1 one.cc two.cc main.cc -o comdat; ./comdat; echo $? > code; g++ -shared -fPIC one.cc -o libone.so && g++ main.cc two.cc ./libone.so -o mixed && nm -DC mixed > mixed.nm; g++ -static-libstdc++ -static-libgcc -fno-rtti -fno-exceptions -c two.cc -o bare.o; c++filt < mixed.nm > filtered; true
