#!/usr/bin/env bats
# HTTPS: an authority of our own, certificates of the user's, clients' certificates, and the kinds of listeners.
bats_require_minimum_version 1.5.0
load common

setup_file() {
  setup_folder
  mkdir "$T/pki"
  cd "$T/pki"
  authority ours
  authority theirs
  leaf server ours "subjectAltName=DNS:localhost,IP:127.0.0.1" serverAuth
  leaf server2 ours "subjectAltName=DNS:localhost,IP:127.0.0.1" serverAuth
  leaf client ours "" clientAuth
  leaf stranger theirs "" clientAuth
  leaf wrong ours "" serverAuth
}
teardown_file() { remove_folder; }

authority() { # NAME
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1-ca.key" -out "$1-ca.crt" -days 30 -subj "/CN=$1" -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
}
leaf() { # NAME AUTHORITY EXTENSION USAGE
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA "$2-ca.crt" -CAkey "$2-ca.key" -CAcreateserial -out "$1.crt" -days 30 \
    -extfile <(printf 'extendedKeyUsage=%s\nauthorityKeyIdentifier=keyid\n%s\n' "$4" "$3") 2>/dev/null
}
# Starts `serve` with these flags alone; sets SERVER_PID and LOG, and waits until it is ready.
serve() { # ROOT FLAG…
  LOG=$(mktemp "$T/log.XXXXXX")
  "$SAMPAN" --root "$1" serve "${@:2}" >"$LOG" 2>&1 3>&- &
  SERVER_PID=$!
  echo $SERVER_PID >"$LOG.pid"
  for _ in {1..200}; do ! grep -q ': serving' "$LOG" || return 0; sleep 0.05; done
  cat "$LOG" >&2
  return 1
}
serial() { openssl s_client -connect "127.0.0.1:$1" </dev/null 2>/dev/null | openssl x509 -noout -serial; }
eventually() { for _ in {1..100}; do ! "$@" || return 0; sleep 0.1; done; return 1; }

