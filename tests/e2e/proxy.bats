#!/usr/bin/env bats
# The pull-through cache: with Debian's docker-registry, a second sampan, and a registry that does everything wrong (faulty.py) as upstreams.
bats_require_minimum_version 1.5.0
load common

setup_file() {
  setup_folder
  local port other
  port=$(free_port) other=$(free_port)
  python3 "$BATS_TEST_DIRNAME/faulty.py" "$port" "$other" "$T/log" >"$T/faulty.out" 2>&1 3>&- &
  echo $! >"$T/faulty.pid"
  export FAULTY=127.0.0.1:$port OTHER=localhost:$other
  start_peer_registry "$T/peer"
  busybox_tar "$T/busybox.tar"
  "$SAMPAN" --root "$T/maker" import "$T/busybox.tar" "$PEER/library/box:1"
  "$SAMPAN" --root "$T/maker" push "$PEER/library/box:1"
  printf 'sesame\n' >"$T/password"
  wait_for_port "$port"
}
teardown_file() { remove_folder; }

setup() {
  : >"$T/log"
  rm -f "$T/log.mode"
  export http_proxy= https_proxy=
}
teardown() { [ -z "${REGISTRY_PID:-}" ] || end "$REGISTRY_PID"; }

# Serves a store of this test's own with an upstream "up" (the faulty one unless the settings name another url); sets U.
cache() { # [SETTINGS…]: members of the upstream's JSON object
  local settings='"url": "http://'$FAULTY'"'
  [[ "$*" != *'"url"'* ]] || settings=
  ROOT=$(mktemp -d "$T/cache.XXXXXX")
  printf '{"upstreams": [{"prefix": "up", "timeout": "2s", %s}]}' "$(printf '%s\n' "$settings" "$@" | sed '/^$/d' | paste -sd,)" >"$ROOT/registry.json"
  serve
}
serve() {
  start_registry "$ROOT"
  U=http://$REGISTRY/v2 LOG=$T/serve-${REGISTRY##*:}.log
}
ask() { curl -s -o "$T/body" -D "$T/headers" -w '%{http_code}' "$@"; }
header() { sed -n "s/^$1: //Ip" "$T/headers" | tr -d '\r'; }
is() { [ "$1" = "$2" ] || { echo "got '$1', not '$2'"; cat "$T/headers" "$T/body" "$LOG" "$T/log"; return 1; } >&2; }
code() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["errors"][0]["code"])' "$T/body"; }
asked() { grep -c "^registry $1" "$T/log" || true; } # how often the upstream was asked
# The layers' digests and sizes of a faulty repository: D (the first, of 300 kB) and SIZE.
layers() { # REPOSITORY
  is "$(ask "$U/up/$1/manifests/1")" 200
  read -r D SIZE < <(python3 -c 'import json, sys; l = json.load(open(sys.argv[1]))["layers"][0]; print(l["digest"], l["size"])' "$T/body")
}
body_is_right() { is "$(sha256sum <"$T/body" | cut -d' ' -f1)" "${D#sha256:}"; }
nothing_kept() { is "$(find "$ROOT/uploads" -type f | wc -l)" 0; is "$(ask -I "$U/up/$1/blobs/$D" -H 'Range: bytes=0-1')" "${2:-503}"; }
wait_until() { # COMMAND…
  local n
  for ((n = 0; n < 100; n++)); do "$@" && return 0; sleep 0.1; done
  echo "never: $*" >&2
  return 1
}

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
  is "$(asked 'GET /v2/good/image/manifests/1')" 1
  is "$(ask "$U/up/good/image/manifests/1")" 200
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
{"cache": {"keep": 3}}|the field 'keep' is not a string
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
  run curl -sS -o "$T/body" "$U/up/altered/image/blobs/$D"
  [ "$status" -ne 0 ]
  (( $(stat -c %s "$T/body") < SIZE ))
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

@test "a tag is asked for again by HEAD when its ttl is over; a digest never" {
  cache '"ttl": "1s"'
  is "$(ask "$U/up/flaky/image/manifests/1")" 200
  local digest=$(header Docker-Content-Digest)
  is "$(ask "$U/up/flaky/image/manifests/1")" 200
  is "$(ask "$U/up/flaky/image/manifests/$digest")" 200
  is "$(asked 'GET /v2/flaky/image/manifests')" 1
  is "$(asked 'HEAD /v2/flaky')" 0
  sleep 1.2
  is "$(ask "$U/up/flaky/image/manifests/1")" 200
  is "$(asked 'GET /v2/flaky/image/manifests')" 1
  is "$(asked 'HEAD /v2/flaky')" 1
  echo moved >"$T/log.mode"
  sleep 1.2
  is "$(ask "$U/up/flaky/image/manifests/1")" 200
  [ "$(header Docker-Content-Digest)" != "$digest" ]
  is "$(ask "$U/up/flaky/image/manifests/$digest")" 200
  echo nohead >"$T/log.mode"
  sleep 1.2
  is "$(ask "$U/up/flaky/image/manifests/1")" 200
  is "$(header Docker-Content-Digest)" "$digest"
  echo missing >"$T/log.mode"
  sleep 1.2
  is "$(ask "$U/up/flaky/image/manifests/1")" 404
  is "$(ask "$U/up/flaky/image/manifests/1")" 404
  is "$(ask "$U/up/flaky/image/manifests/$digest")" 200
  is "$(asked 'HEAD /v2/flaky')" 4
}

