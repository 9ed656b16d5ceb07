#!/usr/bin/env bats
# Behind a proxy: addresses that are right for the client, and whose words are believed.
bats_require_minimum_version 1.5.0
load common

setup_file() {
  setup_folder
  start_registry
}
teardown_file() { remove_folder; }

setup() { U=http://$REGISTRY/v2; }

location() { curl -s -o /dev/null -D - -X POST "$@" | sed -n 's/^Location: //Ip' | tr -d '\r'; }
link() { curl -s -o /dev/null -D - "$@" | sed -n 's/^Link: //Ip' | tr -d '\r'; }

@test "Location and Link are relative to the host, so any scheme and name in front is right" {
  for header in "X-Forwarded-Proto: https" "X-Forwarded-Host: example.org" "Forwarded: proto=https;host=example.org" "Host: example.org:8443"; do
    [[ $(location -H "$header" "$U/a/b/blobs/uploads/") == /v2/a/b/blobs/uploads/* ]]
  done
}

@test "a path prefix that the proxy names is in every address" {
  at=$(location -H 'X-Forwarded-Prefix: /registry/' "$U/a/b/blobs/uploads/")
  [[ $at == /registry/v2/a/b/blobs/uploads/* ]]
  d=sha256:$(printf blob | sha256sum | cut -d' ' -f1)
  at=$(printf blob | location -H 'X-Forwarded-Prefix: /registry' -H 'Content-Type: a/b' --data-binary @- "$U/a/b/blobs/uploads/?digest=$d")
  [ "$at" = "/registry/v2/a/b/blobs/$d" ]
  manifest='{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a/b","digest":"'$d'","size":4},"layers":[]}'
  for tag in 1 2; do
    at=$(printf %s "$manifest" | location -X PUT -H 'X-Forwarded-Prefix: /registry' -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
      --data-binary @- "$U/a/b/manifests/$tag")
  done
  [[ $at == /registry/v2/a/b/manifests/sha256:* ]]
  [ "$(link -H 'X-Forwarded-Prefix: /registry' "$U/a/b/tags/list?n=1")" = '</registry/v2/a/b/tags/list?n=1&last=1>; rel="next"' ]
}

@test "what could be a header, another host or another path is not taken" {
  for prefix in //evil.example.org /a/../b 'evil' '/a b' '/<x>' '/a?b' '/a%0d%0aX-Evil:1' $'/a\tb' "/$(head -c 4000 /dev/zero | tr '\0' a)"; do
    [[ $(location -H "X-Forwarded-Prefix: $prefix" "$U/a/b/blobs/uploads/") == /v2/a/b/blobs/uploads/* ]]
  done
  # the proxy's own word is the last
  [[ $(location -H 'X-Forwarded-Prefix: /evil, /good' "$U/a/b/blobs/uploads/") == /good/v2/* ]]
  [[ $(location -H 'X-Forwarded-Prefix: /evil' -H 'X-Forwarded-Prefix: /good' "$U/a/b/blobs/uploads/") == /good/v2/* ]]
}

@test "the client's address is what believed proxies saw" {
  start_registry "$T/clients" --debug --listen "unix:$T/clients.socket"
  curl -sf "http://$REGISTRY/v2/"
  curl -sf -H 'X-Forwarded-For: 203.0.113.1, 192.0.2.7' "http://$REGISTRY/v2/"
  curl -sf -H 'Forwarded: for="[2001:db8::7]:80"' "http://$REGISTRY/v2/"
  curl -sf -H 'Forwarded: for=203.0.113.1' -H 'X-Forwarded-For: 192.0.2.7' "http://$REGISTRY/v2/"
  curl -sf --unix-socket "$T/clients.socket" http://x/v2/
  curl -sf --unix-socket "$T/clients.socket" -H 'X-Forwarded-For: 192.0.2.7' http://x/v2/
  got=$(sed -n 's/.*GET .*: 200 (\(.*\) at .*)/\1/p' "$T/serve-${REGISTRY##*:}.log" | tr '\n' ' ')
  echo "$got"
  [ "$got" = "127.0.0.1 192.0.2.7 2001:db8::7 127.0.0.1 unix 192.0.2.7 " ]
  end "$REGISTRY_PID"
}

@test "whole URLs, where they are needed, are the client's" {
  start_registry "$T/whole" --debug
  check() { # URL curl…
    local want=$1 got
    shift
    curl -s -o /dev/null "$@" "http://$REGISTRY/v2/"
    got=$(sed -n 's/.*GET .* at \(.*\))/\1/p' "$T/serve-${REGISTRY##*:}.log" | tail -1)
    [ "$got" = "$want" ] || { echo "$got, not $want"; return 1; }
  }
  check "http://$REGISTRY/"
  check https://example.org/ -H 'X-Forwarded-Proto: https' -H 'X-Forwarded-Host: example.org'
  check https://example.org:8443/a/ -H 'X-Forwarded-Proto: https' -H 'Host: example.org:8443' -H 'X-Forwarded-Prefix: /a'
  check 'https://[2001:db8::1]:443/' -H 'Forwarded: for=192.0.2.7;proto=https;host="[2001:db8::1]:443"'
  check "http://$REGISTRY/" -H 'X-Forwarded-Proto: gopher' -H 'X-Forwarded-Host: evil.org/path'
  check http://localhost/ -H 'Host: a"b'
  end "$REGISTRY_PID"
  start_registry "$T/whole" --debug --external-url https://example.org/registry
  check https://example.org/registry/ -H 'X-Forwarded-Host: other.example.org'
  end "$REGISTRY_PID"
}

@test "--external-url: its path is in addresses, and is taken off requests where the proxy leaves it there" {
  start_registry "$T/external" --external-url https://example.org/registry/
  [[ $(location "http://$REGISTRY/v2/a/b/blobs/uploads/") == /registry/v2/a/b/blobs/uploads/* ]]
  at=$(location "http://$REGISTRY/registry/v2/a/b/blobs/uploads/")
  [[ $at == /registry/v2/a/b/blobs/uploads/* ]]
  d=sha256:$(printf blob | sha256sum | cut -d' ' -f1)
  [ "$(printf blob | curl -s -o /dev/null -w '%{http_code}' -X PUT --data-binary @- "http://$REGISTRY$at?digest=$d")" = 201 ]
  [ "$(curl -s -o /dev/null -w '%{http_code}' "http://$REGISTRY/registryv2/")" = 404 ]
  end "$REGISTRY_PID"
  for url in example.org ftp://example.org https:// https://user@example.org 'https://example.org/a?b' https://example.org/a/../b 'https://exa mple.org'; do
    run -2 "$SAMPAN" --root "$T/external" serve --listen 127.0.0.1:0 --external-url "$url"
  done
}

@test "a peer elsewhere is not believed, unless 'trusted-proxies' has it" {
  unshare -n true 2>/dev/null || skip "needs a network namespace"
  try() { # SETTINGS
    echo "$1" >"$T/behind.json"
    : >"$T/behind.log"
    unshare -n bash -c '
      ip link set lo up && ip addr add 198.51.100.1/32 dev lo
      "$SAMPAN" --root "$T/behind" serve --config "$T/behind.json" --listen 198.51.100.1:5000 --anonymous all >"$T/behind.log" 2>&1 &
      for _ in {1..100}; do ! grep -q ": serving" "$T/behind.log" || break; sleep 0.05; done
      curl -s -o /dev/null -D - -X POST -H "X-Forwarded-Prefix: /registry" --interface 198.51.100.1 http://198.51.100.1:5000/v2/a/blobs/uploads/
      kill $!; wait' | sed -n 's/^Location: //Ip'
  }
  [[ $(try '{}') == /v2/* ]]
  [[ $(try '{"trusted-proxies": ["203.0.113.0/24", "2001:db8::/32"]}') == /v2/* ]]
  [[ $(try '{"trusted-proxies": ["198.51.100.0/24"]}') == /registry/v2/* ]]
  for text in '["198.51.100.1/24"]' '["host"]' '"10.0.0.0/8"' '[1]'; do
    echo "{\"trusted-proxies\": $text}" >"$T/bad.json"
    run -1 "$SAMPAN" --root "$T/behind" serve --config "$T/bad.json" --listen 127.0.0.1:0
  done
}

@test "a whole push and pull through nginx, which speaks TLS in front of us" {
  command -v nginx >/dev/null && command -v skopeo >/dev/null || skip "needs nginx and skopeo"
  port=$(free_port)
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/proxy.key" -out "$T/proxy.crt" -days 2 -subj /CN=proxy \
    -addext subjectAltName=IP:127.0.0.1 2>/dev/null
  cat >"$T/nginx.conf" <<END
user root; daemon off; pid $T/nginx.lock; error_log $T/nginx.log; worker_processes 1;
events {}
http {
  access_log off; client_max_body_size 0;
  client_body_temp_path $T/n1; proxy_temp_path $T/n2; fastcgi_temp_path $T/n3; uwsgi_temp_path $T/n4; scgi_temp_path $T/n5;
  server {
    listen 127.0.0.1:$port ssl; ssl_certificate $T/proxy.crt; ssl_certificate_key $T/proxy.key;
    location /v2/ { proxy_pass http://$REGISTRY; proxy_set_header X-Forwarded-Proto https; proxy_set_header X-Forwarded-Host \$host; }
  }
}
END
  nginx -c "$T/nginx.conf" 2>/dev/null 3>&- &
  echo $! >"$T/nginx.pid"
  wait_for_port "$port"
  mkdir "$T/trust"
  cp "$T/proxy.crt" "$T/trust/ca.crt"
  busybox_tar "$T/root.tar"
  skopeo --insecure-policy copy -q --dest-cert-dir "$T/trust" "tarball:$T/root.tar" "docker://127.0.0.1:$port/proxied/b:1"
  skopeo --insecure-policy copy -q --src-cert-dir "$T/trust" "docker://127.0.0.1:$port/proxied/b:1" "oci:$T/layout:1"
}
