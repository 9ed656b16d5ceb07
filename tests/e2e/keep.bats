#!/usr/bin/env bats
# What keeps a registry small: gc beside pushes, retention, quotas, abandoned uploads; and sampan registry, which looks after it by hand.
bats_require_minimum_version 1.5.0
load common

setup_file() { setup_folder; }
teardown_file() { remove_folder; }

serve() { # ROOT SETTINGS
  echo "$2" >"$T/settings.json"
  start_registry "$1" --config "$T/settings.json"
  export U=http://$REGISTRY/v2
}
blob() { # REPOSITORY TEXT
  curl -s -o "$T/body" -w '%{http_code}' -X POST -H 'Content-Type: application/octet-stream' --data-binary "$2" "$U/$1/blobs/uploads/?digest=$(digest "$2")"
}
digest() { echo "sha256:$(printf %s "$1" | sha256sum | cut -d' ' -f1)"; }
manifest() { # TEXT: a manifest of that one blob
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a/b","digest":"%s","size":%d},"layers":[]%s}' "$(digest "$1")" ${#1} "${2:-}"
}
push() { # REPOSITORY REFERENCE TEXT [MORE]
  [ "$(blob "$1" "$3")" = 201 ]
  local m
  m=$(manifest "$3" "${4:-}")
  curl -sf -X PUT -H 'Content-Type:' --data-binary "$m" "$U/$1/manifests/${2:-$(digest "$m")}"
}
status() { curl -s -o "$T/body" -w '%{http_code}' "$@"; }
tags() { "$SAMPAN" --root "$1" registry tags -q "$2" | xargs; }
eventually() { # COMMAND…: within 15 s
  local n
  for n in {1..150}; do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
  "$@"
}
gone() { [ "$(status "$1")" = 404 ]; }

@test "gc without grace beside pushes, mounts and HEADs: nothing acknowledged is lost, nothing collected exists" {
  serve "$T/race" '{"gc": {"every": "1s", "grace": 0}}'
  (for _ in {1..60}; do "$SAMPAN" --root "$T/race" gc -q --grace 0 >/dev/null; sleep 0.1; [ ! -e "$T/race-done" ] || break; done) 3>&- &
  local collector=$!
  run timeout 60 python3 "$TOP/tests/e2e/gc_race.py" "$REGISTRY" 8
  echo "$output"
  touch "$T/race-done"
  wait $collector
  end "$REGISTRY_PID"
  [ "$status" = 0 ]
  "$SAMPAN" --root "$T/race" fsck
}

@test "the server collects what a deleted tag leaves, and is quiet while nothing changes" {
  serve "$T/auto" '{"gc": {"every": "1s", "grace": 0}}'
  push auto/a v1 "to be collected"
  curl -sf -X DELETE "$U/auto/a/manifests/v1"
  eventually gone "$U/auto/a/blobs/$(digest "to be collected")"
  eventually test ! -e "$T/auto/blobs/sha256/$(digest "to be collected" | cut -d: -f2)"
  grep -q 'gc removed' "$T/serve-${REGISTRY##*:}.log"
  eventually eval 'curl -s "http://$REGISTRY/metrics" | grep -q "^sampan_gc_freed_blobs_total [1-9]"'
  sleep 8
  local before after
  before=$(grep -h '^write_bytes\|^syscw' "/proc/$REGISTRY_PID/io" | xargs)
  sleep 7
  after=$(grep -h '^write_bytes\|^syscw' "/proc/$REGISTRY_PID/io" | xargs)
  [ "$before" = "$after" ] || { echo "$before, then $after"; false; }
  push auto/b v1 "something new"
  "$SAMPAN" --root "$T/auto" registry rm -q auto/b:v1
  eventually gone "$U/auto/b/blobs/$(digest "something new")"
  end "$REGISTRY_PID"
}

@test "abandoned uploads are swept by the server, those in use are not" {
  serve "$T/abandoned" '{"gc": {"every": "1s", "grace": "1h", "uploads": "1h"}}'
  local old new
  old=$(curl -s -D - -o /dev/null -X POST "$U/up/blobs/uploads/" | sed -n 's/^Docker-Upload-UUID: //Ip' | tr -d '\r')
  new=$(curl -s -D - -o /dev/null -X POST "$U/up/blobs/uploads/" | sed -n 's/^Docker-Upload-UUID: //Ip' | tr -d '\r')
  touch -d '2 hours ago' "$T/abandoned/uploads/$old"*
  eventually gone "$U/up/blobs/uploads/$old"
  [ "$(status "$U/up/blobs/uploads/$new")" = 204 ]
  end "$REGISTRY_PID"
}

