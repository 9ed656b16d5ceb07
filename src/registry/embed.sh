#!/bin/sh
# embed.sh NAME <FILE: the file as a C array of characters, with a NUL behind it.
printf 'extern const char %s[];\nconst char %s[] = {\n' "$1" "$1"
od -An -v -tx1 | sed 's/\([0-9a-f][0-9a-f]\) */0x\1,/g'
printf '0 };\n'
