# Precompiled headers, made and used: by name, by -include, behind another header, and without the header that they were made of.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" all.h
#include <stdio.h>
#define FROM "header"
static inline int from(void) { return puts(FROM); }
END
COPY <<"END" macros.h
#define MACRO 1
END
RUN echo '#include "all.h"' > a.c; echo 'int main(void) { return from() < 0 || __LINE__ != 2; }' >> a.c; printf '#include "macros.h"\n#include "all.h"\nint main(void) { return from() < 0; }\n' > b.c; tail -1 a.c > c.c; mkdir sub; cp a.c sub
RUN gcc -O2 -g all.h && gcc -O2 -g -H a.c -o a 2> H && gcc -O2 -g -Winvalid-pch -H b.c -o b 2>> H && gcc -O2 -g -H -include all.h c.c -o c 2>> H && gcc -O2 -g -H -I. sub/a.c -o d 2>> H && rm -r all.h.gch
# The memory images themselves hold addresses, which differ with how QEMU is started: none is left in a layer.
RUN mkdir pre && gcc -DEXTRA -O2 -g -x c-header all.h -o pre/gone.h.gch && sed "s,all.h,gone.h," a.c > gone.c && gcc -O2 -g -DEXTRA -Ipre gone.c -o gone && ./gone && gcc -O2 -g -H -DEXTRA -include pre/gone.h c.c -o gone2 2> H2; gcc -O2 -g -DOTHER -Winvalid-pch -Ipre gone.c -o gone3 2> H3; gcc -M -fpch-deps -O2 -g -DEXTRA -Ipre gone.c > deps 2>&1; rm -r pre
RUN mkdir pre; g++ -x c++-header all.h -o pre/all.h.gch && g++ -H -Ipre -include all.h -c a.c -o e.o 2> H4; printf 'export module m;\nexport int answer() { return 42; }\n' > m.cc; printf 'import m;\nint main() { return answer() - 42; }\n' > use.cc; g++ -std=c++20 -fmodules-ts m.cc use.cc -o use && ./use && rm -r pre gcm.cache
