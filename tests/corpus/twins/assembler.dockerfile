# .s and .S, the assembler by itself, its listing, its macros and a file that it takes in.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" plain.s
	.text
	.globl five
five:	.word 0x00500513
	.section .note.GNU-stack,"",%progbits
END
COPY <<"END" made.S
#include "value.h"
	.macro twice name
	.globl \name
\name:	.word VALUE, VALUE
	.endm
	.data
	twice pair
	.incbin "value.h"
	.section .note.GNU-stack,"",%progbits
END
COPY <<"END" value.h
#define VALUE 0x1234
END
RUN gcc -c plain.s && gcc -g -c made.S && gcc -E made.S > made.s && as -g -alh=listing --defsym Q=1 made.s -o made2.o && as --version > version && as -v -o v.o plain.s 2> v
RUN objdump -drs made.o plain.o > dump && nm made.o plain.o > names && readelf -aW made.o > elf && size made.o > size && strings -a made.o > strings
