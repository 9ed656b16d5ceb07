#!/usr/bin/env bats
# SIGHUP: settings that change while the registry runs, under load, and those that can't; and what commands beside the server owe to its settings.
bats_require_minimum_version 1.5.0
load common

setup_file() {
  setup_folder
  busybox_tar "$T/busybox.tar"
}
teardown_file() { remove_folder; }

serve() { # ROOT SETTINGS [FLAG…]
  local root=$1
  mkdir -p "$root"
  echo "$2" >"$root/registry.json"
  shift 2
  start_registry "$root" "$@"
  U=http://$REGISTRY/v2 ROOT=$root LOG=$T/serve-${REGISTRY##*:}.log
}
reload() { # SETTINGS WORDS: until the log says them once more
  local before
  before=$(grep -c "$2" "$LOG" || true)
  echo "$1" >"$ROOT/registry.json"
  kill -HUP "$REGISTRY_PID"
  eventually more_than "$before" "$2"
}
more_than() { [ "$(grep -c "$2" "$LOG" || true)" -gt "$1" ] || { cat "$LOG"; false; }; }
eventually() {
  local n
  for n in {1..150}; do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
  "$@"
}
status() { curl -s -o "$T/body" -w '%{http_code}' "$@"; }
is() { [ "$1" = "$2" ] || { echo "got '$1', not '$2'"; cat "$T/body"; tail "$LOG"; return 1; } >&2; }
digest() { echo "sha256:$(printf %s "$1" | sha256sum | cut -d' ' -f1)"; }
blob() { status -X POST -H 'Content-Type: application/octet-stream' --data-binary "$2" "$U/$1/blobs/uploads/?digest=$(digest "$2")"; }
push() { # REPOSITORY TAG TEXT
  is "$(blob "$1" "$3")" 201
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a/b","digest":"%s","size":%d},"layers":[]}' "$(digest "$3")" ${#3} |
    curl -sf -X PUT -H 'Content-Type:' --data-binary @- "$U/$1/manifests/$2"
}
hook() { # FILE [STATUS…]
  HOOK=$(free_port)
  python3 "$TOP/tests/e2e/hook.py" "$HOOK" "$@" 3>&- &
  HOOK_PID=$!
  echo $HOOK_PID >"$T/hook-$HOOK.pid"
  wait_for_port "$HOOK"
}
events() { [ ! -e "$1" ] || jq -r .body "$1" | jq -r '.events[0] | "\(.action) \(.target.repository)"'; }
has_event() { events "$1" | grep -qx "$2"; }

@test "SIGHUP: access, quotas, page and forwarded settings change for the next request" {
  serve "$T/all" '{}'
  is "$(blob a 0123456789)" 201
  is "$(status -H 'Accept: text/html' "http://$REGISTRY/")" 200
  reload '{"quotas": [{"prefix": "", "size": "12"}], "page": false, "external-url": "https://example.org/sub"}' 'settings were read again'
  is "$(blob b 0123456789)" 413
  is "$(status -H 'Accept: text/html' "http://$REGISTRY/")" 404
  curl -s -D "$T/headers" -o /dev/null -X POST "$U/a/blobs/uploads/"
  grep -qi '^location: /sub/v2/a/blobs/uploads/' "$T/headers"
  reload '{"access": {"rules": [{"repositories": ["a"], "users": ["anonymous"], "actions": ["pull"]}]}}' 'settings were read again'
  is "$(status "$U/a/blobs/$(digest 0123456789)")" 200
  is "$(status "$U/b/blobs/$(digest 0123456789)")" 401
  is "$(status -X POST "$U/a/blobs/uploads/")" 401
  reload '{}' 'settings were read again'
  is "$(blob b 0123456789)" 201
  end "$REGISTRY_PID"
}

@test "SIGHUP: a connection that is kept alive gets the new rules with its next request, a running one ends by the old" {
  serve "$T/alive" '{}'
  python3 - "${REGISTRY##*:}" "$REGISTRY_PID" "$ROOT/registry.json" <<'END'
import http.client, os, signal, sys, time
port, pid, file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
kept, running = (http.client.HTTPConnection('127.0.0.1', port, timeout=20) for _ in range(2))
def ask(method, path):
    kept.request(method, path)
    answer = kept.getresponse()
    answer.read()
    return answer.status
assert ask('POST', '/v2/a/blobs/uploads/') == 202
running.putrequest('POST', '/v2/a/blobs/uploads/?digest=sha256:' + '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824')
running.putheader('Content-Length', '5'); running.putheader('Content-Type', 'application/octet-stream')
running.endheaders(b'he')
open(file, 'w').write('{"access": {"anonymous": "pull"}}')
for n in range(50):  # the old ones are freed while the running request holds them, were it wrong
    os.kill(pid, signal.SIGHUP)
    time.sleep(0.02)
    ask('GET', '/v2/')
assert ask('POST', '/v2/a/blobs/uploads/') == 401
time.sleep(6)
running.send(b'llo')
answer = running.getresponse()
assert answer.status == 201, answer.read()
END
  is "$(status "$U/")" 401
  end "$REGISTRY_PID"
}

