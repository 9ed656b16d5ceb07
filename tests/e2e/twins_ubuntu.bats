#!/usr/bin/env bats
# Twins of an image of Ubuntu's: the packages for its machine and those for this one lie in two archives. Both are played, with packages of Debian's (ubuntu.py).
bats_require_minimum_version 1.5.0
load common
load twins

setup_file() {
  setup_folder
  "$SAMPAN" emulator linux/riscv64 >"$T/emulator" 2>&1 || return 0
  [ "$(dpkg --print-architecture)" = amd64 ] || { echo "the archives are made for amd64" >"$T/emulator"; return 0; }
  twins_mirror riscv64
  mkdir "$T/ubuntu"
  played ubuntu 120 "$TOP/tests/e2e/ubuntu.py" "http://127.0.0.1:$(cat "$T/mirror.port")" "$T/ubuntu"
  touch "$T/ready"
}

teardown_file() { remove_folder; }
setup() { [ -e "$T/ready" ] || skip "$(tail -1 "$T/emulator")"; }

built() { # ADDRESS-OF-THE-IMAGE'S-ARCHIVE OPTION…
  local address=$1
  shift
  mkdir -p "$T/context"
  cp "$T/ubuntu/root.tar" "$T/context"
  printf 'FROM scratch\nADD root.tar /\nCOPY <<END /etc/apt/sources.list.d/ubuntu.sources\nTypes: deb\nURIs: %s\nSuites: noble\nComponents: main\nTrusted: yes\nEND\n%s\n' "$address" \
    'RUN find /etc -name "*.sources" | sed "s,/etc,," | grep -c sources >/out && gzip -9nc /usr/bin/sed >/sed.gz && bzip2 -9c /usr/bin/sed >/sed.bz2' >"$T/context/Dockerfile"
  rm -f "$T/ubuntu/requests"
  run "$SAMPAN" build --progress plain --no-cache --network host --platform linux/riscv64 -t ubuntu:1 "$@" "$T/context"
  printf '%s\n' "$output" | tail -20
}

@test "an image that names the archive of ports: this machine's packages come from the other" {
  built "http://127.0.0.1:$(cat "$T/ubuntu.port")/ubuntu-ports/" --twins=verify
  [ "$status" -eq 0 ]
  [[ "$output" == *"making twins of ubuntu:noble for riscv64"* && "$output" == *"once more, emulated, to compare"* ]]
  grep -q '^/ubuntu/dists/noble/main/binary-amd64/Packages' "$T/ubuntu/requests"
  grep -q '^/ubuntu-ports/dists/noble/main/binary-riscv64/Packages' "$T/ubuntu/requests"
  run ! grep -E '^/ubuntu/.*riscv64|^/ubuntu-ports/.*amd64' "$T/ubuntu/requests"
}

@test "one that is of another version in the other archive has no twin, and that is said" {
  "$SAMPAN" --format json twin ls | jq -e '.[] | select(.name | contains("twin/ubuntu:noble-riscv64")) | .without | split(",") | index("bzip2")'
  [ "$("$SAMPAN" --format json twin ls | jq '.[] | select(.name | contains("twin/ubuntu:")) | .programs')" -gt 5 ]
}

@test "from an address that leads to no other archive, there are none until one is named" {
  local odd=http://127.0.0.1:$(cat "$T/ubuntu.port")
  built "$odd/ubuntu-ports//" --twins=verify --twin-mirror "$odd/nothing"
  [ "$status" -ne 0 ]
  [[ "$output" == *"cannot read the package lists"* ]]
  "$SAMPAN" --format json twin ls | jq -r '.[].name' | xargs -n 1 "$SAMPAN" twin rm
  built "$odd/ubuntu-ports/" --twins=verify --twin-mirror "$odd/odd"
  [ "$status" -eq 0 ]
  grep -q '^/odd/dists/noble/main/binary-amd64/Packages' "$T/ubuntu/requests"
  run ! grep '^/ubuntu/' "$T/ubuntu/requests"
}

@test "a mirror that is no address is refused before anything runs" {
  built http://127.0.0.1:1/ubuntu-ports --twin-mirror file:/etc
  [ "$status" -eq 2 ]
  [[ "$output" == *"takes the address of an archive"* ]]
}
