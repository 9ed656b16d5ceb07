#!/usr/bin/env bats
# The pull-through cache: with Debian's docker-registry, a second sampan, and a registry that does everything wrong (faulty.py) as upstreams.
bats_require_minimum_version 1.5.0
load common
load proxy_common

setup_file() { proxy_setup_file; }
teardown_file() { remove_folder; }
setup() { proxy_setup; }
teardown() { proxy_teardown; }

@test "a pull fills the cache, which then needs no upstream; skopeo and sampan" {
  cache "\"url\": \"http://$PEER\"" '"library": true'
  skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/up/box:1" "dir:$T/first"
  "$SAMPAN" --root "$T/client" pull "$REGISTRY/up/library/box:1"
  is "$(ask "$U/_catalog")" 200
  is "$(cat "$T/body")" '{"repositories":["up/library/box"]}'
  kill -STOP "$PEER_PID"
  skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/up/box:1" "dir:$T/second"
  kill -CONT "$PEER_PID"
  diff -r "$T/first" "$T/second"
  run "$SAMPAN" --root "$ROOT" fsck
  [ "$status" -eq 0 ]
}

@test "a second sampan is an upstream, and its upstream's is" {
  cache "\"url\": \"http://$PEER\""
  local first=$REGISTRY first_pid=$REGISTRY_PID
  cache "\"url\": \"http://$first/up\""
  is "$(ask "$U/up/library/box/manifests/1")" 200
  skopeo inspect --tls-verify=false "docker://$REGISTRY/up/library/box:1" | grep -q '"Name"'
  end "$first_pid"
}

@test "containerd's ?ns= names the same repository, and only a configured upstream" {
  cache '"ns": ["registry.example:5000"]'
  is "$(ask "$U/good/image/manifests/1?ns=registry.example:5000")" 200
  is "$(header OCI-Namespace)" registry.example:5000
  is "$(asked 'GET /v2/good/image/manifests/1')" 1
  is "$(ask "$U/up/good/image/manifests/1")" 200
  is "$(header OCI-Namespace)" ""
  is "$(asked 'GET /v2/good/image/manifests/1')" 1
  : >"$T/log"
  for ns in "$OTHER" "http://$OTHER" "127.0.0.1:22" up ""; do
    is "$(ask "$U/good/image/manifests/1?ns=$ns")" 404
    is "$(code)" NAME_UNKNOWN
  done
  is "$(wc -l <"$T/log")" 0
  is "$(ask "$U/good/image/manifests/1?ns=$REGISTRY")" 404 # itself: no mirror, and it has no such repository
  is "$(code)" MANIFEST_UNKNOWN
}

@test "a push below an upstream's prefix is refused, others are taken" {
  cache
  for request in "-X POST $U/up/a/blobs/uploads/" "-X PUT $U/up/a/manifests/1" "-X PATCH $U/up/a/blobs/uploads/x" "-X POST $U/a/blobs/uploads/?ns=up"; do
    is "$(ask $request)" 405
    is "$(code)" UNSUPPORTED
    grep -q "is a cache of http://$FAULTY" "$T/body"
  done
  "$SAMPAN" --root "$T/maker" copy "store:$PEER/library/box:1" "docker://$REGISTRY/upper/box:1"
  is "$(ask "$U/upper/box/manifests/1")" 200
  run skopeo copy -q --dest-tls-verify=false --src-tls-verify=false "docker://$REGISTRY/upper/box:1" "docker://$REGISTRY/up/box:1"
  [ "$status" -ne 0 ]
}

@test "the default upstream is asked for what is in no repository here, as dockerd asks a mirror" {
  cache '"default": true'
  is "$(ask "$U/good/image/manifests/1")" 200
  is "$(ask "$U/up/good/image/manifests/1")" 200
  is "$(asked 'GET /v2/good/image/manifests')" 1
  "$SAMPAN" --root "$T/maker" copy "store:$PEER/library/box:1" "docker://$REGISTRY/own/box:1"
  is "$(ask "$U/own/box/manifests/1")" 200
  is "$(ask "$U/own/box/manifests/2")" 404
  is "$(asked 'GET /v2/own')" 0
  end "$REGISTRY_PID"
  sed -i "s/$FAULTY/127.0.0.1:$(free_port)/" "$ROOT/registry.json"
  serve
  is "$(ask "$U/good/other/manifests/1")" 404 # dockerd goes on to the next; and a push of a new repository works
  "$SAMPAN" --root "$T/maker" copy "store:$PEER/library/box:1" "docker://$REGISTRY/own/new:1"
}

