#!/usr/bin/env bats
# Who `serve` is, and what it may: what it can't do any more is tried from inside in tests/unit/registry/confine.c. All other tests of the registry
# run with the sandbox on.
bats_require_minimum_version 1.5.0
load common

setup_file() { setup_folder; chmod 755 "$T"; }
teardown_file() { remove_folder; }

# A port takes connections before root is dropped, and answers them after it.
start() { # ROOT FLAG…
  start_registry "$@"
  for _ in {1..200}; do ! log | grep -q ': serving' || return 0; sleep 0.05; done
  return 1
}
state() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$REGISTRY_PID/status"; }
log() { cat "$T/serve-${REGISTRY##*:}.log"; }
works() { # a blob in, and out
  local d
  d=sha256:$(printf blob | sha256sum | cut -d' ' -f1)
  [ "$(printf blob | curl -s -o /dev/null -w '%{http_code}' -X POST -H 'Content-Type: a/b' --data-binary @- "http://$REGISTRY/v2/a/blobs/uploads/?digest=$d")" = 201 ]
  [ "$(curl -s "http://$REGISTRY/v2/a/blobs/$d")" = blob ]
}
needs_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

@test "no capabilities, no new privileges, a filter on system calls" {
  start "$T/plain"
  works
  [ -z "$(grep -sL '^Seccomp:[[:space:]]2' /proc/"$REGISTRY_PID"/task/*/status)" ]
  [ "$(state NoNewPrivs)" = 1 ]
  for set in CapPrm CapEff CapInh CapAmb; do [ "$(state $set)" = 0000000000000000 ]; done
  [ "$(log | grep -c warning)" = 0 ]
  end "$REGISTRY_PID"
}

@test "--no-sandbox says in one line what it gives up" {
  start "$T/plain" --no-sandbox
  works
  [ "$(state Seccomp)" = 0 ]
  [ "$(log | grep -c 'no-sandbox.*files.*programs.*connections')" = 1 ]
  end "$REGISTRY_PID"
}

@test "root becomes the owner of the store, and all that is made is his" {
  needs_root
  mkdir "$T/owned"
  chown nobody: "$T/owned"
  start "$T/owned" --tls auto --listen "http://127.0.0.1:$(free_port)"
  [ "$(state Uid | tr -s '\t' ' ')" = "65534 65534 65534 65534" ]
  [ "$(state Gid | cut -f1)" = 65534 ]
  [[ $(state Groups) != *"0 "* ]]
  curl -sf --cacert "$T/owned/tls/ca.crt" "https://$REGISTRY/v2/"
  [ -z "$(find "$T/owned" ! -user nobody)" ]
  end "$REGISTRY_PID"
}

@test "root stays root where the store is root's, without capabilities, and says so once" {
  needs_root
  start "$T/roots"
  works
  [ "$(state Uid | cut -f1)" = 0 ]
  [ "$(log | grep -c 'without capabilities')" = 1 ]
  end "$REGISTRY_PID"
}

@test "--user: a new store is made for him, another's is not taken" {
  needs_root
  start "$T/new" --user nobody
  works
  [ "$(state Uid | cut -f1)" = 65534 ]
  [ "$(stat -c %U "$T/new" "$T/new/sampan.db" | sort -u)" = nobody ]
  end "$REGISTRY_PID"
  run -1 "$SAMPAN" --root "$T/roots" serve --user nobody --listen 127.0.0.1:0
  [[ $output == *"belongs to another"*chown* ]]
  run -2 "$SAMPAN" --root "$T/none" serve --user nobody-such --listen 127.0.0.1:0
  [ ! -e "$T/none" ]
}

@test "a key that only root may read serves, and the log says that it can't be read again" {
  needs_root
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/own.key" -out "$T/own.crt" -days 30 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost 2>/dev/null
  chmod 600 "$T/own.key"
  mkdir -p "$T/keys"
  chown nobody: "$T/keys"
  start "$T/keys" --tls-cert "$T/own.crt" --tls-key "$T/own.key"
  curl -sf --cacert "$T/own.crt" --connect-to "::$REGISTRY" https://localhost/v2/
  log | grep -q 'own.key can be read no more'
  kill -HUP "$REGISTRY_PID"
  for _ in {1..50}; do ! log | grep -q 'stays as it was' || break; sleep 0.1; done
  curl -sf --cacert "$T/own.crt" --connect-to "::$REGISTRY" https://localhost/v2/
  end "$REGISTRY_PID"
}

@test "in a container where the store's owner is unknown, or can't be taken on, it stays who it is" {
  needs_root
  mkdir "$T/foreign"
  chown 12345:12345 "$T/foreign"
  chmod 777 "$T/foreign"
  cp "$SAMPAN" "$T/sampan"
  for who in "setpriv --bounding-set=-all --inh-caps=-all" "unshare --user --map-root-user"; do
    $who true || continue
    printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$who" "$T/sampan" >"$T/wrapped"
    chmod +x "$T/wrapped"
    rm -rf "$T/foreign"/*
    SAMPAN=$T/wrapped start "$T/foreign"
    works
    log | grep -q "owner (uid [0-9]*) can't be taken on"
    [ "$(state Seccomp)" = 2 ]
    end "$REGISTRY_PID"
  done
}

@test "as a user without any rights, and in a container's root that has no capabilities" {
  needs_root
  mkdir "$T/users"
  chown nobody: "$T/users"
  cp "$SAMPAN" "$T/sampan"
  for who in "setpriv --reuid=65534 --regid=65534 --clear-groups" "setpriv --bounding-set=-all --inh-caps=-all"; do
    [ "$who" = "${who/reuid/}" ] && root=$T/plain || root=$T/users
    printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$who" "$T/sampan" >"$T/wrapped"
    chmod +x "$T/wrapped"
    SAMPAN=$T/wrapped start "$root"
    works
    [ "$(state Seccomp)" = 2 ]
    end "$REGISTRY_PID"
  done
  run -1 setpriv --reuid=65534 --regid=65534 --clear-groups "$T/sampan" --root "$T/users" serve --user root --listen 127.0.0.1:0
  [[ $output == *"only root can"* ]]
}

@test "few open files are allowed: fewer places, and a crowd keeps nobody out" {
  (ulimit -n 640; "$SAMPAN" --root "$T/plain" serve --listen 127.0.0.1:0 >"$T/few.log" 2>&1 3>&- & echo $! >"$T/few.pid")
  for _ in {1..100}; do ! grep -q ': serving' "$T/few.log" || break; sleep 0.05; done
  grep -q 'only [0-9]* connections at once' "$T/few.log"
  python3 - "$(sed -n 's/.*http:..127.0.0.1://p' "$T/few.log")" <<'END'
import socket, sys, time
crowd = []
for _ in range(10):
    crowd += [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(50)]
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2) as client:
        client.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
END
  end "$(cat "$T/few.pid")"
}

@test "small and quick with the sandbox on: at most 6 MB idle, 200 within 50 ms" {
  [ -z "$(readelf -d "$SAMPAN" 2>/dev/null | grep asan)" ] || skip "a sanitizer's memory is not ours"
  start "$T/plain"
  sleep 7
  rss=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$REGISTRY_PID/status")
  end "$REGISTRY_PID"
  best=$(python3 - "$SAMPAN" "$T/plain" "$(free_port)" <<'END'
import socket, subprocess, sys, time
best = 1
for _ in range(5):
    started = time.time()
    server = subprocess.Popen([sys.argv[1], "--root", sys.argv[2], "serve", "--listen", "127.0.0.1:" + sys.argv[3]], stderr=subprocess.DEVNULL)
    while True:
        try:
            with socket.create_connection(("127.0.0.1", int(sys.argv[3]))) as client:
                client.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
                assert client.recv(100).startswith(b"HTTP/1.1 200 ")
                break
        except ConnectionRefusedError:
            time.sleep(0.001)
    best = min(best, time.time() - started)
    server.terminate()
    server.wait()
print(round(best * 1000))
END
)
  echo "idle $rss kB, first answer after $best ms"
  [ "$rss" -le 6144 ]
  [ "$best" -le 50 ]
}
