#!/usr/bin/env bats
# Twins of images of Alpine's. Its repositories are played: packages as abuild makes them, of musl, bzip2 and busybox built for both machines (alpine.py).
bats_require_minimum_version 1.5.0
load common
load twins

setup_file() {
  setup_folder
  "$SAMPAN" emulator linux/riscv64 >"$T/emulator" 2>&1 || return 0
  [ "$(dpkg --print-architecture)" = amd64 ] || { echo "the repositories are made for amd64" >"$T/emulator"; return 0; }
  { command -v riscv64-linux-gnu-gcc && command -v make; } >/dev/null || { echo "no gcc-riscv64-linux-gnu or make" >"$T/emulator"; return 0; }
  twins_mirror riscv64
  mkdir "$T/alpine" "$T/context"
  played alpine 600 "$TOP/tests/e2e/alpine.py" "http://127.0.0.1:$(cat "$T/mirror.port")" "$T/alpine"
  head -c 100000 "$SAMPAN" >"$T/context/data"
  cp "$T/alpine/root.tar" "$T/context"
  touch "$T/ready"
}

teardown_file() { remove_folder; }
setup() { [ -e "$T/ready" ] || skip "$(tail -1 "$T/emulator")"; }

# Builds from the Alpine image whose repository is the one of that name; the Dockerfile's last lines come from stdin.
built() { # REPOSITORY OPTION…
  local repository=$1
  shift
  { printf 'FROM scratch\nADD root.tar /\nCOPY <<END /etc/apk/repositories\n# a remark\n@edge http://127.0.0.1:1/edge\n/media/cdrom/apks\n%s\nEND\nCOPY data /data\n' "$repository"; cat; } >"$T/context/Dockerfile"
  rm -f "$T/alpine/requests"
  run "$SAMPAN" build --progress plain --no-cache --network host --platform linux/riscv64 -t alpine:1 "$@" "$T/context"
  printf '%s\n' "$output" | tail -20
}

at() { echo "http://127.0.0.1:$(cat "$T/alpine.port")/$1"; }
compressed() { built "$(at "$1")" "${@:2}" <<<'RUN ["/usr/bin/bzip2", "-k", "/data"]'; }

# Everything was emulated, and the build has its result.
emulated() {
  [ "$status" -eq 0 ]
  [[ "$output" == *"0 programs ran as twins"*"1 were emulated"* || "$output" == *"everything is emulated"* ]]
}

@test "a program and the library that it needs: the same layer both ways" {
  compressed main --twins=verify
  [ "$status" -eq 0 ]
  [[ "$output" == *"making twins of alpine:3.20 for riscv64"* && "$output" == *"once more, emulated, to compare"* ]]
  [[ "$output" == *"1 programs ran as twins"*"0 were emulated"* ]]
  grep -qx /main/x86_64/libbz2-1.0.8-r6.apk "$T/alpine/requests"
  "$SAMPAN" --format json twin ls | jq -e '.[] | select(.name | test("^localhost/twin/alpine:3.20-riscv64-[0-9a-f]{12}$")) | select(.for == "linux/riscv64") | .without | contains("gawk")'
}

@test "busybox by its applets; what tells of the machine is emulated, also where a twin starts it" {
  built "$(at main)" --twins=verify <<'END'
RUN uname -m >/machine; echo uname -m | xargs env >>/machine; busybox uname -m >>/machine; \
  for i in 1 2 3; do echo "line $i" | sed s/line/row/ >>/rows; done; sort -r /rows >/sorted; gzip -9 -c /data >/data.gz; tar -c -f /data.tar data; \
  sha256sum /data | awk '{ print $1 }' >/sum; find /etc | sort | xargs ls -ld | wc >/count; env >/env; export -p >/exported; sort --wrong 2>/usage; test "$(tr -d '\n' </machine)" = riscv64riscv64riscv64
END
  [ "$status" -eq 0 ]
  [[ "$output" == *"once more, emulated, to compare"* && "$output" =~ ([0-9]+)" programs ran as twins".*" "([0-9]+)" were emulated" ]]
  [ "${BASH_REMATCH[1]}" -ge 15 ]
  [ "${BASH_REMATCH[2]}" -le 4 ]
}

