#!/bin/sh
# embed.sh OUTPUT FILE…: the files of the web page, compressed, as a C table (registry/page.h). The same files give the same bytes.
set -eu
output=$1; shift
{
  echo '#include "registry/page.h"'
  number=0
  for file in "$@"; do
    echo "static const unsigned char bytes_$number[] = {"
    gzip -9nc "$file" | od -An -v -tx1 | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
    echo '};'
    number=$((number + 1))
  done
  echo 'const struct page_file page_files[] = {'
  number=0
  for file in "$@"; do
    printf '\t{ "%s", "%.16s", bytes_%d, sizeof bytes_%d, %d },\n' "${file##*/}" "$(sha256sum <"$file")" $number $number "$(wc -c <"$file")"
    number=$((number + 1))
  done
  printf '\t{ 0 },\n};\n'
} >"$output"
