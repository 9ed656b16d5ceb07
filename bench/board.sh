#!/bin/sh
# Compares sampan serve with Debian's docker-registry on a riscv64 board: board.sh [--size MiB] [--rounds N]. See board.py.
set -e
./tests/board/prepare.sh bench
exec python3 "$(dirname "$0")/board.py" "$@"
