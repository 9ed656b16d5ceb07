#!/usr/bin/env bats
# sampan builds its own image (examples/sampan) from source for three platforms, with twins, and each of them serves: half an hour or more, most of it apt under
# emulation (tests/run.sh image). PLATFORMS="riscv64" builds for fewer; SAMPAN_IMAGE_ROOT=DIR keeps the store, so that a second run finds bases and packages.
load ../common
load ../twins
TOP=$(cd "$BATS_TEST_DIRNAME/../../.." && pwd)

setup_file() {
  setup_folder
  export SAMPAN_ROOT=${SAMPAN_IMAGE_ROOT:-$T/store} SOURCE_DATE_EPOCH=1790000000 PLATFORMS=${PLATFORMS:-amd64 arm64 riscv64}
  LIST=$(printf ',linux/%s' $PLATFORMS)
  export LIST=${LIST#,}
  local architecture
  for architecture in $PLATFORMS; do make_base "$architecture"; done
  # One name for all of them.
  printf 'FROM base/trixie-${TARGETARCH}\n' | "$SAMPAN" build --platform "$LIST" -t base/trixie:all -
}

teardown_file() {
  "$SAMPAN" rm -f image-test >/dev/null 2>&1 || true
  remove_folder
}

make_base() { # ARCHITECTURE
  local name=base/trixie-$1
  ! "$SAMPAN" inspect "$name" >/dev/null 2>&1 || return 0
  "$SAMPAN" base debian:trixie --platform "linux/$1" -t "$name" >"$T/base.log" 2>&1 && return 0
  cat "$T/base.log"
  grep -qF "does not match its signed Release file" "$T/base.log"
  [ -s "$T/mirror.port" ] || twins_mirror riscv64 arm64
  "$SAMPAN" base debian:trixie --platform "linux/$1" --mirror "deb [trusted=yes] http://127.0.0.1:$(cat "$T/mirror.port") trixie main" -t "$name"
}

build() { # TAG PLATFORMS [FLAG…]
  "$SAMPAN" build --progress plain --network host --platform "$2" "${@:3}" --build-arg BASE=base/trixie:all -f "$TOP/examples/sampan/Dockerfile" -t "$1" "$TOP" >"$T/build.log" 2>&1 ||
    { tail -40 "$T/build.log"; return 1; }
}

digest_of() { "$SAMPAN" inspect --platform "$2" -f '{{.Digest}}' "$1"; } # IMAGE PLATFORM

@test "it builds for all of them, and no platform has more than 10 MB compressed" {
  SECONDS=0
  build self:1 "$LIST"
  echo "# built for $LIST in $SECONDS s" >&3
  grep -a 'ran as twins' "$T/build.log" || [ "$LIST" = "linux/$(dpkg --print-architecture)" ]
  for platform in ${LIST//,/ }; do
    size=$("$SAMPAN" inspect --platform "$platform" -f '{{.Size}}' self:1)
    echo "# $platform: $size bytes" >&3
    [ "$size" -le 10000000 ]
  done
}

@test "built once more without a cache it has the same digest" {
  platform=linux/$(dpkg --print-architecture)
  [[ ",$LIST," == *",$platform,"* ]] || platform=${LIST%%,*}
  build self:2 "$platform" --no-cache
  [ "$(digest_of self:1 "$platform")" = "$(digest_of self:2 "$platform")" ]
}

@test "each of them serves: first user, push, health, pull, and what was pushed is there after a restart" {
  for platform in ${LIST//,/ }; do
    port=$(free_port)
    # Not by -p: Debian 12's pasta loses bytes of large uploads.
    "$SAMPAN" run -d --name image-test --platform "$platform" --network host -e "SAMPAN_LISTEN=127.0.0.1:$port" -e SAMPAN_ANONYMOUS=pull self:1 3>&-
    for ((n = 0; n < 300; n++)); do ! curl -sf "http://127.0.0.1:$port/readyz" || break; sleep 0.1; done
    [ "$("$SAMPAN" exec image-test sampan version)" = "$("$SAMPAN" version | sed "s|linux/.*|$platform|")" ]
    password=$("$SAMPAN" logs image-test 2>&1 | sed -n "s/.*first user is 'admin', with the password //p")
    [ -n "$password" ] || password=none # on loopback nobody needs to log in
    "$SAMPAN" copy --dest-creds "admin:$password" "store:base/trixie-${platform#linux/}" "docker://127.0.0.1:$port/base/trixie:1"
    "$SAMPAN" exec image-test sampan registry health -q
    "$SAMPAN" restart image-test
    for ((n = 0; n < 300; n++)); do ! curl -sf "http://127.0.0.1:$port/readyz" || break; sleep 0.1; done
    rm -rf --one-file-system "$T/second"
    "$SAMPAN" --root "$T/second" pull --platform "$platform" "127.0.0.1:$port/base/trixie:1"
    "$SAMPAN" rm -f image-test
  done
}
