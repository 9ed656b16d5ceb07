# autoconf, automake and libtool: configure, make, make check, make install of a library and a program; config.status, config.log and libtool's own files are compared as well.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" configure.ac
AC_INIT([small], [1.0])
AC_CONFIG_AUX_DIR([aux])
AM_INIT_AUTOMAKE([foreign subdir-objects])
AC_PROG_CC
AM_PROG_AR
LT_INIT
AC_CHECK_HEADERS([sys/random.h])
AC_CHECK_FUNCS([strlcpy])
AC_CHECK_SIZEOF([long double])
AC_CONFIG_HEADERS([config.h])
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
END
COPY <<"END" Makefile.am
lib_LTLIBRARIES = libsmall.la
libsmall_la_SOURCES = lib.c
libsmall_la_LDFLAGS = -version-info 3:1:2
bin_PROGRAMS = small
small_SOURCES = main.c
small_LDADD = libsmall.la
check_PROGRAMS = t
t_SOURCES = main.c
t_LDADD = libsmall.la
TESTS = t
END
COPY <<"END" lib.c
#include <config.h>
int small(void) { return SIZEOF_LONG_DOUBLE; }
END
COPY <<"END" main.c
int small(void); int main(void) { return small() < 8; }
END
RUN mkdir -p aux m4 && SOURCE_DATE_EPOCH=1700000000 autoreconf -fi > reconf 2>&1 && ./configure > said && make -j2 > made 2>&1 && make check > checked 2>&1 && make install DESTDIR=/src/dest > installed 2>&1 && rm -rf autom4te.cache config.log *.log *.trs reconf checked && sed -i 's/[0-9.]* seconds//' said
