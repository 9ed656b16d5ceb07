# What the compiler tells of its work: dumps of its passes, notes, the analyzer, explanations of optimisation, call graphs, predefined macros, diagnostics in every form.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" a.c
#include <stdlib.h>
struct list { struct list *next; int value; };
static int sum(const struct list *l) { int s = 0; for (; l; l = l->next) s += l->value; return s; }
int leak(int n) { struct list *l = malloc(sizeof *l); if (!l) return 0; l->next = 0; l->value = n; if (n > 3) return sum(l); free(l); return l->value; }
int many(int *a, int n) { int s = 0; for (int i = 0; i < n; i++) s += a[i] << (i & 3); switch (n) { case 1: s++; case 2: return s; default: return -s; } }
END
RUN mkdir tree rtl; gcc -w -O2 -g -fdump-tree-original -fdump-tree-gimple -fdump-tree-vect -fdump-tree-optimized -fdump-ipa-inline -dumpdir tree/ -c a.c && gcc -w -O1 -fdump-rtl-expand -fdump-rtl-final -dumpdir rtl/ -c a.c && sed -i 's/0x[0-9a-f]*/ADDRESS/g' tree/* rtl/* && gcc -w -O2 -fcallgraph-info=su,da -fstack-usage -ftest-coverage -frandom-seed=1 -c a.c && gcc -w -O3 -fopt-info-vec-inline-missed=missed -fopt-info -c a.c 2> info; gcc -fanalyzer -Wall -Wextra -c a.c 2> analyzer; for f in text json sarif-stderr; do gcc -fdiagnostics-format=$f -Wall -Wimplicit-fallthrough -c a.c 2> said.$f; done; gcc -fdiagnostics-show-option -fdiagnostics-generate-patch -fdiagnostics-path-format=separate-events -Wextra -fanalyzer -c a.c 2> patch; gcc -fno-diagnostics-show-caret -fdiagnostics-column-unit=byte -Werror -Wall -Wconversion -c a.c 2> werror; echo $? >> werror; gcc -fmax-errors=1 -Da= -fsyntax-only a.c 2> max; rm -f *.o; true
RUN for s in c89 gnu11 c17 c2x; do gcc -std=$s -dM -E -xc /dev/null | sort > c.$s; done; for s in c++98 gnu++17 c++20 c++23; do g++ -std=$s -dM -E -xc++ /dev/null | sort > cxx.$s; done; for o in -O2 -Os -fPIC -fopenmp -ffast-math -fsanitize=address -pthread -ffreestanding -fno-exceptions -funsigned-char -fshort-wchar -g3 -static; do gcc $o -dM -E -xc /dev/null | sort > macro$o; done; gcc -dD -E -xc a.c > dD; gcc -dU -E a.c > dU; gcc -dI -E a.c > dI; gcc -P -C -E a.c > PC; gcc -fdirectives-only -E a.c > directives; gcc -E -traditional-cpp a.c > traditional; cpp -undef -E a.c > undef 2>&1; gcc -fpreprocessed -E a.c > preprocessed; gcc -O2 -Q --help=optimizers > optimizers; gcc -Q --help=warnings -Wall > warnings; gcc --help=common > common; g++ -dumpspecs > specs; true
