#!/bin/sh
# Compares sampan serve with Debian's docker-registry: registry.sh [--size MiB] [--rounds N]. See registry.py.
SAMPAN=${SAMPAN:-$(pwd)/${BUILD:-build}/sampan} exec python3 "$(dirname "$0")/registry.py" "$@"
