#!/bin/sh
# embed.sh [-z] NAME OUTPUT FILE…: files as a table in C (base/embedded.h) with that name; -z compresses them. The same files give the same bytes.
set -eu
pack=cat
[ "$1" != -z ] || { pack='gzip -9nc'; shift; }
name=$1 output=$2
shift 2
{
  echo '#include "base/embedded.h"'
  number=0
  for file in "$@"; do
    echo "static const unsigned char bytes_$number[] = {"
    $pack <"$file" | od -An -v -tx1 | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
    echo '0 };'
    number=$((number + 1))
  done
  echo "const struct embedded_file $name[] = {"
  number=0
  for file in "$@"; do
    printf '\t{ "%s", "%.16s", bytes_%d, sizeof bytes_%d - 1, %d },\n' "${file##*/}" "$(sha256sum <"$file")" $number $number "$(wc -c <"$file")"
    number=$((number + 1))
  done
  printf '\t{ 0 },\n};\n'
} >"$output"
