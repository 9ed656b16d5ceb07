#!/usr/bin/env bats
# sampan pull: from Debian's docker-registry, from our own, and from a registry that does everything wrong (faulty.py).

load common

setup_file() {
  setup_folder
  local port other
  port=$(free_port) other=$(free_port)
  python3 "$BATS_TEST_DIRNAME/faulty.py" "$port" "$other" "$T/faulty-log" >"$T/faulty.out" 2>&1 3>&- &
  echo $! >"$T/faulty.pid"
  export FAULTY=127.0.0.1:$port OTHER=localhost:$other FAULTY_PORT=$port
  start_peer_registry "$T/peer"
  busybox_tar "$T/busybox.tar"
  "$SAMPAN" --root "$T/maker" import "$T/busybox.tar" "$PEER/team/busybox:1"
  "$SAMPAN" --root "$T/maker" push "$PEER/team/busybox:1"
  wait_for_port "$port"
  wait_for_port "$other"
}

teardown_file() {
  remove_folder
}

setup() {
  SAMPAN_ROOT=$(mktemp -d "$T/store.XXXXXX")
  export SAMPAN_ROOT
  mkdir -p "$DOCKER_CONFIG"
  rm -f "$DOCKER_CONFIG/config.json"
  : >"$T/faulty-log"
}

faulty_login() { # credentials for the faulty registry, as docker keeps them
  printf '{"auths": {"%s": {"auth": "%s"}}}' "$FAULTY" "$(printf bob:sesame | base64)" >"$DOCKER_CONFIG/config.json"
}

nothing_visible() {
  [ -z "$("$SAMPAN" images -q)" ]
}

@test "pull prints docker's words, twice" {
  run "$SAMPAN" pull "$PEER/team/busybox:1"
  [ "$status" -eq 0 ]
  [ "${lines[0]}" = "1: Pulling from team/busybox" ]
  [[ "${lines[1]}" =~ ^[0-9a-f]{12}:\ Pull\ complete$ ]]
  [[ "${lines[2]}" =~ ^Digest:\ sha256:[0-9a-f]{64}$ ]]
  [ "${lines[3]}" = "Status: Downloaded newer image for $PEER/team/busybox:1" ]
  [ "${lines[4]}" = "$PEER/team/busybox:1" ]
  run "$SAMPAN" pull "$PEER/team/busybox:1"
  [ "$status" -eq 0 ]
  [ "${lines[2]}" = "Status: Image is up to date for $PEER/team/busybox:1" ]
}