@test "what was pushed before there was an upstream stays as it is" {
  cache
  mv "$ROOT/registry.json" "$T/later.json"
  end "$REGISTRY_PID"
  serve
  "$SAMPAN" --root "$T/maker" copy "store:$PEER/library/box:1" "docker://$REGISTRY/up/missing/box:1"
  "$SAMPAN" --root "$T/maker" copy "store:$PEER/library/box:1" "docker://$REGISTRY/up/good/image:1"
  end "$REGISTRY_PID"
  mv "$T/later.json" "$ROOT/registry.json"
  serve
  for name in missing/box good/image missing/box; do is "$(ask "$U/up/$name/manifests/1")" 200; done
  is "$(ask "$U/up/good/image/manifests/2")" 200 # the upstream's
  is "$(wc -l <"$T/log")" 2
}

@test "settings: what is wrong is said" {
  ROOT=$(mktemp -d "$T/cache.XXXXXX")
  while IFS='|' read -r settings said; do
    echo "$settings" >"$ROOT/registry.json"
    run -1 "$SAMPAN" --root "$ROOT" serve --listen 127.0.0.1:0
    [[ "$output" == *"$said"* ]] || { echo "$output"; false; }
  done <<'END'
{"upstreams": {}}|it must be a list
{"upstreams": [{"prefix": "a"}]}|upstream 1, a: it needs a 'url'
{"upstreams": [{"url": "http://x.y"}]}|it needs a 'prefix'
{"upstreams": [{"prefix": "A", "url": "http://x.y"}]}|it needs a 'prefix'
{"upstreams": [{"prefix": "a", "url": "ftp://x.y"}]}|'ftp://x.y' is no upstream
{"upstreams": [{"prefix": "a", "url": "http://u:p@x.y"}]}|is no upstream
{"upstreams": [{"prefix": "a", "url": "http://x.y", "tll": "1s"}]}|did you mean 'ttl'?
{"upstreams": [{"prefix": "a", "url": "http://x.y", "ttl": "1 s"}]}|'ttl' must be a time
{"upstreams": [{"prefix": "a", "url": "http://x.y", "username": "u"}]}|'username' needs 'password-file'
{"upstreams": [{"prefix": "a", "url": "http://x.y", "username": "u", "password-env": "NO_SUCH"}]}|the environment has no NO_SUCH
{"upstreams": [{"prefix": "a", "url": "http://x.y"}, {"prefix": "a/b", "url": "http://x.y"}]}|the prefix is within that of another, 'a'
{"cache": {"keep": -3}}|'keep' must be a time
END
}

@test "the first pull streams: bytes come before the upstream has sent all, the last one when it is verified" {
  cache
  layers slow/image
  local start now
  start=$(date +%s%N)
  curl -s "$U/up/slow/image/blobs/$D" | { head -c 1000 >/dev/null; date +%s%N >"$T/first-byte"; cat >/dev/null; date +%s%N >"$T/last-byte"; }
  (( $(cat "$T/first-byte") - start < 1500000000 ))
  (( $(cat "$T/last-byte") - start > 1500000000 ))
  is "$(ask "$U/up/slow/image/blobs/$D")" 200
  body_is_right
  is "$(asked "GET /v2/slow/image/blobs/$D")" 1
}

@test "sixteen clients of one blob are one download; who comes late reads what is there; a HEAD joins" {
  cache
  layers slow/image
  local n pids=()
  for n in {1..16}; do
    [ "$n" -ne 9 ] || sleep 0.6
    curl -s "$U/up/slow/image/blobs/$D" -o "$T/part.$n" & pids+=($!)
  done
  is "$(ask -I "$U/up/slow/image/blobs/$D")" 200
  is "$(header Content-Length)" "$SIZE"
  wait "${pids[@]}"
  is "$(sha256sum "$T"/part.* | cut -d' ' -f1 | sort -u)" "${D#sha256:}"
  is "$(asked "GET /v2/slow/image/blobs/$D")" 1
  is "$(asked "HEAD /v2/slow/image/blobs/$D")" 0
}

@test "sixteen clients of one tag are one question" {
  cache
  local pids=() n
  for n in {1..16}; do curl -s -o "$T/part.$n" "$U/up/good/image/manifests/1" & pids+=($!); done
  wait "${pids[@]}"
  is "$(sha256sum "$T"/part.* | cut -d' ' -f1 | sort -u | wc -l)" 1
  is "$(asked "GET /v2/good/image/manifests/1")" 1
}