@test "a busybox that calls its applets in place of programs has no twins" {
  built "$(at standalone)" --twins=verify <<<$'RUN uname -m >/machine && test "$(cat /machine)" = riscv64'
  [ "$status" -eq 0 ]
  [[ "$output" == *" 0 programs ran as twins"* ]]
  grep -rqF "it calls its own applets" "$SAMPAN_ROOT"/layers/*/twins.json
}

@test "the set is made once, and found by itself" {
  compressed main --twins=verify
  [ "$status" -eq 0 ]
  [[ "$output" != *"making twins"* ]]
  [ ! -e "$T/alpine/requests" ]
}

@test "a program that was changed, or whose library was, is emulated" {
  built "$(at main)" <<<$'COPY data /tail\nCOPY --from=alpine:1 /usr/bin/bzip2 /usr/bin/other\nRUN ["/usr/bin/other", "-k", "/data"]'
  emulated
  cp "$T/alpine/root/usr/lib/libbz2.so.1.0.8" "$T/context/library"
  echo >>"$T/context/library"
  built "$(at main)" <<<$'COPY library /usr/lib/libbz2.so.1.0.8\nRUN ["/usr/bin/bzip2", "-k", "/data"]'
  emulated
}

@test "a library that the loader would find before its own leaves it to emulation, and so do folders named to musl" {
  cp "$T/alpine/root/usr/lib/libbz2.so.1.0.8" "$T/context/library"
  built "$(at main)" <<<$'COPY library /usr/local/lib/libbz2.so.1\nRUN ["/usr/bin/bzip2", "-k", "/data"]'
  emulated
  built "$(at main)" <<<$'COPY library /lib/libbz2.so.1\nRUN ["/usr/bin/bzip2", "-k", "/data"]'
  emulated
  built "$(at main)" <<<$'COPY <<END /etc/ld-musl-riscv64.path\n/usr/lib\nEND\nRUN ["/usr/bin/bzip2", "-k", "/data"]'
  emulated
}

@test "an index by a key that the image hasn't got is refused" {
  compressed stranger --twins=verify
  [ "$status" -ne 0 ]
  [[ "$output" == *"x86_64/APKINDEX.tar.gz: its signature is wrong"* ]]
  compressed stranger
  emulated
  [[ "$output" == *"its signature is wrong"*"everything is emulated"* ]]
}

@test "so are another package in a package's place, and data that aren't those signed" {
  compressed swapped --twins=verify
  [ "$status" -ne 0 ]
  [[ "$output" == *"bzip2-1.0.8-r6.apk: its checksum is not that of the repository's list"* ]]
  compressed data --twins=verify
  [ "$status" -ne 0 ]
  [[ "$output" == *"bzip2-1.0.8-r6.apk: its data are not those of its datahash"* ]]
}

@test "another revision or another commit for this machine: no twin, and that is said" {
  compressed newer
  emulated
  compressed commit
  emulated
  for reason in "1.0.8-r6 for riscv64, 1.0.8-r7 for x86_64" "made of another commit"; do
    grep -rqF "$reason" "$SAMPAN_ROOT"/layers/*/twins.json
  done
}

@test "an image that is behind its repository says so" {
  sed 's/^V:1.2.5-r1/V:1.2.5-r0/' "$T/alpine/root/lib/apk/db/installed" >"$T/context/installed"
  built "$(at main)" <<<$'COPY installed /lib/apk/db/installed\nRUN ["/usr/bin/bzip2", "-k", "/data"]'
  [ "$status" -eq 0 ]
  [[ "$output" == *"musl 1.2.5-r0 (1.2.5-r1)"* ]]
}