@test "pull by digest, and json" {
  digest=$("$SAMPAN" --format json pull "$PEER/team/busybox:1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["digest"])')
  SAMPAN_ROOT=$T/by-digest run "$SAMPAN" pull "$PEER/team/busybox@$digest"
  [ "$status" -eq 0 ]
  [[ "$output" == *"Digest: $digest"* ]]
  run "$SAMPAN" pull "$PEER/team/busybox@sha256:$(printf '0%.0s' {1..64})"
  [ "$status" -eq 1 ]
  [[ "$output" == *"manifest unknown"* ]]
}

@test "a pull from the registry of the same store comes out right" {
  start_registry "$T/shared"
  "$SAMPAN" --root "$T/shared" import "$T/busybox.tar" "$REGISTRY/a/b:1"
  "$SAMPAN" --root "$T/shared" push "$REGISTRY/a/b:1"
  "$SAMPAN" --root "$T/shared" rmi "$REGISTRY/a/b:1"
  run "$SAMPAN" --root "$T/shared" pull "$REGISTRY/a/b:1"
  [ "$status" -eq 0 ]
  run "$SAMPAN" --root "$T/shared" images
  [[ "$output" == *"$REGISTRY/a/b"* ]]
}

@test "a good image of the faulty registry" {
  run "$SAMPAN" pull "$FAULTY/good/image:1"
  [ "$status" -eq 0 ]
}

@test "a broken download goes on where it stopped" {
  run "$SAMPAN" pull "$FAULTY/resume/image:1"
  [ "$status" -eq 0 ]
  [ "$(grep -c 'bytes=' "$T/faulty-log")" -eq 2 ]
}

@test "a later pull goes on where a failed one stopped" {
  run "$SAMPAN" pull "$FAULTY/stalled/image:1"
  [ "$status" -eq 1 ]
  nothing_visible
  : >"$T/faulty-log"
  run "$SAMPAN" pull "$FAULTY/shifted/image:1" # its first answer is a whole one, so a Range gets 200: start over
  [ "$status" -eq 0 ]
  grep -q 'bytes=' "$T/faulty-log"
}

@test "a 206 that is not what was asked for is never spliced on" {
  run "$SAMPAN" pull "$FAULTY/shifted/image:2"
  [ "$status" -eq 0 ]
  run "$SAMPAN" fsck
  [ "$status" -eq 0 ]
}

@test "a server that ignores Range, or answers 416, makes us start over" {
  run "$SAMPAN" pull "$FAULTY/restart/image:1"
  [ "$status" -eq 0 ]
  SAMPAN_ROOT=$T/lost run "$SAMPAN" pull "$FAULTY/lost/image:1"
  [ "$status" -eq 0 ]
}

@test "cut off, short, altered and overlong blobs are refused, and nothing is visible" {
  for mode in truncated short altered long; do
    run "$SAMPAN" pull "$FAULTY/$mode/image:1"
    echo "$mode: $output"
    [ "$status" -eq 1 ]
    nothing_visible
  done
  run "$SAMPAN" pull "$FAULTY/altered/image:1"
  [[ "$output" == *"came altered"*"sha256:"* ]]
  run "$SAMPAN" pull "$FAULTY/long/image:1"
  [[ "$output" == *"longer than"*"descriptor"* ]]
  run "$SAMPAN" pull "$FAULTY/short/image:1"
  [[ "$output" == *"sha256:"*"cut off after"* ]]
  run "$SAMPAN" pull "$FAULTY/good/image:1"
  [ "$status" -eq 0 ]
}

@test "an altered, a huge and an ambiguous manifest are refused" {
  run "$SAMPAN" pull "$FAULTY/manifest/image:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"was altered"* ]]
  run "$SAMPAN" pull "$FAULTY/huge/image:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"larger than"* ]]
  run "$SAMPAN" pull "$FAULTY/confused/image:1"
  [ "$status" -eq 1 ]
}

@test "the platforms that there are are named when none suits" {
  run "$SAMPAN" pull --platform linux/riscv64 "$FAULTY/platforms/image:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"no manifest for linux/riscv64; it has linux/s390x, linux/arm/v7"* ]]
  run "$SAMPAN" pull --platform linux/arm "$FAULTY/platforms/image:1"
  [ "$status" -eq 0 ]
  run "$SAMPAN" pull --platform linux/riscv64 "$FAULTY/good/image:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"the image is for linux/amd64 alone, not for linux/riscv64"* ]]
}

@test "what the registry says is shown, safe for a terminal" {
  run "$SAMPAN" pull "$FAULTY/missing/image:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"cannot pull $FAULTY/missing/image:1: manifest unknown"* ]]
  run "$SAMPAN" pull "$FAULTY/denied/image:1"
  [[ "$output" == *"not for you"*"sampan login"* ]]
  run "$SAMPAN" pull "$FAULTY/escape/image:1"
  [[ "$output" != *$'\e'* ]]
}

@test "429 and 503 are tried again, but not for ever" {
  run "$SAMPAN" pull "$FAULTY/busy/image:1"
  [ "$status" -eq 0 ]
  SAMPAN_ROOT=$T/broken run "$SAMPAN" pull "$FAULTY/broken/image:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"on fire"* ]]
  run "$SAMPAN" pull "$FAULTY/limit/image:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"come back in 7200 s"* ]]
}

@test "basic and bearer credentials, asked for and cached" {
  faulty_login
  run "$SAMPAN" pull "$FAULTY/basic/image:1"
  [ "$status" -eq 0 ]
  SAMPAN_ROOT=$T/bearer run "$SAMPAN" pull "$FAULTY/bearer/image:1"
  [ "$status" -eq 0 ]
  [ "$(grep -c /token "$T/faulty-log")" -eq 1 ]
  rm "$DOCKER_CONFIG/config.json"
  SAMPAN_ROOT=$T/basic run "$SAMPAN" pull "$FAULTY/basic/image:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"sampan login $FAULTY"* ]]
  SAMPAN_ROOT=$T/basic run "$SAMPAN" pull --creds bob:sesame "$FAULTY/basic/image:1"
  [ "$status" -eq 0 ]
  SAMPAN_ROOT=$T/basic run "$SAMPAN" --debug pull --creds bob:wrong-word "$FAULTY/bearer/image:1"
  [ "$status" -eq 1 ]
  [[ "$output" != *wrong-word* ]]
}

@test "an identity token is changed for an access token, and shown to no stranger" {
  mkdir -p "$DOCKER_CONFIG"
  printf '{"auths": {"%s": {"identitytoken": "long-lived"}}}' "$FAULTY" >"$DOCKER_CONFIG/config.json"
  run "$SAMPAN" pull "$FAULTY/bearer/image:1"
  [ "$status" -eq 0 ]
  grep -q '^registry POST /token' "$T/faulty-log"
  SAMPAN_ROOT=$T/foreign-realm run "$SAMPAN" pull "$FAULTY/realm/image:1"
  ! grep '^other POST' "$T/faulty-log" || false
}

@test "credentials do not go to a foreign realm" {
  faulty_login
  run "$SAMPAN" pull "$FAULTY/realm/image:1"
  grep -q '^other GET /token' "$T/faulty-log"
  ! grep '^other' "$T/faulty-log" | grep -v ' - ' || false
  ! grep '^other' "$T/faulty-log" | grep account || false
}

@test "credentials do not follow a redirect to another host" {
  faulty_login
  run "$SAMPAN" pull "$FAULTY/away/image:1"
  [ "$status" -eq 0 ]
  grep -q '^other GET /blob/' "$T/faulty-log"
  ! grep '^other' "$T/faulty-log" | grep -v ' - ' || false
}

@test "redirects: neither for ever nor to files" {
  run "$SAMPAN" pull "$FAULTY/loop/image:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"redirects more than"* ]]
  run "$SAMPAN" pull "$FAULTY/file/image:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"no http or https"* ]]
}

@test "foreign layers are not fetched from elsewhere" {
  run "$SAMPAN" pull "$FAULTY/foreign/image:1"
  [ "$status" -eq 0 ]
  ! grep '^other' "$T/faulty-log" || false
}

@test "a malformed challenge is an error" {
  run "$SAMPAN" pull "$FAULTY/malformed/image:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"WWW-Authenticate"* ]]
}

@test "unreachable, unknown host, wrong scheme" {
  run "$SAMPAN" pull "127.0.0.1:$(free_port)/x:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"cannot reach 127.0.0.1"* ]]
  run "$SAMPAN" pull "no-such-host.invalid/x:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"no-such-host.invalid"* ]]
  # *.localhost is this machine, but no loopback name to us: HTTPS is tried.
  run "$SAMPAN" pull "registry.localhost:$FAULTY_PORT/good/image:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"cannot pull registry.localhost:$FAULTY_PORT/good/image:1: the registry speaks HTTP, not HTTPS"*"--plain-http"* ]]
  run "$SAMPAN" pull --plain-http "registry.localhost:$FAULTY_PORT/good/image:1"
  [ "$status" -eq 0 ]
  mkdir -p "$XDG_CONFIG_HOME/sampan"
  echo '{"insecure-registries": ["registry.localhost"]}' >"$XDG_CONFIG_HOME/sampan/sampan.json"
  SAMPAN_ROOT=$T/insecure run "$SAMPAN" pull "registry.localhost:$FAULTY_PORT/good/image:1"
  rm "$XDG_CONFIG_HOME/sampan/sampan.json"
  [ "$status" -eq 0 ]
}

@test "HTTPS: the certificate is checked, and --plain-http says what is wrong" {
  command -v openssl >/dev/null || skip "no openssl"
  local port other pid
  port=$(free_port) other=$(free_port)
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=registry.localhost -addext subjectAltName=DNS:registry.localhost,IP:127.0.0.1 \
    -keyout "$T/key.pem" -out "$T/cert.pem" 2>/dev/null
  python3 "$BATS_TEST_DIRNAME/faulty.py" "$port" "$other" "$T/tls-log" "$T/cert.pem" "$T/key.pem" >"$T/tls.out" 2>&1 3>&- &
  pid=$!
  echo "$pid" >"$T/tls.pid"
  wait_for_port "$port"
  run "$SAMPAN" pull "registry.localhost:$port/good/image:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"certificate"*"--ca-file"*"--tls-verify=false"* ]]
  run "$SAMPAN" pull --plain-http "registry.localhost:$port/good/image:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"the registry speaks HTTPS, not HTTP"* ]]
  run "$SAMPAN" pull --ca-file "$T/cert.pem" "registry.localhost:$port/good/image:1"
  [ "$status" -eq 0 ]
  SAMPAN_ROOT=$T/unverified run "$SAMPAN" pull --tls-verify=false "registry.localhost:$port/good/image:1"
  [ "$status" -eq 0 ]
  # From HTTPS nothing follows to a place that is not.
  SAMPAN_ROOT=$T/downgrade run "$SAMPAN" pull --ca-file "$T/cert.pem" --creds bob:sesame "registry.localhost:$port/redirect/image:1"
  [ "$status" -eq 1 ]
  [[ "$output" == *"redirects from HTTPS"* ]]
  ! grep '^other' "$T/tls-log" || false
  SAMPAN_ROOT=$T/downgrade run "$SAMPAN" pull --ca-file "$T/cert.pem" --creds bob:sesame "registry.localhost:$port/realm/image:1"
  [ "$status" -eq 1 ]
  ! grep '^other' "$T/tls-log" || false
  # On loopback either scheme is found.
  SAMPAN_ROOT=$T/either run "$SAMPAN" pull --ca-file "$T/cert.pem" "127.0.0.1:$port/good/image:1"
  [ "$status" -eq 0 ]
  end "$pid"
}

@test "a killed pull leaves nothing half visible and is gone on with" {
  head -c 40000000 /dev/urandom >"$T/big"
  tar -C "$T" -cf "$T/big.tar" big
  "$SAMPAN" --root "$T/maker" import "$T/big.tar" "$PEER/team/big:1"
  "$SAMPAN" --root "$T/maker" push "$PEER/team/big:1"
  for wait in 0.02 0.05 0.1; do
    "$SAMPAN" pull "$PEER/team/big:1" >/dev/null 2>&1 &
    sleep "$wait"
    kill -KILL $! 2>/dev/null || true
    wait $! || true
  done
  run "$SAMPAN" pull "$PEER/team/big:1"
  [ "$status" -eq 0 ]
  run "$SAMPAN" fsck
  [ "$status" -eq 0 ]
}

@test "^C ends a pull with 130" {
  "$SAMPAN" pull "$FAULTY/stalled/image:1" >"$T/int.out" 2>&1 &
  pid=$!
  sleep 0.5
  kill -TERM "$pid"
  code=0
  wait "$pid" || code=$?
  [ "$code" -eq 130 ]
}