@test "--tls auto: an authority in the store, from which clients know the server by all of its names" {
  http=$(free_port) port=$(free_port)
  serve "$T/auto" --listen "127.0.0.1:$port" --listen "http://127.0.0.1:$http" --tls auto --tls-name board.example.org --tls-name 198.51.100.7
  curl -sf -o "$T/ca.crt" "http://127.0.0.1:$http/ca.crt"
  cmp "$T/ca.crt" "$T/auto/tls/ca.crt"
  [ "$(grep -c BEGIN "$T/ca.crt")" = 1 ]
  fingerprint=$(openssl x509 -in "$T/ca.crt" -noout -fingerprint -sha256)
  [ "$(grep -c "fingerprint ${fingerprint#*=}" "$LOG")" = 1 ]
  for name in localhost 127.0.0.1 "$(hostname)" board.example.org 198.51.100.7; do
    curl -sf --cacert "$T/ca.crt" --connect-to "::127.0.0.1:$port" "https://$name/v2/"
  done
  run -60 curl -s --cacert "$T/ca.crt" --connect-to "::127.0.0.1:$port" https://other.example.org/v2/
  [ "$(stat -c %a "$T/auto/tls" "$T/auto/tls/ca.pem" "$T/auto/tls/server.pem" | tr '\n' ' ')" = "700 600 600 " ]
  openssl s_client -connect "127.0.0.1:$port" -CAfile "$T/ca.crt" -purpose sslserver -x509_strict </dev/null 2>/dev/null | grep -q 'Verify return code: 0'
  curl -sf --cacert "$T/ca.crt" "https://127.0.0.1:$port/ca.crt" | cmp - "$T/ca.crt"
  end $SERVER_PID
}

@test "the authority outlasts a restart; a certificate that ends soon, or lacks a name, is made anew" {
  port=$(free_port)
  serve "$T/auto" --listen "127.0.0.1:$port" --tls auto --tls-name board.example.org --tls-name 198.51.100.7
  cmp "$T/ca.crt" "$T/auto/tls/ca.crt"
  first=$(serial "$port")
  end $SERVER_PID
  serve "$T/auto" --listen "127.0.0.1:$port" --tls auto
  [ "$(serial "$port")" = "$first" ]
  end $SERVER_PID
  serve "$T/auto" --listen "127.0.0.1:$port" --tls auto --tls-name new.example.org
  second=$(serial "$port")
  [ "$second" != "$first" ]
  # five days left, and the server runs
  (cd "$T/pki" && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout old.key -out old.csr -subj /CN=old 2>/dev/null &&
    openssl x509 -req -in old.csr -CA "$T/auto/tls/ca.pem" -CAkey "$T/auto/tls/ca.pem" -set_serial 77 -out old.crt -days 5 \
      -extfile <(echo subjectAltName=DNS:localhost) 2>/dev/null && cat old.key old.crt >"$T/auto/tls/server.pem")
  kill -HUP $SERVER_PID
  eventually grep -q 'renewed certificate' "$LOG"
  [ "$(serial "$port")" != "$second" ]
  curl -sf --cacert "$T/ca.crt" --connect-to "::127.0.0.1:$port" https://new.example.org/v2/
  curl -sf --cacert "$T/ca.crt" "https://127.0.0.1:$port/v2/"
  end $SERVER_PID
  echo damaged >"$T/auto/tls/ca.pem"
  run -1 "$SAMPAN" --root "$T/auto" serve --listen "127.0.0.1:$port" --tls auto
  [[ $output == *"tls/ca.pem"*"remove it"* ]]
}

@test "certificates are valid for boards whose clock stands still, both ways" {
  port=$(free_port)
  serve "$T/clock" --listen "127.0.0.1:$port" --tls auto
  for file in ca.crt server.pem; do
    [[ $(openssl x509 -in "$T/clock/tls/$file" -noout -startdate) == *1970* ]]
  done
  openssl verify -attime 86400 -CAfile "$T/clock/tls/ca.crt" <(openssl x509 -in "$T/clock/tls/server.pem")
  openssl x509 -in "$T/clock/tls/server.pem" -noout -checkend $((25 * 86400))
  run -1 openssl x509 -in "$T/clock/tls/server.pem" -noout -checkend $((31 * 86400))
  end $SERVER_PID
}

@test "only TLS 1.2 and newer; plain HTTP on the TLS port is closed without harm" {
  port=$(free_port)
  serve "$T/versions" --listen "https://127.0.0.1:$port" --tls auto
  ca=$T/versions/tls/ca.crt
  curl -sf --cacert "$ca" --tls-max 1.2 "https://127.0.0.1:$port/v2/"
  curl -sf --cacert "$ca" --tlsv1.3 "https://127.0.0.1:$port/v2/"
  run ! openssl s_client -connect "127.0.0.1:$port" -tls1_1 -cipher 'ALL:@SECLEVEL=0' </dev/null
  run ! openssl s_client -connect "127.0.0.1:$port" -tls1_2 -cipher AES128-SHA </dev/null
  for _ in {1..20}; do run ! curl -s -m 5 "http://127.0.0.1:$port/v2/"; done
  head -c 100000 /dev/urandom | timeout 5 curl -s -m 3 "telnet://127.0.0.1:$port" >/dev/null || true
  curl -sf --cacert "$ca" "https://127.0.0.1:$port/v2/"
  run ! "$SAMPAN" --root "$T/other" pull --plain-http "127.0.0.1:$port/a/b:1"
  [[ $output == *"HTTPS, not HTTP"* ]]
  end $SERVER_PID
}

@test "a certificate of the user's: reloaded when it changes and on SIGHUP, no connection is dropped" {
  port=$(free_port)
  cp "$T/pki/server.crt" "$T/own.crt"; cp "$T/pki/server.key" "$T/own.key"
  serve "$T/own" --listen "127.0.0.1:$port" --tls-cert "$T/own.crt" --tls-key "$T/own.key"
  run python3 "$TOP/tests/e2e/tls.py" keep "127.0.0.1:$port" "$T/pki/ours-ca.crt" \
    "cp '$T/pki/server2.crt' '$T/own.crt' && cp '$T/pki/server2.key' '$T/own.key' && kill -HUP $SERVER_PID && sleep 1"
  echo "$output"
  [ $status = 0 ]
  [ "${output% *}" != "${output#* }" ]
  [ "serial=${output#* }" = "$(serial "$port")" ]
  # one that is broken is told once, and changes nothing; one that is moved into its place is taken without a signal
  before=$(serial "$port")
  cp "$T/pki/server.key" "$T/own.key"
  kill -HUP $SERVER_PID
  eventually grep -q 'stays as it was.*key does not belong' "$LOG"
  [ "$(serial "$port")" = "$before" ]
  cp "$T/pki/server.crt" "$T/new.crt"
  mv "$T/new.crt" "$T/own.crt"
  changed() { [ "$(serial "$port")" != "$before" ]; }
  eventually changed
  curl -sf --cacert "$T/pki/ours-ca.crt" "https://127.0.0.1:$port/v2/"
  [ "$(grep -c 'stays as it was' "$LOG")" = 1 ]
  curl -s -o "$T/none" -w '%{http_code}' --cacert "$T/pki/ours-ca.crt" "https://127.0.0.1:$port/ca.crt" | grep 404
  end $SERVER_PID
}

@test "clients' certificates: required, optional, of strangers, for another use" {
  port=$(free_port)
  for mode in required optional; do
    printf '{"tls": {"certificate": "%s", "key": "%s", "client-ca": "%s", "client-certificate": "%s"}}' \
      "$T/pki/server.crt" "$T/pki/server.key" "$T/pki/ours-ca.crt" $mode >"$T/mtls.json"
    serve "$T/mtls" --listen "127.0.0.1:$port" --config "$T/mtls.json" --debug
    ask() { curl -s -o "$T/out" -w '%{http_code}' --cacert "$T/pki/ours-ca.crt" "$@" "https://127.0.0.1:$port/v2/" || true; }
    [ "$(ask --cert "$T/pki/client.crt" --key "$T/pki/client.key")" = 200 ]
    grep -q "client's name is client$" "$LOG"
    for version in 1.2 1.3; do
      [ "$(ask --tls-max $version --cert "$T/pki/stranger.crt" --key "$T/pki/stranger.key")" = 000 ]
      [ "$(ask --tls-max $version --cert "$T/pki/wrong.crt" --key "$T/pki/wrong.key")" = 000 ]
    done
    if [ $mode = required ]; then [ "$(ask)" = 000 ]; else [ "$(ask)" = 200 ]; fi
    end $SERVER_PID
  done
  for text in '{"tls": {"client-ca": "x"}}' '{"tls": {"client-certificate": "required"}}' '{"tls": {"cert": "x"}}' '{"tls": true}' '{"tls": {"auto": 1}}'; do
    echo "$text" >"$T/bad.json"
    run ! "$SAMPAN" --root "$T/mtls" serve --listen "127.0.0.1:$port" --config "$T/bad.json"
  done
}

@test "IPv6, a Unix socket, and HTTP beside HTTPS" {
  one=$(free_port) two=$(free_port)
  serve "$T/kinds" --listen "http://127.0.0.1:$one" --listen "https://127.0.0.1:$two" --listen "unix:$T/socket" --tls auto
  curl -sf "http://127.0.0.1:$one/v2/"
  curl -sf --cacert "$T/kinds/tls/ca.crt" "https://127.0.0.1:$two/v2/"
  curl -sf --unix-socket "$T/socket" http://registry/v2/
  run -1 "$SAMPAN" --root "$T/other" serve --listen "unix:$T/socket"
  [[ $output == *"cannot listen on unix:$T/socket"* ]]
  end $SERVER_PID KILL
  serve "$T/kinds" --listen "unix:$T/socket"
  curl -sf --unix-socket "$T/socket" http://registry/v2/
  end $SERVER_PID
  echo precious >"$T/file"
  run -1 "$SAMPAN" --root "$T/other" serve --listen "unix:$T/file"
  [ "$(cat "$T/file")" = precious ]
  for address in unix:relative "https://127.0.0.1:$two" ftp://127.0.0.1:1 "http://[::1:5"; do
    run -2 "$SAMPAN" --root "$T/other" serve --listen "$address"
  done
  [ -e /proc/net/if_inet6 ] || skip "no IPv6 here"
  serve "$T/kinds" --listen "[::1]:$one" --listen "https://[::1]:$two" --tls auto
  curl -sf --cacert "$T/kinds/tls/ca.crt" "https://[::1]:$one/v2/"
  curl -sf --cacert "$T/kinds/tls/ca.crt" "https://[::1]:$two/v2/"
  end $SERVER_PID
}

@test "sockets from a service manager, and word to it" {
  one=$(free_port) two=$(free_port)
  python3 "$TOP/tests/e2e/activate.py" "$T/notified" "http=127.0.0.1:$one" "registry.socket=127.0.0.1:$two" "other=$T/activated" -- \
    "$SAMPAN" --root "$T/activation" serve --tls auto >"$T/activation.log" 2>&1 3>&- &
  helper=$!
  eventually grep -q READY=1 "$T/notified"
  curl -sf "http://127.0.0.1:$one/v2/"
  curl -sf --cacert "$T/activation/tls/ca.crt" "https://127.0.0.1:$two/v2/"
  curl -sf --unix-socket "$T/activated" http://registry/v2/
  [ "$(grep -c ': serving' "$T/activation.log")" = 3 ]
  pid=$(cat "$T/notified.pid")
  kill -HUP "$pid"
  eventually grep -q RELOADING=1 "$T/notified"
  eventually grep -q MONOTONIC_USEC= "$T/notified"
  end "$pid"
  wait $helper
  grep -q STOPPING=1 "$T/notified"
}

@test "handshakes that never end are ended; others are served meanwhile, in bounded memory" {
  port=$(free_port)
  echo '{"timeouts": {"headers": 4, "silence": 8}}' >"$T/timeouts.json"
  serve "$T/half" --listen "127.0.0.1:$port" --tls auto --config "$T/timeouts.json"
  timeout 60 python3 "$TOP/tests/e2e/tls.py" halfopen "127.0.0.1:$port" "$T/half/tls/ca.crt" $SERVER_PID
  end $SERVER_PID
}

@test "skopeo pushes and pulls over HTTPS with our authority, also past the certificate's change" {
  command -v skopeo >/dev/null || skip "skopeo is not installed"
  port=$(free_port)
  serve "$T/skopeo" --listen "127.0.0.1:$port" --tls auto
  mkdir "$T/trust"
  cp "$T/skopeo/tls/ca.crt" "$T/trust/"
  busybox_tar "$T/root.tar"
  skopeo --insecure-policy copy -q --dest-cert-dir "$T/trust" "tarball:$T/root.tar" "docker://127.0.0.1:$port/a/b:1"
  rm "$T/skopeo/tls/server.pem"
  kill -HUP $SERVER_PID
  eventually grep -q 'renewed certificate' "$LOG"
  skopeo --insecure-policy copy -q --src-cert-dir "$T/trust" "docker://127.0.0.1:$port/a/b:1" "oci:$T/layout:1"
  "$SAMPAN" --root "$T/client" pull --ca-file "$T/trust/ca.crt" "127.0.0.1:$port/a/b:1"
  run ! "$SAMPAN" --root "$T/client" pull --plain-http=false "127.0.0.1:$port/a/b:1"
  [[ $output == *"--ca-file"* ]]
  end $SERVER_PID
}
