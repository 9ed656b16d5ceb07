#!/usr/bin/env bats
# Seeing what the registry does: metrics, health, access log, webhooks.
bats_require_minimum_version 1.5.0
load common

setup_file() { setup_folder; }
teardown_file() { remove_folder; }

serve() { # ROOT SETTINGS
  echo "$2" >"$T/settings.json"
  start_registry "$1" --config "$T/settings.json"
  export U=http://$REGISTRY/v2
}
push() { # REPOSITORY TAG
  printf '{}' | curl -sf -X POST -H 'Content-Type: application/octet-stream' --data-binary @- "$U/$1/blobs/uploads/?digest=sha256:$(printf '{}' | sha256sum | cut -d' ' -f1)"
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a/b","digest":"sha256:%s","size":2},"layers":[]}' \
    "$(printf '{}' | sha256sum | cut -d' ' -f1)" | curl -sf -X PUT -H 'Content-Type:' --data-binary @- "$U/$1/manifests/$2"
}
metric() { curl -s "http://$REGISTRY/metrics" | grep -F "$1 " | grep -v '^#' | sed 's/.* //'; }
eventually() {
  local n
  for n in {1..100}; do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
  "$@"
}
lines_of() { [ "$(wc -l <"$1")" -ge "$2" ]; }
metric_is() { [ "$(metric "$1")" = "$2" ]; }
hook() { # FILE STATUS…: sets HOOK and HOOK_PID
  HOOK=${PORT:-$(free_port)}
  python3 "$TOP/tests/e2e/hook.py" "$HOOK" "$@" 3>&- &
  HOOK_PID=$!
  echo "$HOOK_PID" >"$T/hook-$HOOK.pid"
  wait_for_port "$HOOK"
}

@test "metrics: counters, histogram, what the store holds; the format is Prometheus'" {
  serve "$T/metrics" '{}'
  push m/a v1
  for _ in 1 2 3; do curl -sf -o /dev/null "$U/m/a/manifests/v1"; done
  curl -s -o /dev/null "$U/m/a/manifests/none"
  eventually metric_is 'sampan_http_requests_total{method="GET",route="manifest",status="200"}' 3
  [ "$(metric 'sampan_http_requests_total{method="GET",route="manifest",status="404"}')" = 1 ]
  [ "$(metric 'sampan_http_requests_total{method="PUT",route="manifest",status="201"}')" = 1 ]
  [ "$(metric 'sampan_http_request_duration_seconds_bucket{route="manifest",le="+Inf"}')" = 5 ]
  [ "$(metric 'sampan_http_request_duration_seconds_count{route="manifest"}')" = 5 ]
  [ "$(metric 'sampan_http_received_bytes_total{method="POST"}')" = 2 ]
  [ "$(metric sampan_blobs)" = 2 ]
  [ "$(metric sampan_repositories)" = 1 ]
  [ "$(metric sampan_tags)" = 1 ]
  [ "$(metric sampan_uploads)" = 0 ]
  curl -s -o /dev/null -X POST "$U/m/a/blobs/uploads/"
  [ "$(metric sampan_uploads)" = 1 ]
  [ "$(metric process_resident_memory_bytes)" -gt 1000000 ]
  curl -s "http://$REGISTRY/metrics" | python3 -c '
import re, sys
types = {}
for line in sys.stdin:
    if line.startswith("# TYPE "):
        name, kind = line.split()[2:4]
        assert name not in types, name
        types[name] = kind
    elif not line.startswith("# HELP "):
        name = re.fullmatch(r"([a-z_]+)(\{[a-z]+=\"[^\"]*\"(,[a-z]+=\"[^\"]*\")*\})? [0-9.e+-]+\n", line)[1]
        assert name in types or re.sub("_(bucket|sum|count)$", "", name) in types, line
assert types["sampan_http_request_duration_seconds"] == "histogram"'
  [[ $(curl -s -o /dev/null -w '%{content_type}' "http://$REGISTRY/metrics") == "text/plain; version=0.0.4"* ]]
  end "$REGISTRY_PID"
}