@test "HEAD and ranges of a blob that isn't here" {
  cache
  layers slow/image
  is "$(ask -I "$U/up/slow/image/blobs/$D")" 200
  is "$(header Content-Length)" "$SIZE"
  is "$(asked "GET /v2/slow/image/blobs/")" 0
  is "$(ask -H 'Range: bytes=10-19' "$U/up/slow/image/blobs/$D")" 206
  is "$(header Content-Range)" "bytes 10-19/$SIZE"
  is "$(stat -c %s "$T/body")" 10
  cp "$T/body" "$T/range"
  is "$(ask -H "Range: bytes=$SIZE-" "$U/up/slow/image/blobs/$D")" 416
  is "$(ask -H "Range: bytes=-5" "$U/up/slow/image/blobs/$D")" 206 # from the same download, when its end has come
  is "$(stat -c %s "$T/body")" 5
  is "$(ask "$U/up/slow/image/blobs/$D")" 200
  body_is_right
  cmp "$T/range" <(tail -c +11 "$T/body" | head -c 10)
  is "$(asked "GET /v2/slow/image/blobs/")" 1
}

@test "a client that goes away doesn't end a download that another waits for" {
  cache
  layers slow/image
  curl -s "$U/up/slow/image/blobs/$D" -o "$T/part.1" & local first=$!
  curl -s "$U/up/slow/image/blobs/$D" -o "$T/part.2" & local second=$!
  sleep 0.5
  kill "$first"
  wait "$second"
  is "$(sha256sum "$T/part.2" | cut -d' ' -f1)" "${D#sha256:}"
  is "$(asked "GET /v2/slow/image/blobs/$D")" 1
}

@test "nobody waits: a download that is short of its end is finished" {
  cache
  layers slow/image
  curl -s "$U/up/slow/image/blobs/$D" -o /dev/null & local client=$!
  sleep 0.5
  kill "$client"
  blob_is_here() { [ -e "$ROOT/blobs/sha256/${D#sha256:}" ]; }
  wait_until blob_is_here
  is "$(asked "GET /v2/slow/image/blobs/$D")" 1
}

@test "a killed server goes on with the part that it has" {
  cache
  layers slow/image
  curl -s "$U/up/slow/image/blobs/$D" -o /dev/null & local client=$!
  sleep 0.9
  end "$REGISTRY_PID" KILL
  wait "$client" || true
  : >"$T/log"
  serve
  is "$(ask "$U/up/slow/image/blobs/$D")" 200
  body_is_right
  is "$(asked "GET /v2/slow/image/blobs/$D - bytes=[1-9][0-9]*-$")" 1
  is "$(asked "GET /v2/slow/image/blobs/")" 1
}

@test "wrong bytes: the connection is broken before the last byte, and nothing is kept" {
  cache
  layers altered/image
  run curl -sSf -o "$T/body" "$U/up/altered/image/blobs/$D"
  [ "$status" -ne 0 ]
  (( $(stat -c %s "$T/body" 2>/dev/null || echo 0) < SIZE ))
  is "$(find "$ROOT/uploads" "$ROOT/blobs" -type f -size +10k | wc -l)" 0
  is "$(ask "$U/up/altered/image/blobs/$D")" 502
  grep -q "came altered" "$LOG"
}

@test "cut off: continued by a 206 that fits; one that doesn't fit is not spliced on" {
  cache
  for mode in resume chunked; do
    layers $mode/image
    is "$(ask "$U/up/$mode/image/blobs/$D")" 200
    body_is_right
  done
  is "$(asked "GET /v2/resume/image/blobs/")" 2
  for mode in shifted restart lost; do # what a client got of the first half can't be continued: it is cut off, and the next has it all
    cache
    layers $mode/image
    ask "$U/up/$mode/image/blobs/$D" || true
    wait_until test -e "$ROOT/blobs/sha256/${D#sha256:}"
    is "$(ask "$U/up/$mode/image/blobs/$D")" 200
    body_is_right
  done
}

@test "an upstream that always cuts off, or sends too little or too much, leaves no whole blob" {
  cache
  for mode in truncated short; do
    layers $mode/image
    run curl -sSf -o "$T/body" "$U/up/$mode/image/blobs/$D"
    [ "$status" -ne 0 ]
    [ ! -e "$ROOT/blobs/sha256/${D#sha256:}" ]
  done
}

@test "credentials go to their upstream only, not where it redirects to" {
  for mode in basic bearer away; do
    cache '"username": "bob"' "\"password-file\": \"$T/password\""
    layers $mode/image
    is "$(ask "$U/up/$mode/image/blobs/$D")" 200
    body_is_right
  done
  grep -q "^registry GET /v2/away/image/blobs/$D Basic" "$T/log"
  grep -q "^other GET /blob/$D?signature=topsecret - " "$T/log"
  ! grep '^other' "$T/log" | grep -E 'Basic|Bearer'
  is "$(ask "$U/up/realm/image/manifests/1")" 200 # a token server elsewhere is asked without a password
  ! grep '^other' "$T/log" | grep 'Basic'
}