@test "retention: newest, newer, matching; referrers and an index's children are safe" {
  serve "$T/retain" '{"gc": false}'
  for n in 1 2 3 4; do push team/app "v$n" "layer $n"; sleep 0.02; done
  push team/app stable "stable layer"
  push team/app "" "untagged layer"
  local top subject child index
  top=$(digest "$(manifest "layer 4")")
  subject=$(printf ',"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%d}' "$top" "$(manifest "layer 4" | wc -c)")
  push team/app "" "signature" "$subject"
  push team/app "sha256-${top#*:}" "fallback"
  child=$(manifest "layer 3")
  index=$(printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%d}]}' "$(digest "$child")" ${#child})
  curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary "$index" "$U/team/app/manifests/all"
  push other/app v1 "other layer"

  echo '{"webhooks": [{"url": "http://127.0.0.1/", "secret_env": "SAMPAN_NOT_SET"}], "retention": [{"repositories": ["team/*"], "keep_newest": 1, "tags": ["st*", "v4"], "untagged_older_than": 0}]}' >"$T/rules.json"
  run -0 "$SAMPAN" --root "$T/retain" registry retain --dry-run --config "$T/rules.json" --format json
  [ "$(jq -r '[.[].tag | select(. != null and . != "")] | sort | join(" ")' <<<"$output")" = "v1 v2 v3" ]
  [ "$(tags "$T/retain" team/app | wc -w)" = 7 ]
  sleep 0.1
  run -0 "$SAMPAN" --root "$T/retain" registry retain --config "$T/rules.json"
  [[ $output == *"4 tags or manifests are gone"* ]]
  [ "$(tags "$T/retain" team/app)" = "all sha256-${top#*:} stable v4" ]
  [ "$(tags "$T/retain" other/app)" = v1 ]
  "$SAMPAN" --root "$T/retain" registry gc --grace 0
  for each in "layer 3" "layer 4" signature "stable layer" fallback; do [ "$(status "$U/team/app/blobs/$(digest "$each")")" = 200 ]; done
  for each in "layer 1" "layer 2" "untagged layer"; do [ "$(status "$U/team/app/blobs/$(digest "$each")")" = 404 ]; done
  [ "$(status "$U/team/app/manifests/$(digest "$child")")" = 200 ]
  [ "$(curl -s "$U/team/app/referrers/$top" | jq '.manifests | length')" = 1 ]

  run -0 "$SAMPAN" --root "$T/retain" registry retain --newer-than 1d 'other/*'
  [ "$(tags "$T/retain" other/app)" = v1 ]
  run -0 "$SAMPAN" --root "$T/retain" registry retain --keep 0 'other/*'
  [ "$(tags "$T/retain" other/app)" = "" ]
  run -2 "$SAMPAN" --root "$T/retain" registry retain
  run -2 "$SAMPAN" --root "$T/retain" registry retain --keep x 'a'
  run -2 "$SAMPAN" --root "$T/retain" registry retain 'a'
  end "$REGISTRY_PID"
}

@test "the server itself retains, by the rules of its settings" {
  serve "$T/rules" '{"gc": {"every": "1s", "grace": 0}, "retention": [{"repositories": ["*"], "keep_newest": 1}]}'
  push deep/er/app v1 one
  sleep 0.02
  push deep/er/app v2 two
  eventually gone "$U/deep/er/app/manifests/v1"
  eventually gone "$U/deep/er/app/blobs/$(digest one)"
  [ "$(status "$U/deep/er/app/manifests/v2")" = 200 ]
  end "$REGISTRY_PID"
}

@test "quotas: a push that doesn't fit is refused with a sentence, and fits again after gc" {
  serve "$T/quota" '{"quotas": [{"prefix": "small/", "size": "2000"}, {"prefix": "", "size": "1g"}], "gc": false}'
  push small/a v1 "$(printf 'a%.0s' {1..1000})"
  [ "$(blob small/b "$(printf 'b%.0s' {1..1500})")" = 413 ]
  [[ $(cat "$T/body") == *'"DENIED"'*"small/*"* ]]
  [ "$(status -X POST -H 'Transfer-Encoding: chunked' -H 'Content-Type: application/octet-stream' --data-binary "$(printf 'b%.0s' {1..1500})" "$U/small/b/blobs/uploads/?digest=$(digest "$(printf 'b%.0s' {1..1500})")")" = 413 ]
  [ "$(blob other/b "$(printf 'b%.0s' {1..1500})")" = 201 ]
  [ "$(status -X POST "$U/small/b/blobs/uploads/?mount=$(digest "$(printf 'b%.0s' {1..1500})")&from=other/b")" = 403 ]
  grep -q DENIED "$T/body"
  push small/a v2 "$(printf 'a%.0s' {1..1000})"
  push small/b v1 "$(printf 'c%.0s' {1..300})"
  curl -sf -X DELETE "$U/small/a/manifests/$(digest "$(manifest "$(printf 'a%.0s' {1..1000})")")"
  "$SAMPAN" --root "$T/quota" gc --grace 0
  sleep 1.1
  [ "$(blob small/b "$(printf 'd%.0s' {1..1200})")" = 201 ]
  end "$REGISTRY_PID"
}

