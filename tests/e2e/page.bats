#!/usr/bin/env bats
# The web page's files and its own addresses, asked with curl. What a browser makes of them is in tests/browser.
bats_require_minimum_version 1.5.0
load common

OCI=application/vnd.oci.image.manifest.v1+json

setup_file() {
  setup_folder
  start_registry
}
teardown_file() { remove_folder; }

setup() { U=http://$REGISTRY; }

# The status, the headers in $T/headers, the body in $T/body.
ask() { curl -s -o "$T/body" -D "$T/headers" -w '%{http_code}' "$@"; }
header() { sed -n "s/^$1: //Ip" "$T/headers" | tr -d '\r'; }
is() { [ "$1" = "$2" ] || { echo "got '$1', not '$2'"; cat "$T/headers" "$T/body"; return 1; } >&2; }
page() { ask -H 'Accept: text/html,*/*' "$@"; }

# An image of one config and no layers, tagged: REPOSITORY TAG PLATFORM.
push() {
  local config d text
  config='{"os":"'${3%/*}'","architecture":"'${3#*/}'","created":"2026-01-02T03:04:05Z","rootfs":{"type":"layers","diff_ids":[]}}'
  d=sha256:$(printf %s "$config" | sha256sum | cut -d' ' -f1)
  is "$(printf %s "$config" | ask -X POST -H 'Content-Type: application/octet-stream' --data-binary @- "$U/v2/$1/blobs/uploads/?digest=$d")" 201
  text='{"schemaVersion":2,"mediaType":"'$OCI'","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"'$d'","size":'${#config}'},"layers":[]}'
  is "$(printf %s "$text" | ask -X PUT -H "Content-Type: $OCI" --data-binary @- "$U/v2/$1/manifests/$2")" 201
}

@test "who reads HTML gets the page at /, others what they got before" {
  is "$(page "$U/")" 200
  is "$(header Content-Type)" 'text/html; charset=utf-8'
  grep -q '<main id="main"' "$T/body"
  is "$(ask "$U/")" 404
  is "$(jq -r '.errors[0].message' "$T/body")" 'there is nothing here; the registry is at /v2/'
  is "$(ask -H 'Accept: application/json' "$U/")" 404
  is "$(page -I "$U/")" 200
  [ "$(header Content-Length)" -gt 1000 ]
  for path in /ui/ /ui/index.html /ui/none.js /ui/../ui/app.js%00 /ui/a/b; do [ "$(page "$U$path")" -ge 400 ]; done
}

@test "every file is there, compressed and not, and is not sent twice" {
  files=$(cd "$TOP/src" && ls ui/*.js ui/*.css ui/*.svg)
  whole=$(stat -c %s "$TOP/src/ui/index.html")
  for file in $files; do
    is "$(ask "$U/$file")" 200
    [ -z "$(header Content-Encoding)" ]
    cmp "$T/body" "$TOP/src/$file"
    whole=$((whole + $(stat -c %s "$T/body")))
    is "$(ask --compressed -H 'Accept-Encoding: br, gzip' "$U/$file")" 200
    is "$(header Content-Encoding)" gzip
    cmp "$T/body" "$TOP/src/$file"
    rm "$T/body"
    is "$(ask -H "If-None-Match: $(header ETag)" "$U/$file")" 304
    [ ! -s "$T/body" ]
    is "$(ask -H 'Accept-Encoding: gzip;q=0' "$U/$file")" 200
    [ -z "$(header Content-Encoding)" ]
  done
  is "$(ask "$U/ui/app.js")" 200
  is "$(header Content-Type)" 'text/javascript; charset=utf-8'
  [ "$whole" -le $((60 << 10)) ] # as it is read, with its comments; over the wire it is less than half
}

@test "the page may run nothing but its own files, and stands in nobody's frame" {
  for file in '' ui/app.js; do
    is "$(page "$U/$file")" 200
    is "$(header Content-Security-Policy)" "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    is "$(header X-Content-Type-Options)" nosniff
    is "$(header Referrer-Policy)" no-referrer
    is "$(header Cross-Origin-Opener-Policy)" same-origin
    is "$(header Cross-Origin-Resource-Policy)" same-origin
    is "$(header X-Frame-Options)" DENY
    is "$(header Cache-Control)" no-cache
  done
  run ! grep -qE '<style|<script>| style=| on[a-z]+=|https?://' "$TOP/src/ui/index.html"
  run ! grep -nE 'innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function' "$TOP"/src/ui/*.js
}

@test "other pages can't make a browser change anything here" {
  push guarded v1 linux/riscv64
  for header in 'Origin: http://evil.example' 'Origin: null' 'Sec-Fetch-Site: cross-site' 'Sec-Fetch-Site: same-origin'; do
    is "$(ask -H "$header" -X DELETE "$U/v2/guarded/manifests/v1")" 403
    is "$(jq -r '.errors[0].code' "$T/body")" DENIED
    is "$(ask -H "$header" -X POST "$U/v2/guarded/blobs/uploads/")" 403
    is "$(ask -H "$header" -X PUT --data '{}' "$U/v2/guarded/manifests/v2")" 403
    is "$(ask -H "$header" "$U/v2/guarded/manifests/v1")" 200
  done
  is "$(ask -X OPTIONS -H 'Origin: http://evil.example' -H 'Access-Control-Request-Method: DELETE' "$U/v2/guarded/manifests/v1")" 403
  [ -z "$(header Access-Control-Allow-Origin)" ]
  is "$(ask -H "Origin: $U" -H 'Sampan-Page: 1' -X DELETE "$U/v2/guarded/manifests/v1")" 202
}

@test "rows of repositories: pages, search, bad questions" {
  for name in rows/a rows/b rows/c; do push "$name" v1 linux/riscv64; done
  push rows/c v2 linux/amd64
  is "$(ask "$U/v2/_sampan/repositories?n=2&q=rows/")" 200
  is "$(jq -c '[.repositories[].name], .next' "$T/body" | tr '\n' ' ')" '["rows/a","rows/b"] "rows/b" '
  is "$(ask "$U/v2/_sampan/repositories?n=2&q=rows/&last=rows/b")" 200
  is "$(jq -c '.repositories[0] | [.name, .tags, .platforms]' "$T/body")" '["rows/c",2,["linux/amd64","linux/riscv64"]]'
  is "$(jq -c '.next' "$T/body")" null
  [ "$(jq '.repositories[0].updated' "$T/body")" -gt 1700000000 ]
  is "$(ask "$U/v2/_sampan/repositories?q=%25")" 200
  is "$(jq -c . "$T/body")" '{"repositories":[],"next":null,"upstreams":[]}'
  is "$(ask "$U/v2/_sampan/repositories?n=-1")" 400
  is "$(ask "$U/v2/_sampan/repositories?n=x")" 400
  is "$(ask "$U/v2/_sampan/repositories?n=100000")" 200
  is "$(ask -X DELETE "$U/v2/_sampan/repositories")" 405
}

@test "rows of tags: platforms, sizes, pages, bad names" {
  for tag in a b c; do push tags/all "$tag" linux/riscv64; done
  is "$(ask "$U/v2/tags/all/_sampan/tags?n=2")" 200
  is "$(jq -c '[.tags[].name], .next' "$T/body" | tr '\n' ' ')" '["a","b"] "b" '
  is "$(jq -c '.tags[0] | [.mediaType, .platforms, .created, .pulled]' "$T/body")" '["'$OCI'",["linux/riscv64"],1767323045,0]'
  digest=$(jq -r '.tags[0].digest' "$T/body") size=$(jq '.tags[0].size' "$T/body")
  is "$(ask "$U/v2/tags/all/manifests/$digest")" 200
  [ "$size" = $(($(stat -c %s "$T/body") + $(jq .config.size "$T/body"))) ]
  is "$(ask "$U/v2/tags/all/_sampan/tags?last=b")" 200
  is "$(jq -c '[.tags[].name], .next' "$T/body" | tr '\n' ' ')" '["c"] null '
  is "$(ask "$U/v2/tags/none/_sampan/tags")" 404
  is "$(ask "$U/v2/Bad/_sampan/tags")" 400
}

@test "an upload and a download are seen while they last, and not afterwards" {
  transfers() { curl -s "$U/v2/_sampan/transfers"; }
  is "$(transfers | jq -c .transfers)" '[]'
  head -c 30000000 /dev/zero >"$T/zeros"
  d=sha256:$(sha256sum "$T/zeros" | cut -d' ' -f1)
  curl -s --limit-rate 3M -X POST -H 'Content-Type: application/octet-stream' --data-binary "@$T/zeros" "$U/v2/moving/blobs/uploads/?digest=$d" 3>&- & upload=$!
  for ((n = 0; n < 100; n++)); do [ "$(transfers | jq '.transfers[0].bytes // 0')" -gt 0 ] && break; sleep 0.05; done
  transfers | jq -e --arg d "$d" '.transfers | length == 1 and (.[0] | .kind == "upload" and .repository == "moving" and .digest == $d and .size == 30000000 and .bytes < 30000000)'
  kill $upload; wait $upload || true
  is "$(ask -X POST -H 'Content-Type: application/octet-stream' --data-binary "@$T/zeros" "$U/v2/moving/blobs/uploads/?digest=$d")" 201
  curl -s --limit-rate 1M -o /dev/null "$U/v2/moving/blobs/$d" 3>&- & download=$!
  for ((n = 0; n < 100; n++)); do [ "$(transfers | jq '.transfers[0].bytes // 0')" -gt 0 ] && break; sleep 0.05; done
  transfers | jq -e --arg d "$d" '.transfers | length == 1 and (.[0] | .kind == "download" and .digest == $d and .size == 30000000 and .bytes > 0 and .bytes < 30000000)'
  kill $download; wait $download || true
  for ((n = 0; n < 100; n++)); do [ "$(transfers | jq -c .transfers)" = '[]' ] && break; sleep 0.05; done
  is "$(transfers | jq -c .transfers)" '[]'
}

@test "\"page\": false leaves no page" {
  echo '{"page": false}' >"$T/off.json"
  start_registry "$T/off" --config "$T/off.json"
  is "$(page "http://$REGISTRY/")" 404
  is "$(jq -r '.errors[0].message' "$T/body")" 'there is nothing here; the registry is at /v2/'
  is "$(ask "http://$REGISTRY/ui/app.js")" 404
  is "$(ask "http://$REGISTRY/v2/")" 200
  end "$REGISTRY_PID"
  echo '{"page": "off"}' >"$T/bad.json"
  run "$SAMPAN" --root "$T/bad" serve --listen 127.0.0.1:0 --config "$T/bad.json"
  [ "$status" -ne 0 ]
  [[ $output == *"'page'"*"true or false"* ]]
}

@test "what came from an upstream is shown as such, and asked for alone" {
  start_registry "$T/upstream" && upstream=$REGISTRY U=http://$REGISTRY
  push library/app v1 linux/riscv64
  printf '{"upstreams": [{"prefix": "hub", "url": "http://%s"}]}' "$upstream" >"$T/cache.json"
  start_registry "$T/cache" --config "$T/cache.json" && U=http://$REGISTRY
  push own/app v1 linux/riscv64
  is "$(ask "$U/v2/hub/library/app/manifests/v1")" 200
  is "$(ask "$U/v2/hub/library/app/blobs/$(jq -r .config.digest "$T/body")")" 200
  is "$(ask "$U/v2/_sampan/repositories?below=hub&q=app")" 200
  jq -e --arg url "http://$upstream" '.repositories | length == 1 and (.[0] | .name == "hub/library/app" and .cached == 1 and .pulled > 0)' "$T/body"
  [[ $(jq -c '.upstreams[0]' "$T/body") == '{"prefix":"hub","url":"http://'"$upstream"* ]]
  is "$(ask "$U/v2/_sampan/repositories")" 200
  is "$(jq -c '[.repositories[] | [.name, .cached]]' "$T/body")" '[["hub/library/app",1],["own/app",0]]'
  is "$(ask "$U/v2/hub/library/app/_sampan/tags")" 200
  jq -e '.tags[0].pulled > 0 and .tags[0].platforms[0] == "linux/riscv64"' "$T/body"
}

@test "who may not see a repository sees no row of it, no transfer, and no gap where it is" {
  cat >"$T/rules.json" <<'END'
{"access": {"rules": [{"repositories": ["open/*"], "users": ["anonymous"], "actions": ["pull", "catalog"]}, {"repositories": ["shut/*"], "users": ["anonymous"], "actions": ["push"]}]}}
END
  "$SAMPAN" --root "$T/ruled" user add -g admin --password-stdin root <<<toor
  start_registry "$T/ruled" --config "$T/rules.json" && U=http://$REGISTRY
  echo "user = root:toor" >"$T/root.curl"
  ask() { curl -K "$T/root.curl" -s -o "$T/body" -D "$T/headers" -w '%{http_code}' "$@"; }
  for name in open/a shut/b open/c shut/d open/e shut/f; do push "$name" v1 linux/riscv64; done
  is "$(ask "$U/v2/_sampan/repositories?n=4")" 200
  is "$(jq -c '[.repositories[].name], .next' "$T/body" | tr '\n' ' ')" '["open/a","open/c","open/e","shut/b"] "shut/b" '
  head -c 30000000 /dev/zero >"$T/more"
  d=sha256:$(sha256sum "$T/more" | cut -d' ' -f1)
  curl -K "$T/root.curl" -s --limit-rate 3M -X POST -H 'Content-Type: application/octet-stream' --data-binary "@$T/more" "$U/v2/shut/b/blobs/uploads/?digest=$d" 3>&- & upload=$!
  for ((n = 0; n < 100; n++)); do is "$(ask "$U/v2/_sampan/transfers")" 200; [ "$(jq '.transfers | length' "$T/body")" = 1 ] && break; sleep 0.05; done
  jq -e '.transfers[0].repository == "shut/b"' "$T/body"
  ask() { curl -s -o "$T/body" -D "$T/headers" -w '%{http_code}' -H "Authorization: Bearer $(curl -s "$U/token?scope=registry:catalog:*" | jq -r .token)" "$@"; }
  is "$(ask "$U/v2/_sampan/transfers")" 200
  is "$(jq -c .transfers "$T/body")" '[]'
  kill $upload; wait $upload || true
  is "$(ask "$U/v2/_sampan/repositories?n=2")" 200
  is "$(jq -c '[.repositories[].name], .next' "$T/body" | tr '\n' ' ')" '["open/a","open/c"] "open/c" '
  is "$(ask "$U/v2/_sampan/repositories?n=1&last=open/c")" 200
  is "$(jq -c '[.repositories[].name], .next' "$T/body" | tr '\n' ' ')" '["open/e"] null '
  ask() { curl -s -o "$T/body" -D "$T/headers" -w '%{http_code}' "$@"; }
  is "$(ask "$U/v2/shut/b/_sampan/tags")" 401
  is "$(page "$U/")" 200
}
