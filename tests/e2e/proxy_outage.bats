#!/usr/bin/env bats
# The pull-through cache over time: tags that move, upstreams that are slow, busy, broken or gone, and what is let go.
bats_require_minimum_version 1.5.0
load common
load proxy_common

setup_file() { proxy_setup_file; }
teardown_file() { remove_folder; }
setup() { proxy_setup; }
teardown() { proxy_teardown; }

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
      [[ "$(header Warning)" == "299 - "* ]]
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
  [[ "$(header Warning)" == "299 - "* ]]
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