@test "what fits a quota to the last byte fits, in chunks too" {
  serve "$T/exact" '{"quotas": [{"prefix": "", "size": "10"}]}'
  local at
  at=$(curl -s -D - -o /dev/null -X POST "$U/a/blobs/uploads/" | sed -n 's/^Location: //Ip' | tr -d '\r')
  [ "$(status -X PATCH --data-binary 0123456789 "http://$REGISTRY$at")" = 202 ]
  [ "$(status -X PUT "http://$REGISTRY$at?digest=$(digest 0123456789)")" = 201 ]
  [ "$(status -X POST "$U/a/blobs/uploads/")" = 403 ]
  [ "$(blob a 0123456789)" = 201 ]
  end "$REGISTRY_PID"
}

@test "settings that are wrong are told" {
  while IFS='|' read -r text says; do
    echo "$text" >"$T/bad.json"
    run -1 timeout 20 "$SAMPAN" --root "$T/bad" serve --config "$T/bad.json" --listen 127.0.0.1:0
    [[ $output == *"$says"* ]] || { echo "$text: $output"; false; }
  done <<'END'
{"gc": true}|it must be false, or an object
{"gc": {"evry": "1h"}}|did you mean 'every'
{"gc": {"every": "soon"}}|must be a time
{"gc": {"every": 0}}|a second at least
{"retention": {}}|a list
{"retention": [{"keep_newest": 1}]}|'repositories' is missing
{"retention": [{"repositories": ["a"], "keep_newest": -1}]}|negative
{"retention": [{"repositories": ["a"], "newer_than": []}]}|rule 1
{"quotas": [{"prefix": "a"}]}|'size' is missing
{"quotas": [{"prefix": "a", "size": "big"}]}|not a size
{"access_log": {"format": "xml"}}|json or combined
{"webhooks": [{"url": "ftp://x"}]}|http or https
{"webhooks": [{"url": "http://127.0.0.1/", "events": ["grow"]}]}|no event 'grow'
{"webhooks": [{"url": "http://127.0.0.1/", "secret_env": "SAMPAN_NOT_SET"}]}|SAMPAN_NOT_SET
{"webhooks": [{"url": "http://127.0.0.1/", "headers": ["a\nb"]}]}|Name: value
END
}

@test "sampan registry: ls, tags, inspect, rm, df; here and over HTTP" {
  serve "$T/cli" '{}'
  push tool/one v1 "layer one"
  push tool/one v2 "layer two"
  push tool/two v1 "layer one"
  local s=("$SAMPAN" --root "$T/cli" registry) r=("$SAMPAN" --root "$T/elsewhere" registry) d
  run -0 "${s[@]}" ls
  [[ ${lines[0]} == REPOSITORY*TAGS*SIZE*NEWEST*UPDATED* ]]
  [[ ${lines[1]} == tool/one*2*v2* ]]
  [ "$("${s[@]}" ls -q 'tool/t*')" = tool/two ]
  [ "$("${s[@]}" ls --format json | jq -r '.[0].tags')" = 2 ]
  [ "$("${r[@]}" ls -q "$REGISTRY" | xargs)" = "tool/one tool/two" ]
  [ "$("${s[@]}" tags -q tool/one | xargs)" = "v1 v2" ]
  [ "$("${r[@]}" tags -q "$REGISTRY/tool/one" | xargs)" = "v1 v2" ]
  d=$(digest "$(manifest "layer one")")
  [ "$("${s[@]}" tags tool/one --format json | jq -r '.[0].digest')" = "$d" ]
  [ "$("${s[@]}" inspect tool/one:v1 --format json | jq -r .digest)" = "$d" ]
  [ "$("${r[@]}" inspect "$REGISTRY/tool/one:v1" --format json | jq -r .digest)" = "$d" ]
  [[ $("${r[@]}" inspect "$REGISTRY/tool/one@$d") == *"Config"*"$(digest "layer one")"* ]]
  [[ $("${s[@]}" df) == *"2 repositories hold"* ]]
  run -1 "${s[@]}" tags no/such
  run -1 "${s[@]}" inspect tool/one
  run -2 "${s[@]}" rm tool/one
  run -2 "${s[@]}" tag tool/one
  [[ $output == *"did you mean 'sampan registry tags'"* ]]
  [ "$("${s[@]}" rm tool/one:v1)" = "Untagged: tool/one:v1" ]
  [ "$(status "$U/tool/one/manifests/v1")" = 404 ]
  "${r[@]}" rm "$REGISTRY/tool/one:v2"
  [ "$(status "$U/tool/one/manifests/v2")" = 404 ]
  "${r[@]}" rm "$REGISTRY/tool/two@$d"
  [ "$(status "$U/tool/two/manifests/v1")" = 404 ]
  push tool/three a "x"
  push tool/three b "y"
  "${s[@]}" rm -q --all tool/three
  [ "$("${s[@]}" tags -q tool/three)" = "" ]
  "${s[@]}" gc --grace 0
  "${s[@]}" fsck
  run -0 "${s[@]}" ls -q
  [ -z "$output" ]
  end "$REGISTRY_PID"
}
