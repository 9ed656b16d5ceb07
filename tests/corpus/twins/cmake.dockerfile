# CMake with ninja and with make, with a precompiled header, a library, pkg-config and a job server; a recursive make.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" CMakeLists.txt
cmake_minimum_required(VERSION 3.20)
project(small C CXX)
find_package(PkgConfig REQUIRED)
pkg_check_modules(Z REQUIRED zlib)
add_library(part SHARED part.c)
set_target_properties(part PROPERTIES SOVERSION 3)
add_executable(small main.cc)
target_precompile_headers(small PRIVATE <vector> "all.h")
target_link_libraries(small part ${Z_LIBRARIES})
install(TARGETS small part)
END
COPY <<"END" all.h
#define ALL 1
END
COPY <<"END" part.c
int part(void) { return 1; }
END
COPY <<"END" main.cc
#include <zlib.h>
extern "C" int part(void);
int main() { std::vector<int> v(3, ALL); return zlibVersion()[0] == '1' ? part() - v[1] : 2; }
END
COPY <<"END" sub/Makefile
all: a.o b.o c.o d.o; $(AR) rcs ../sub.a $(sort $^)
%.o:; echo 'int $*;' | $(CC) $(CFLAGS) -xc -c - -o $@
END
COPY <<"END" Makefile.up
all: x y; @echo $(firstword $(MAKEFLAGS)) $(MAKELEVEL)
x:; +$(MAKE) -C sub CFLAGS=-O1
y: x; $(MAKE) -n -C sub; pkg-config --cflags --libs zlib
END
RUN for g in Ninja 'Unix Makefiles'; do d=b-${g%% *}; cmake -S . -B $d -G "$g" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_INSTALL_PREFIX=/src/to-$d > $d.said && cmake --build $d -j4 > $d.made && ./$d/small && cmake --install $d > $d.installed; find $d -name '*.gch' -delete; rm -rf $d/CMakeFiles/CMakeConfigureLog.yaml $d/.ninja_* $d/CMakeFiles/CMakeScratch $d.said $d.made; done
RUN make -j4 -f Makefile.up | sort > made; make -j3 --shuffle=7 -B -C sub all | sort > shuffled; make -j2 -O -B -C sub --jobserver-style=pipe all | sort > pipe; ar t sub.a > list