@test "SIGHUP under load: no request fails, and memory does not grow" {
  serve "$T/load" '{"upstreams": [{"prefix": "up", "url": "http://127.0.0.1:1"}], "cache": {"keep": "1d"}}'
  push a v1 some
  (for _ in {1..250}; do for at in a/manifests/v1 a/tags/list up/x/manifests/1; do status "$U/$at"; echo; done; done >"$T/codes") 3>&- &
  local asker=$! n
  for n in {1..150}; do kill -HUP "$REGISTRY_PID"; sleep 0.02; done
  wait $asker
  is "$(sort -u "$T/codes" | xargs)" "200 503"
  sleep 11
  [ "$(ls "/proc/$REGISTRY_PID/task" | wc -l)" -lt 12 ] || { ls "/proc/$REGISTRY_PID/task"; false; }
  ldd "$SAMPAN" | grep -q libasan || [ "$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$REGISTRY_PID/status")" -lt 32768 ]
  end "$REGISTRY_PID"
}

@test "SIGHUP: what is wrong is told, and the old settings stay; what can't change is told, too" {
  serve "$T/wrong" '{"quotas": [{"prefix": "", "size": "12"}]}'
  local n=0
  while IFS='|' read -r text says; do
    reload "$text" "the settings stay as they were: .*$says"
    n=$((n + 1))
    is "$(blob "b$n" 01234567890123456789)" 413
  done <<'END'
{"quotas": [|cannot use .*registry.json
{"quotes": []}|there is no setting 'quotes'
{"quotas": [{"prefix": "", "size": "x"}]}|'quotas': number 1
{"access": {"htpasswd": "/nowhere/at/all"}}|/nowhere/at/all
{"webhooks": [{"url": "http://127.0.0.1:1/"}]}|restart it
{"trusted-proxies": ["nonsense"]}|'trusted-proxies'
END
  reload '{"listen": ["127.0.0.1:1"], "connections": 5, "timeouts": {"silence": 3, "transfer": 30}}' 'settings were read again'
  for n in connections timeouts.silence; do grep -q "'$n' has changed, which needs a restart" "$LOG"; done
  ! grep -q "'listen' has changed" "$LOG" # the flag said it, and still does
  is "$(blob b 01234567890123456789)" 201
  end "$REGISTRY_PID"
}

@test "SIGHUP: webhooks and upstreams change, and no event is lost" {
  hook "$T/first"
  local one=$HOOK
  hook "$T/second"
  serve "$T/hooks" "{\"webhooks\": [{\"url\": \"http://127.0.0.1:$one/\"}]}"
  push a v1 one
  eventually has_event "$T/first" 'push a'
  reload "{\"webhooks\": [{\"url\": \"http://127.0.0.1:$one/\", \"repositories\": [\"x\"]}, {\"url\": \"http://127.0.0.1:$HOOK/\"}],
    \"upstreams\": [{\"prefix\": \"up\", \"url\": \"http://127.0.0.1:1\"}]}" 'settings were read again'
  push b v1 two
  eventually has_event "$T/second" 'push b'
  ! has_event "$T/first" 'push b'
  is "$(status "$U/up/x/manifests/1")" 503
  # An endpoint that is away: what waits for it goes on with the new settings.
  end "$HOOK_PID"
  push c v1 three
  reload "{\"webhooks\": [{\"url\": \"http://127.0.0.1:$HOOK/\", \"headers\": [\"X-Token: new\"]}]}" 'settings were read again'
  python3 "$TOP/tests/e2e/hook.py" "$HOOK" "$T/third" 3>&- &
  echo $! >"$T/hook-third.pid"
  eventually has_event "$T/third" 'push c'
  is "$(head -1 "$T/third" | jq -r .token)" new
  end "$REGISTRY_PID"
}

@test "webhooks: events of blobs, for who asks for them" {
  hook "$T/blobs"
  local blobs=$HOOK
  hook "$T/plain"
  serve "$T/blobstore" "{\"webhooks\": [{\"url\": \"http://127.0.0.1:$blobs/\", \"blobs\": true, \"events\": [\"push\", \"pull\", \"mount\", \"delete\"]},
    {\"url\": \"http://127.0.0.1:$HOOK/\"}]}"
  push a v1 some
  is "$(status "$U/a/blobs/$(digest some)")" 200
  is "$(status "$U/a/blobs/$(digest some)")" 200
  is "$(status -I "$U/a/blobs/$(digest some)")" 200
  is "$(status -X POST "$U/b/blobs/uploads/?mount=$(digest some)&from=a")" 201
  is "$(status -X DELETE "$U/b/blobs/$(digest some)")" 202
  eventually has_event "$T/blobs" 'delete b'
  is "$(events "$T/blobs" | xargs)" "push a push a pull a pull a mount b delete b"
  jq -r .body "$T/blobs" | jq -s -e --arg d "$(digest some)" '.[0].events[0].target == {"digest": $d, "repository": "a", "url": .[0].events[0].target.url,
    "mediaType": "application/octet-stream", "size": 4, "length": 4} and (.[0].events[0].target.url | endswith("/v2/a/blobs/" + $d))
    and .[4].events[0].target.fromRepository == "a"'
  is "$(events "$T/plain" | xargs)" "push a"
  end "$REGISTRY_PID"
}

@test "webhooks follow no redirect, and no log has their secrets" {
  hook "$T/redirected" 307
  printf 'hush-hush' >"$T/secret"
  serve "$T/redirect" "{\"webhooks\": [{\"url\": \"http://127.0.0.1:$HOOK/\", \"headers\": [\"X-Token: sesame\"], \"secret_file\": \"$T/secret\"}]}" --debug
  push a v1 one
  push b v1 two
  eventually has_event "$T/redirected" 'push b'
  is "$(events "$T/redirected" | xargs)" "push a push b"
  grep -q "the endpoint answered 307; the event is dropped" "$LOG"
  ! grep -q 'sesame\|hush-hush' "$LOG"
  end "$REGISTRY_PID"
}

@test "a push into the served store, and a deletion there, reach webhooks, also from before the server runs" {
  hook "$T/beside"
  local settings="{\"webhooks\": [{\"url\": \"http://127.0.0.1:$HOOK/\"}]}"
  serve "$T/shared" "$settings"
  local d
  d=$("$SAMPAN" --root "$ROOT" import "$T/busybox.tar" "$REGISTRY/team/box:1")
  "$SAMPAN" --root "$ROOT" push "$REGISTRY/team/box:1"
  eventually has_event "$T/beside" 'push team/box'
  jq -r .body "$T/beside" | jq -e --arg d "$d" '.events[0] | .target.digest == $d and .target.tag == "1" and .target.size > 100 and .request.method == "PUT"
    and .target.mediaType == "application/vnd.oci.image.manifest.v1+json" and .actor.name != null'
  end "$REGISTRY_PID"
  "$SAMPAN" --root "$ROOT" registry rm team/box:1
  serve "$T/shared" "$settings"
  eventually has_event "$T/beside" 'delete team/box'
  is "$(events "$T/beside" | wc -l)" 2
  # Nobody wants them any more: none are kept.
  end "$REGISTRY_PID"
  serve "$T/shared" '{}'
  "$SAMPAN" --root "$ROOT" import "$T/busybox.tar" "$REGISTRY/team/box:2"
  "$SAMPAN" --root "$ROOT" push "$REGISTRY/team/box:2"
  is "$(python3 -c 'import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM record WHERE space = ?", ["publish-notice"]).fetchone())' "$ROOT/sampan.db")" 0
  end "$REGISTRY_PID"
}

@test "quotas hold for a push into the served store, unless its owner says otherwise" {
  serve "$T/full" '{"quotas": [{"prefix": "team/", "size": "1000"}], "gc": false}'
  "$SAMPAN" --root "$ROOT" import "$T/busybox.tar" "$REGISTRY/team/box:1"
  run -1 "$SAMPAN" --root "$ROOT" push "$REGISTRY/team/box:1"
  [[ $output == *"do not fit into the quota of 'team/*'"*"--over-quota"* ]]
  is "$(status "$U/team/box/manifests/1")" 404
  "$SAMPAN" --root "$ROOT" import "$T/busybox.tar" "$REGISTRY/other/box:1"
  "$SAMPAN" --root "$ROOT" push "$REGISTRY/other/box:1"
  run -0 "$SAMPAN" --root "$ROOT" push --over-quota "$REGISTRY/team/box:1"
  is "$(status "$U/team/box/manifests/1")" 200
  run -0 "$SAMPAN" --root "$ROOT" push "$REGISTRY/team/box:1" # it is all there: nothing more
  is "$(blob team/b x)" 403
  end "$REGISTRY_PID"
}