@test "health and readiness" {
  serve "$T/health" '{}'
  [ "$(curl -s "http://$REGISTRY/healthz")" = ok ]
  [ "$(curl -s "http://$REGISTRY/readyz" | jq -r .status)" = ready ]
  end "$REGISTRY_PID"
  [ "$(id -u)" = 0 ] || return 0
  mkdir "$T/small"
  mount -t tmpfs -o size=20M tmpfs "$T/small" 2>/dev/null || return 0
  serve "$T/small/store" '{}'
  status=$(curl -s -o "$T/body" -w '%{http_code}' "http://$REGISTRY/readyz")
  alive=$(curl -s "http://$REGISTRY/healthz")
  end "$REGISTRY_PID"
  umount "$T/small"
  [ "$status" = 503 ]
  [[ $(cat "$T/body") == *"disk is full"* ]]
  [ "$alive" = ok ]
}

@test "the access log: combined or JSON, no line can be forged, opened anew on SIGHUP; off without the setting" {
  serve "$T/log" "{\"access_log\": {\"format\": \"combined\", \"file\": \"$T/access.log\"}}"
  curl -s -o /dev/null -A $'evil" agent\\' "$U/"
  eventually lines_of "$T/access.log" 1
  grep -Eq '^127\.0\.0\.1 - - \[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9:]{8} \+0000\] "GET /v2/ HTTP/1.1" 200 2 "-" "evil\\x22 agent\\x5c"$' "$T/access.log" || { cat "$T/access.log"; false; }
  mv "$T/access.log" "$T/access.log.1"
  kill -HUP "$REGISTRY_PID"
  eventually test -e "$T/access.log"
  curl -s -o /dev/null "$U/?a=%0a%0dx"
  eventually lines_of "$T/access.log" 1
  [ "$(wc -l <"$T/access.log.1")" = 1 ]
  end "$REGISTRY_PID"
  serve "$T/log" '{"access_log": {"format": "json"}}'
  curl -s -o /dev/null "$U/none/tags/list?n=2"
  eventually grep -q '"target":"/v2/none/tags/list?n=2"' "$T/serve-${REGISTRY##*:}.log"
  grep '^{' "$T/serve-${REGISTRY##*:}.log" | tail -1 | jq -e '.status == 404 and .method == "GET" and .remote == "127.0.0.1" and .sent > 0'
  end "$REGISTRY_PID"
  serve "$T/log" '{}'
  kill -HUP "$REGISTRY_PID"
  curl -sf -o /dev/null "$U/"
  run ! grep -q '/v2/' "$T/serve-${REGISTRY##*:}.log"
  end "$REGISTRY_PID"
}

@test "webhooks: Docker's envelope, signed, tried again; what was not delivered goes out after a restart" {
  printf 'top secret\n' >"$T/secret"
  hook "$T/got" 503 500
  settings="{\"webhooks\": [{\"url\": \"http://127.0.0.1:$HOOK/hook\", \"events\": [\"push\", \"pull\", \"delete\"], \"repositories\": [\"hooked/*\"],
    \"headers\": [\"X-Token: t\"], \"secret_file\": \"$T/secret\"}]}"
  serve "$T/hooks" "$settings"
  push hooked/a v1
  push ignored/a v1
  eventually lines_of "$T/got" 3
  [ "$(jq -r .status "$T/got" | xargs)" = "503 500 200" ]
  [ "$(jq -r .body "$T/got" | sort -u | wc -l)" = 1 ]
  [ "$(jq -rc .type "$T/got" | tail -1)" = '["application/vnd.docker.distribution.events.v1+json"]' ]
  [ "$(jq -r .token "$T/got" | tail -1)" = t ]
  tail -1 "$T/got" | jq -j .body >"$T/event"
  [ "$(tail -1 "$T/got" | jq -r .signature)" = "sha256=$(openssl dgst -sha256 -hmac 'top secret' -r "$T/event" | cut -d' ' -f1)" ]
  d=$(curl -sI "$U/hooked/a/manifests/v1" | tr -d '\r' | sed -n 's/^Docker-Content-Digest: //Ip')
  jq -e --arg d "$d" --arg h "$REGISTRY" '.events[0] | .action == "push" and .target.repository == "hooked/a" and .target.tag == "v1" and .target.digest == $d
    and .target.mediaType == "application/vnd.oci.image.manifest.v1+json" and .target.size > 100 and .target.url == "http://\($h)/v2/hooked/a/manifests/\($d)"
    and .request.method == "PUT" and .request.addr == "127.0.0.1" and (.id | length) == 36 and (.timestamp | test("Z$"))' "$T/event"
  curl -s -o /dev/null "$U/hooked/a/manifests/v1"
  eventually lines_of "$T/got" 4
  [ "$(tail -1 "$T/got" | jq -r .body | jq -r '.events[0].action')" = pull ]
  eventually metric_is sampan_webhook_delivered_total 2
  # Bytes that are no text hide nothing.
  curl -sf -X DELETE -H $'Host: \xff\xfe' -A $'\xff' "$U/hooked/a/manifests/v1"
  eventually lines_of "$T/got" 5
  [ "$(tail -1 "$T/got" | jq -r .body | jq -r '.events[0].action')" = delete ]
  push hooked/a v1
  eventually lines_of "$T/got" 6
  end "$HOOK_PID"

  curl -sf -X DELETE "$U/hooked/a/manifests/v1"
  eventually metric_is sampan_webhook_queued 1
  end "$REGISTRY_PID"
  [ -s "$T/hooks/webhooks.left" ]
  PORT=$HOOK hook "$T/got2"
  serve "$T/hooks" "$settings"
  eventually lines_of "$T/got2" 1
  jq -r .body "$T/got2" | jq -e '.events[0] | .action == "delete" and .target.tag == "v1"'
  [ ! -e "$T/hooks/webhooks.left" ]
  end "$HOOK_PID"
  end "$REGISTRY_PID"
  run ! grep "top secret" "$T"/serve-*.log
}

@test "a webhook that refuses, or does not answer at all, holds up no push and no end" {
  hook "$T/refuses" 400
  serve "$T/stuck" "{\"webhooks\": [{\"url\": \"http://127.0.0.1:$HOOK/\"}, {\"url\": \"http://127.0.0.1:1/\"}]}"
  push stuck/a v1
  push stuck/a v2
  eventually lines_of "$T/refuses" 2
  [ "$(jq -r .status "$T/refuses" | xargs)" = "400 200" ]
  eventually metric_is sampan_webhook_dropped_total 1
  [ "$(metric sampan_webhook_queued)" = 2 ]
  local began=$SECONDS
  end "$REGISTRY_PID"
  [ $((SECONDS - began)) -lt 5 ]
  end "$HOOK_PID"
}

@test "an idle server of default settings stays small" {
  serve "$T/idle" '{}'
  curl -s -o /dev/null "$U/"
  sleep 13
  rss=$(sed -n 's/^VmRSS:\s*\([0-9]*\) kB/\1/p' "/proc/$REGISTRY_PID/status")
  echo "$rss kB"
  [ "$rss" -le 6144 ] || nm "$SAMPAN" 2>/dev/null | grep -q __asan
  end "$REGISTRY_PID"
}
