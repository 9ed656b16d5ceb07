#!/bin/sh
# embed.sh PROGRAM OUTPUT: the program's bytes as a C array.
set -eu
{
  echo '#include "emu/dispatch/embedded.h"'
  echo 'const unsigned char dispatcher_bytes[] = {'
  od -An -v -tx1 "$1" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
  echo '};'
  echo 'const unsigned dispatcher_size = sizeof dispatcher_bytes;'
} >"$2"
