# make: functions, rules of all kinds, included and remade files, .ONESHELL, exported variables, a module of the image's, what it tells of its work.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" module.c
#include <gnumake.h>
#include <string.h>
int plugin_is_GPL_compatible;
static char *twice(const char *name, unsigned n, char **args) { (void)name; (void)n; char *s = gmk_alloc(2 * strlen(args[0]) + 1); strcpy(s, args[0]); return strcat(s, args[0]); }
int module_gmk_setup(void) { gmk_add_function("twice", twice, 1, 1, 0); return 1; }
END
COPY <<"END" Makefile
load module.so
all:; @echo $(twice ab) > loaded; echo $(.LOADED)
END
COPY <<"END" rules
.ONESHELL:
.SECONDEXPANSION:
.SUFFIXES: .up .low
VPATH = in
export FROM_MAKE = $(words a b c)
include made.mk
-include absent.mk
define body =
$(1).gen: ; echo $(1) $(2) > $$@
endef
$(foreach n,x y z,$(eval $(call body,$(n),$(n)$(n))))
all: x.gen y.gen z.gen a.low grouped1 second; @env | grep FROM_MAKE > env; x=1
	echo $$x $(made) $(shell echo $$FROM_MAKE) $(origin made) $(flavor made) > one
	echo '$(patsubst %.c,%.o,b.c a.c) $(sort c a b a) $(filter-out a%,ab cd) $(wordlist 2,3,a b c d) $(join a b,1 2) $(abspath ./x/../y) $(if ,no,yes) $(intcmp 3,12,lt,eq,gt) $(let a b,1 2 3,$b $a)' >> one
made.mk:; echo 'made := $(MAKE_VERSION) $(MAKELEVEL) $(notdir $(MAKE))' > $@
%.low: %.up; tr A-Z a-z < $< > $@
grouped1 grouped2 &: ; touch grouped1 grouped2
second: $$(subst x,y,x.gen); cat $^ > $@
failing:; false
slow: s1 s2 s3; @cat s1 s2 s3 > slow
s%:; @sleep 0.1; echo $* > $@
END
RUN mkdir in; echo TEXT > in/a.up; gcc -shared -fPIC module.c -o module.so && make > module.said 2>&1; make -f rules > made 2>&1; make -f rules -k failing slow > failed 2>&1; echo $? >> failed; make -j3 -f rules -B slow > parallel 2>&1; make -f rules -q all; echo $? > question; make -f rules --trace -B x.gen > trace 2>&1; make -f rules -d x.gen 2>&1 | sed '/[Pp][Ii][Dd]\|0x/d' > debug; make -f rules -n -W in/a.up > dry; printf 'a:;@echo $(MAKEFLAGS) / $(MAKECMDGOALS)\n' | make -s -f - a X=1 > stdin; make -C in -f ../rules -r -R s4 >> stdin 2>&1; make --no-such > wrong 2>&1; make -f nothing 2> nothing; make --debug=basic -f rules s5 > basic 2>&1; make --warn-undefined-variables -f rules -n y.gen > undefined 2>&1; MAKEFLAGS=-n make -f rules s6 > flags; printf 'include more\n' > inc; printf 'a:;@echo included > $@\n' > more; make -f inc a; touch -d @1700000000 *; true