@test "no repository, or none that answers" {
  compressed nothing --twins=verify
  [ "$status" -ne 0 ]
  [[ "$output" == *"no repository of the image has packages for x86_64"* ]]
  built http://127.0.0.1:1/main --twins=verify <<<'RUN ["/usr/bin/bzip2", "-k", "/data"]'
  [ "$status" -ne 0 ]
  [[ "$output" == *"cannot read the package lists"* ]]
  built /media/cdrom --twins=verify <<<'RUN ["/usr/bin/bzip2", "-k", "/data"]'
  [ "$status" -ne 0 ]
  [[ "$output" == *"no repository of packages on the network"* ]]
}

@test "a set by name, whatever the image's repository: --twin-set" {
  local set
  set=$("$SAMPAN" --format json twin ls | jq -r '[.[] | select(.programs > 50 and (.without | split(",") | index("bzip2") | not))][0].name')
  "$SAMPAN" tag "$set" mine/twins:1
  built http://127.0.0.1:1/main --twins=verify --twin-set mine/twins:1 <<<'RUN ["/usr/bin/bzip2", "-k", "/data"]'
  [ "$status" -eq 0 ]
  [[ "$output" == *"1 programs ran as twins"* ]]
  compressed main --twin-set mine/twins:2
  [ "$status" -ne 0 ]
  [[ "$output" == *"there is no set of twins mine/twins:2 in the store"* ]]
  "$SAMPAN" tag alpine:1 mine/image:1
  compressed main --twin-set mine/image:1
  [ "$status" -ne 0 ]
  [[ "$output" == *"mine/image:1 is no set of twins"* ]]
}

@test "twin verify takes what such an image has" {
  built "$(at main)" <<<'RUN ["/usr/bin/bzip2", "-k", "/data"]'
  run "$SAMPAN" twin verify alpine:1 --for linux/riscv64
  printf '%s\n' "$output" | tail -20
  [ "$status" -eq 0 ]
  [[ "$output" == *"alpine:1: twins and emulation give the same"* ]]
}

@test "a set made by hand, as doc/twins.md says" {
  local set=$T/hand root=$T/alpine/root
  mkdir -p "$set/tree/lib"
  cp "$T/alpine/musl-x86_64/usr/lib/x86_64-linux-musl/libc.so" "$set/tree/ld.so"
  cp "$T/alpine/built-x86_64/libbz2.so.1" "$set/tree/lib"
  cp "$T/alpine/built-x86_64/bzip2" "$set/tree"
  jq -n --arg digest "sha256:$(sha256sum "$root/usr/bin/bzip2" | cut -d' ' -f1)" --argjson size "$(stat -c %s "$root/usr/bin/bzip2")" --argjson format \
    "$(sed -n 's/.*TWIN_FORMAT = \([0-9]*\).*/\1/p' "$TOP/src/emu/twin.h")" \
    '{format: $format, platform: "linux/riscv64", programs: [{path: "/usr/bin/bzip2", digest: $digest, size: $size, kind: 0, twin: "bzip2"}]}' >"$set/tree/twins.json"
  printf 'FROM scratch\nCOPY tree /\nLABEL sampan.twin.for=linux/riscv64\n' >"$set/Dockerfile"
  "$SAMPAN" build -t mine/hand:1 "$set"
  compressed nothing --twins=verify --twin-set mine/hand:1
  [ "$status" -eq 0 ]
  [[ "$output" == *"1 programs ran as twins"* ]]
  sed -i 's,"linux/riscv64","linux/arm64",' "$set/tree/twins.json"
  "$SAMPAN" build -t mine/hand:2 "$set"
  compressed main --twin-set mine/hand:2
  [ "$status" -ne 0 ]
  [[ "$output" == *"mine/hand:2: the set of twins is for linux/arm64, not for linux/riscv64"* ]]
}