@test "stale is served on 429, 500, silence and outage, with a Warning, and without a storm" {
  for mode in hasty failing silent; do
    cache '"ttl": "1s"'
    rm -f "$T/log.mode"
    is "$(ask "$U/up/flaky/image/manifests/1")" 200
    is "$(header Warning)" ""
    echo $mode >"$T/log.mode"
    sleep 1.2
    : >"$T/log"
    for n in 1 2 3 4 5; do
      is "$(ask "$U/up/flaky/image/manifests/1")" 200
      [[ "$(header Warning)" == 110* ]]
      [[ "$(header Age)" =~ ^[0-9]+$ ]]
    done
    (( $(asked '') <= 1 ))
    is "$(grep -c warning "$LOG")" 1
    end "$REGISTRY_PID"
  done
}

@test "429 for what isn't here is passed on with Retry-After, and the upstream is left in peace for that long" {
  cache
  is "$(ask "$U/up/limit/image/manifests/1")" 429
  (( $(header Retry-After) > 3600 - 60 )) # an hour at most
  for n in 1 2 3; do is "$(ask "$U/up/good/image/manifests/$n")" 503; done
  is "$(asked 'GET /v2/good')" 0
}

@test "the network is gone: what is here is served at once, the rest refused at once; back again, it is asked again" {
  local port
  port=$(free_port)
  "$SAMPAN" --root "$T/upstream" serve --listen "127.0.0.1:$port" >"$T/upstream.log" 2>&1 3>&- & local upstream=$!
  echo "$upstream" >"$T/upstream.pid"
  wait_for_port "$port"
  "$SAMPAN" --root "$T/maker" copy "store:$PEER/library/box:1" "docker://127.0.0.1:$port/box:1"
  cache "\"url\": \"http://127.0.0.1:$port\"" '"ttl": "1s"'
  skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/up/box:1" "dir:$T/third"
  kill -STOP "$upstream" # it hangs: connections are taken, and nothing is said
  sleep 1.2
  is "$(ask "$U/up/box/manifests/1")" 200 # finds out, after "timeout"
  local start=$(date +%s%N)
  for n in 1 2 3 4 5; do
    is "$(ask "$U/up/box/manifests/1")" 200
    is "$(ask "$U/up/box/manifests/none$n")" 503
    [ "$(header Retry-After)" ]
  done
  (( $(date +%s%N) - start < 1500000000 ))
  is "$(grep -c warning "$LOG")" 1
  kill -CONT "$upstream"
  answers_again() { ask "$U/up/box/manifests/1" >/dev/null; [ -z "$(header Warning)" ]; }
  wait_until answers_again
  grep -q 'answers again' "$LOG"
  end "$upstream"
}

@test "a restart without a network serves what is here" {
  cache
  layers good/image
  is "$(ask "$U/up/good/image/blobs/$D")" 200
  end "$REGISTRY_PID"
  sed -i "s/$FAULTY/127.0.0.1:$(free_port)/" "$ROOT/registry.json"
  serve
  is "$(ask "$U/up/good/image/manifests/1")" 200
  [[ "$(header Warning)" == 110* ]]
  is "$(ask "$U/up/good/image/blobs/$D")" 200
  body_is_right
}

@test "a mirror is asked first; what it lacks, or when it is down, comes from the upstream" {
  cache "\"url\": \"http://$PEER\"" "\"mirrors\": [\"http://127.0.0.1:$(free_port)\", \"http://$FAULTY\"]"
  is "$(ask "$U/up/library/box/manifests/1")" 200 # the faulty one has every tag
  is "$(asked 'GET /v2/library/box/manifests/1')" 1
  is "$(ask "$U/up/missing/box/manifests/1")" 404
  is "$(asked 'GET /v2/missing/box')" 1
  D=$(cd "$T/peer/docker/registry/v2/repositories/library/box/_layers/sha256" && ls | head -1)
  is "$(ask "$U/up/library/box/blobs/sha256:$D")" 200 # no blob of the mirror
  is "$(sha256sum <"$T/body" | cut -d' ' -f1)" "$D"
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

@test "404 is passed on and remembered for a moment; an altered manifest is not kept" {
  cache
  for n in 1 2 3; do
    is "$(ask "$U/up/missing/image/manifests/1")" 404
    is "$(code)" MANIFEST_UNKNOWN
    is "$(ask "$U/up/good/image/blobs/sha256:$(printf '0%.0s' {1..64})")" 404
    is "$(code)" BLOB_UNKNOWN
  done
  is "$(asked 'GET /v2/missing')" 1
  is "$(asked 'GET /v2/good/image/blobs')" 1
  is "$(ask "$U/up/manifest/image/manifests/1")" 502
  is "$(ask "$U/up/huge/image/manifests/1")" 502
  is "$(ask "$U/up/denied/image/manifests/1")" 403
  is "$(ask "$U/_catalog")" 200
  is "$(cat "$T/body")" '{"repositories":[]}'
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

@test "what wasn't pulled for the time in 'keep' goes, with gc its bytes, and what is above 'size'" {
  cache
  layers good/image
  is "$(ask "$U/up/good/image/blobs/$D")" 200
  end "$REGISTRY_PID"
  sed -i 's/^{/{"cache": {"keep": "2s", "size": "1g"}, /' "$ROOT/registry.json"
  serve
  wait_until grep -q 'lets 1 manifests go' "$LOG"
  sleep 1
  "$SAMPAN" --root "$ROOT" gc --grace 0
  is "$(find "$ROOT/blobs" -type f | wc -l)" 0
  is "$(ask "$U/up/good/image/manifests/1")" 200
}