@test "a server doesn't lend out its user's credentials; auth-file does" {
  mkdir -p "$DOCKER_CONFIG"
  printf '{"auths": {"%s": {"auth": "%s"}}}' "$FAULTY" "$(printf bob:sesame | base64)" >"$DOCKER_CONFIG/config.json"
  cache
  is "$(ask "$U/up/basic/image/manifests/1")" 403
  is "$(code)" DENIED
  cache "\"auth-file\": \"$DOCKER_CONFIG/config.json\""
  is "$(ask "$U/up/basic/image/manifests/1")" 200
  rm "$DOCKER_CONFIG/config.json"
}

@test "a blob of another repository is readable only if the upstream has it, too" {
  cache
  local text=secret d
  d=sha256:$(printf %s "$text" | sha256sum | cut -d' ' -f1)
  is "$(printf %s "$text" | ask -X POST -H 'Content-Type: application/octet-stream' --data-binary @- "$U/private/blobs/uploads/?digest=$d")" 201
  is "$(ask "$U/up/good/image/blobs/$d")" 404
  layers good/image
  is "$(ask "$U/up/good/image/blobs/$D")" 200
  : >"$T/log"
  is "$(ask "$U/up/good/other/blobs/$D")" 200
  is "$(asked "HEAD /v2/good/other/blobs/$D")" 1
  is "$(asked 'GET')" 0
}

@test "tags and referrers are the upstream's" {
  cache
  is "$(ask "$U/up/good/image/tags/list?n=7")" 200
  is "$(cat "$T/body")" '{"name":"up/good/image","tags":["1","2"]}'
  is "$(header Link)" '</v2/up/good/image/tags/list?n=7&last=2>; rel="next"'
  is "$(ask "$U/up/good/image/referrers/sha256:$(printf '0%.0s' {1..64})")" 404
}

@test "an HTTP proxy for the upstream" {
  cache '"url": "http://registry.invalid"' "\"proxy\": \"http://$FAULTY\""
  is "$(ask "$U/up/good/image/manifests/1")" 503 # the proxy is asked, and is none: it answers 404 to a whole URL
  grep -q '^registry GET http://registry.invalid/v2/' "$T/log"
}

@test "a large blob for sixteen clients at once: one download, memory stays small" {
  local digest location idle peak n pids=()
  head -c 100000000 /dev/urandom >"$T/large"
  digest=sha256:$(sha256sum <"$T/large" | cut -d' ' -f1)
  location=$(curl -s -D - -X POST "http://$PEER/v2/large/image/blobs/uploads/" | sed -n 's/^location: //Ip' | tr -d '\r')
  curl -sf -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' -T "$T/large" "$location&digest=$digest"
  cache "\"url\": \"http://$PEER\""
  ask "$U/" >/dev/null
  idle=$(awk '/^VmRSS/ { print $2 }' "/proc/$REGISTRY_PID/status")
  for n in {1..16}; do curl -s "$U/up/large/image/blobs/$digest" | cmp - "$T/large" & pids+=($!); done
  for n in "${pids[@]}"; do wait "$n"; done
  peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$REGISTRY_PID/status")
  is "$(find "$ROOT/blobs" -type f -size +90M | wc -l)" 1
  echo "idle $idle kB, peak $peak kB"
  (( peak - idle < 16384 ))
}

@test "HTTPS: the upstream's certificate is checked against 'ca'" {
  local port pid
  port=$(free_port)
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=registry.localhost -addext subjectAltName=DNS:registry.localhost \
    -keyout "$T/key.pem" -out "$T/cert.pem" 2>/dev/null
  python3 "$BATS_TEST_DIRNAME/faulty.py" "$port" "$(free_port)" "$T/tls-log" "$T/cert.pem" "$T/key.pem" >"$T/tls.out" 2>&1 3>&- & pid=$!
  echo "$pid" >"$T/tls.pid"
  wait_for_port "$port"
  cache "\"url\": \"https://registry.localhost:$port\""
  is "$(ask "$U/up/good/image/manifests/1")" 503
  grep -q 'is not trusted' "$T/body"
  end "$REGISTRY_PID"
  cache "\"url\": \"https://registry.localhost:$port\"" "\"ca\": \"$T/cert.pem\""
  layers good/image
  is "$(ask "$U/up/good/image/blobs/$D")" 200
  body_is_right
  is "$(ask "$U/up/redirect/image/blobs/$D")" 403 # from HTTPS nothing follows to HTTP
  end "$pid"
}
