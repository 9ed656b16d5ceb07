#!/usr/bin/env bats
# The registry, asked as the distribution specification asks: curl for each word of it, skopeo for the whole.
bats_require_minimum_version 1.5.0
load common

OCI=application/vnd.oci.image.manifest.v1+json
EMPTY=application/vnd.oci.empty.v1+json

setup_file() {
  setup_folder
  start_registry
}
teardown_file() { remove_folder; }

setup() { U=http://$REGISTRY/v2; }

digest() { echo "sha256:$(sha256sum | cut -d' ' -f1)"; }
# The status, the headers in $T/headers, the body in $T/body.
ask() { curl -s -o "$T/body" -D "$T/headers" -w '%{http_code}' "$@"; }
header() { sed -n "s/^$1: //Ip" "$T/headers" | tr -d '\r'; }
is() { [ "$1" = "$2" ] || { echo "got '$1', not '$2'"; cat "$T/headers" "$T/body"; return 1; } >&2; }
code() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["errors"][0]["code"])' "$T/body"; }
refused() { # STATUS CODE curl…
  local status=$1 code=$2
  shift 2
  is "$(ask "$@")" "$status"
  is "$(code)" "$code"
}
push_blob() { # REPOSITORY TEXT: prints the digest
  local d
  d=$(printf %s "$2" | digest)
  is "$(printf %s "$2" | ask -X POST -H 'Content-Type: application/octet-stream' --data-binary @- "$U/$1/blobs/uploads/?digest=$d")" 201 && echo "$d"
}
manifest() { # REPOSITORY TEXT [SUBJECT ARTIFACT-TYPE]: prints a manifest whose config and only layer are TEXT
  local d subject=
  d=$(push_blob "$1" "$2")
  [ -z "${3:-}" ] || subject=",\"artifactType\":\"$4\",\"subject\":{\"mediaType\":\"$OCI\",\"digest\":\"$3\",\"size\":2}"
  printf '{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"application/x","digest":"%s","size":%d},"layers":[{"mediaType":"application/y","digest":"%s","size":%d}]%s}' \
    "$OCI" "$d" ${#2} "$d" ${#2} "$subject"
}
put_manifest() { # REPOSITORY REFERENCE TEXT [QUERY]: prints the status
  printf %s "$3" | ask -X PUT -H "Content-Type: $OCI" --data-binary @- "$U/$1/manifests/$2${4:-}"
}
begin() { is "$(ask -X POST "$U/$1/blobs/uploads/")" 202 && header location; }

@test "the base address: version, headers, methods" {
  is "$(ask "$U/")" 200
  is "$(header Docker-Distribution-API-Version)" registry/2.0
  [ "$(header Sampan-Store)" ]
  is "$(ask -I "$U/")" 200
  refused 405 UNSUPPORTED -X PUT "$U/"
  is "$(header Allow)" "GET, HEAD"
  refused 404 NAME_UNKNOWN "http://$REGISTRY/other"
}

@test "a blob in one request; HEAD, ranges, conditions" {
  d=$(push_blob whole 0123456789)
  is "$(ask -I "$U/whole/blobs/$d")" 200
  is "$(header Content-Length)" 10
  is "$(header Docker-Content-Digest)" "$d"
  is "$(ask "$U/whole/blobs/$d")" 200
  is "$(cat "$T/body")" 0123456789
  while read -r range status body place; do
    is "$(ask -H "Range: bytes=$range" "$U/whole/blobs/$d")" "$status"
    [ "$status" = 416 ] || is "$(cat "$T/body")" "$body"
    is "$(header Content-Range)" "${place:+bytes $place}"
  done <<END
2-4 206 234 2-4/10
7- 206 789 7-9/10
-2 206 89 8-9/10
0-99 206 0123456789 0-9/10
10- 416 - */10
0-1,3-4 200 0123456789
x 200 0123456789
END
  is "$(ask -H "If-None-Match: \"$d\"" "$U/whole/blobs/$d")" 304
  is "$(ask -H 'Range: bytes=0-0' -H 'If-Range: "other"' "$U/whole/blobs/$d")" 200
  refused 404 BLOB_UNKNOWN "$U/elsewhere/blobs/$d"
}

@test "POST then PUT; the empty blob; sha512" {
  at=$(begin two)
  d=$(printf two | digest)
  is "$(printf two | ask -X PUT --data-binary @- "http://$REGISTRY$at?digest=$d")" 201
  is "$(header Location)" "/v2/two/blobs/$d"
  refused 404 BLOB_UPLOAD_UNKNOWN -X PUT "http://$REGISTRY$at?digest=$d"
  at=$(begin two)
  is "$(ask -X PUT "http://$REGISTRY$at?digest=$(printf '' | digest)")" 201
  is "$(ask "$U/two/blobs/$(printf '' | digest)")" 200
  d=sha512:$(printf long | sha512sum | cut -d' ' -f1)
  at=$(begin two)
  is "$(printf long | ask -X PUT --data-binary @- "http://$REGISTRY$at?digest=$d")" 201
  is "$(ask "$U/two/blobs/$d")" 200
  is "$(cat "$T/body")" long
}

@test "chunks: in order, out of order, status, cancel" {
  at=http://$REGISTRY$(begin chunks)
  patch() { printf %s "$2" | ask -X PATCH -H "Content-Range: $1" -H 'Content-Type: application/octet-stream' --data-binary @- "$at"; }
  is "$(patch 0-2 abc)" 202
  is "$(header Range)" 0-2
  refused 416 BLOB_UPLOAD_INVALID -X PATCH -H 'Content-Range: 5-7' --data-binary xyz "$at"
  is "$(header Range)" 0-2
  refused 416 BLOB_UPLOAD_INVALID -X PATCH -H 'Content-Range: 0-2' --data-binary abc "$at"
  refused 400 SIZE_INVALID -X PATCH -H 'Content-Range: 3-9' --data-binary def "$at"
  refused 400 BLOB_UPLOAD_INVALID -X PATCH -H 'Content-Range: 9-3' --data-binary def "$at"
  is "$(ask "$at")" 204
  is "$(header Range)" 0-2
  is "$(patch 3-5 def)" 202
  is "$(printf ghi | ask -X PATCH -H 'Transfer-Encoding: chunked' --data-binary @- "$at")" 202
  is "$(header Range)" 0-8
  refused 400 DIGEST_INVALID -X PUT "$at"
  refused 400 DIGEST_INVALID -X PUT "$at?digest=sha256:zz"
  is "$(printf j | ask -X PUT -H 'Content-Range: 9-9' --data-binary @- "$at?digest=$(printf abcdefghij | digest)")" 201
  at=http://$REGISTRY$(begin chunks)
  is "$(ask -X DELETE "$at")" 204
  refused 404 BLOB_UPLOAD_UNKNOWN "$at"
}

@test "bytes that are not what the digest says are not kept" {
  at=$(begin wrong)
  refused 400 DIGEST_INVALID -X PUT --data-binary mine "http://$REGISTRY$at?digest=$(printf other | digest)"
  refused 404 BLOB_UNKNOWN "$U/wrong/blobs/$(printf other | digest)"
  refused 404 BLOB_UNKNOWN "$U/wrong/blobs/$(printf mine | digest)"
}

@test "mounts: from a repository, from anywhere, from nowhere" {
  is "$(put_manifest giver v1 "$(manifest giver gift)")" 201
  d=$(printf gift | digest)
  is "$(ask -X POST "$U/taker/blobs/uploads/?mount=$d&from=giver")" 201
  is "$(ask "$U/taker/blobs/$d")" 200
  is "$(ask -X POST "$U/taker2/blobs/uploads/?mount=$d")" 201
  is "$(ask -X POST "$U/taker3/blobs/uploads/?mount=$d&from=nobody")" 202
  is "$(ask -X POST "$U/taker3/blobs/uploads/?mount=$(printf none | digest)&from=giver")" 202
  refused 404 BLOB_UNKNOWN "$U/taker3/blobs/$d"
  refused 400 DIGEST_INVALID -X POST "$U/taker3/blobs/uploads/?mount=x&from=giver"
  refused 400 NAME_INVALID -X POST "$U/taker3/blobs/uploads/?mount=$d&from=../x"
}

@test "manifests: by tag and digest, exactly as they came; delete" {
  text=$(manifest man one)
  d=$(printf %s "$text" | digest)
  is "$(put_manifest man v1 "$text")" 201
  is "$(header Docker-Content-Digest)" "$d"
  is "$(header Location)" "/v2/man/manifests/$d"
  for name in v1 "$d"; do
    is "$(ask "$U/man/manifests/$name")" 200
    is "$(header Content-Type)" "$OCI"
    cmp <(printf %s "$text") "$T/body"
    is "$(ask -I "$U/man/manifests/$name")" 200
    is "$(header Content-Length)" ${#text}
    is "$(header Docker-Content-Digest)" "$d"
  done
  is "$(ask -H "If-None-Match: \"$d\"" "$U/man/manifests/v1")" 304
  is "$(put_manifest man "$d" "$text" "?tag=v2&tag=v3")" 201
  is "$(header OCI-Tag | xargs)" "v2 v3"
  is "$(ask "$U/man/manifests/v3")" 200
  is "$(ask -X DELETE "$U/man/manifests/v1")" 202
  refused 404 MANIFEST_UNKNOWN "$U/man/manifests/v1"
  is "$(ask "$U/man/manifests/v2")" 200
  is "$(ask -X DELETE "$U/man/manifests/$d")" 202
  refused 404 MANIFEST_UNKNOWN "$U/man/manifests/v2"
  refused 404 MANIFEST_UNKNOWN "$U/man/manifests/$d"
  refused 404 MANIFEST_UNKNOWN -X DELETE "$U/man/manifests/$d"
  d=$(printf one | digest)
  is "$(ask -X DELETE "$U/man/blobs/$d")" 202
  refused 404 BLOB_UNKNOWN "$U/man/blobs/$d"
  refused 404 BLOB_UNKNOWN -X DELETE "$U/man/blobs/$d"
}

@test "a manifest under its sha512" {
  text=$(manifest man512 one)
  d=sha512:$(printf %s "$text" | sha512sum | cut -d' ' -f1)
  is "$(put_manifest man512 "$d" "$text")" 201
  is "$(header Docker-Content-Digest)" "$d"
  is "$(ask "$U/man512/manifests/$d")" 200
}

@test "manifests that are refused" {
  text=$(manifest bad one)
  is "$(put_manifest bad "sha256:$(printf x | sha256sum | cut -d' ' -f1)" "$text")" 400
  is "$(code)" DIGEST_INVALID
  is "$(put_manifest bad v1 "${text/\"schemaVersion\":2/\"schemaVersion\":1}")" 400
  is "$(code)" MANIFEST_INVALID
  is "$(put_manifest bad v1 "not json")" 400
  is "$(put_manifest bad v1 "")" 400
  is "$(put_manifest bad v1 "${text/\"layers\"/\"manifests\":[],\"layers\"}")" 400
  is "$(put_manifest other v1 "$text")" 404
  is "$(code)" MANIFEST_BLOB_UNKNOWN
  is "$(put_manifest bad .x "$text")" 400
  is "$(put_manifest bad "$(printf %s "$text" | digest)" "$text" "?tag=a/b")" 400
  head -c 4194305 /dev/zero >"$T/large"
  refused 413 SIZE_INVALID -X PUT -H "Content-Type: $OCI" --data-binary @"$T/large" "$U/bad/manifests/v1"
  refused 413 SIZE_INVALID -X PUT -H "Content-Type: $OCI" -H 'Transfer-Encoding: chunked' --data-binary @"$T/large" "$U/bad/manifests/v1"
  python3 -c 'print("[" * 100000)' >"$T/deep"
  refused 400 MANIFEST_INVALID -X PUT -H "Content-Type: $OCI" --data-binary @"$T/deep" "$U/bad/manifests/v1"
  python3 -c 'print("{\"a\":" * 2040 + "1" + "}" * 2040)' >"$T/deep"
  refused 400 MANIFEST_INVALID -X PUT -H "Content-Type: $OCI" --data-binary @"$T/deep" "$U/bad/manifests/v1"
  refused 404 NAME_UNKNOWN "$U/other/tags/list"
}

@test "a manifest of 4 MiB is taken" {
  text=$(manifest big one)
  { printf %s "${text%\}}"; printf ',"annotations":{"a":"'; head -c $((4194304 - ${#text} - 23)) /dev/zero | tr '\0' x; printf '"}}'; } >"$T/large"
  is "$(wc -c <"$T/large")" 4194304
  is "$(ask -X PUT -H "Content-Type: $OCI" --data-binary @"$T/large" "$U/big/manifests/v1")" 201
  is "$(ask "$U/big/manifests/v1")" 200
  cmp "$T/large" "$T/body"
}

@test "bad input is 4xx, never 5xx" {
  while read -r status code method path; do
    is "$(ask -X "$method" --path-as-is "http://$REGISTRY$path")" "$status"
    [ "$code" = - ] || is "$(code)" "$code"
  done <<END
400 NAME_INVALID GET /v2/UPPER/tags/list
400 NAME_INVALID GET /v2/a//b/tags/list
400 NAME_INVALID GET /v2/../../etc/tags/list
400 NAME_INVALID GET /v2/$(printf 'a%.0s' {1..300})/tags/list
400 NAME_INVALID POST /v2/a..b/blobs/uploads/
400 NAME_INVALID GET /v2/a%00b/tags/list
400 NAME_INVALID GET /v2/a%/tags/list
414 NAME_INVALID GET /v2/$(printf 'a%.0s' {1..9000})/tags/list
404 MANIFEST_UNKNOWN GET /v2/a/manifests/.invalid
404 MANIFEST_UNKNOWN GET /v2/a/manifests/$(printf 'a%.0s' {1..200})
400 DIGEST_INVALID GET /v2/a/manifests/sha256:12
400 DIGEST_INVALID GET /v2/a/blobs/sha256:ABCDEF
400 DIGEST_INVALID GET /v2/a/blobs/md5:d41d8cd98f00b204e9800998ecf8427e
400 DIGEST_INVALID GET /v2/a/blobs/..
400 DIGEST_INVALID DELETE /v2/a/blobs/x
400 DIGEST_INVALID GET /v2/a/referrers/x
404 BLOB_UPLOAD_UNKNOWN PATCH /v2/a/blobs/uploads/x
404 NAME_UNKNOWN GET /v2/a/blobs/uploads/..%2f..%2fsampan.db
404 NAME_UNKNOWN GET /v2/a/blobs/uploads/../../sampan.db
404 BLOB_UPLOAD_UNKNOWN GET /v2/a/blobs/uploads/00000000-0000-0000-0000-000000000000
404 BLOB_UPLOAD_UNKNOWN DELETE /v2/a/blobs/uploads/00000000-0000-0000-0000-000000000000
400 UNSUPPORTED GET /v2/_catalog?n=-1
400 UNSUPPORTED GET /v2/_catalog?n=x
400 UNSUPPORTED GET /v2/a/tags/list?n=1.5
200 - GET /v2/_catalog?n=99999999999999999999999
200 - GET /v2/_catalog?n=5&last=%27%3B--
400 NAME_INVALID GET /v2/_catalog?last=%00
405 UNSUPPORTED POST /v2/_catalog
405 UNSUPPORTED PATCH /v2/a/manifests/x
405 UNSUPPORTED BREW /v2/
END
}

@test "tags and catalog in pages" {
  text=$(manifest pages/one x)
  d=$(printf %s "$text" | digest)
  is "$(put_manifest pages/one "$d" "$text" "?tag=a&tag=b&tag=c&tag=d&tag=e")" 201
  is "$(ask "$U/pages/one/tags/list")" 200
  is "$(cat "$T/body")" '{"name":"pages/one","tags":["a","b","c","d","e"]}'
  is "$(header Link)" ""
  is "$(ask "$U/pages/one/tags/list?n=2")" 200
  is "$(cat "$T/body")" '{"name":"pages/one","tags":["a","b"]}'
  is "$(header Link)" '</v2/pages/one/tags/list?n=2&last=b>; rel="next"'
  is "$(ask "$U/pages/one/tags/list?n=2&last=d")" 200
  is "$(cat "$T/body")" '{"name":"pages/one","tags":["e"]}'
  is "$(header Link)" ""
  is "$(ask "$U/pages/one/tags/list?n=0")" 200
  is "$(cat "$T/body")" '{"name":"pages/one","tags":[]}'
  is "$(ask "$U/pages/one/tags/list?last=bb&n=1")" 200
  is "$(cat "$T/body")" '{"name":"pages/one","tags":["c"]}'
  is "$(put_manifest pages/two x "$(manifest pages/two x)")" 201
  is "$(ask "$U/_catalog?n=1&last=pages/o")" 200
  is "$(cat "$T/body")" '{"repositories":["pages/one"]}'
  [[ $(header Link) == *"n=1&last=pages/one"* ]]
}

@test "referrers, filtered by type" {
  text=$(manifest ref base)
  d=$(printf %s "$text" | digest)
  is "$(ask "$U/ref/referrers/$d")" 200
  [[ $(cat "$T/body") == *'"manifests":[]'* ]]
  is "$(put_manifest ref v1 "$text")" 201
  is "$(header OCI-Subject)" ""
  for type in application/sbom application/signature+x; do
    one=$(manifest ref "about $type" "$d" "$type")
    is "$(put_manifest ref "$(printf %s "$one" | digest)" "$one")" 201
    is "$(header OCI-Subject)" "$d"
  done
  is "$(ask "$U/ref/referrers/$d")" 200
  is "$(header Content-Type)" application/vnd.oci.image.index.v1+json
  is "$(header OCI-Filters-Applied)" ""
  is "$(python3 -c 'import json, sys; print(sorted(m["artifactType"] for m in json.load(sys.stdin)["manifests"]))' <"$T/body")" "['application/sbom', 'application/signature+x']"
  is "$(ask "$U/ref/referrers/$d?artifactType=application/signature%2Bx")" 200
  is "$(header OCI-Filters-Applied)" artifactType
  is "$(python3 -c 'import json, sys; print([m["artifactType"] for m in json.load(sys.stdin)["manifests"]])' <"$T/body")" "['application/signature+x']"
}

@test "two requests for one upload: the second is told so, and nothing is mixed" {
  at=http://$REGISTRY$(begin busy)
  head -c 3000000 /dev/urandom >"$T/three"
  curl -s -o /dev/null --limit-rate 1M -X PATCH -H 'Content-Type: application/octet-stream' -T "$T/three" "$at" &
  first=$!
  sleep 1
  refused 409 BLOB_UPLOAD_INVALID -X PATCH --data-binary xyz "$at"
  wait $first
  is "$(ask -X PUT "$at?digest=$(digest <"$T/three")")" 201
}

@test "a broken PATCH is continued where it broke; a broken PUT is no blob" {
  head -c 8000000 /dev/urandom >"$T/eight"
  d=$(digest <"$T/eight")
  at=http://$REGISTRY$(begin broken)
  timeout 1.5 curl -s -o /dev/null --limit-rate 2M -X PATCH -T "$T/eight" "$at" || true
  for n in {1..50}; do [ "$(ask "$at")" = 409 ] || break; sleep 0.1; done
  have=$(header Range) have=$((${have#0-} + 1))
  [ "$have" -gt 100000 ] && [ "$have" -lt 8000000 ]
  tail -c +$((have + 1)) "$T/eight" >"$T/rest"
  timeout 1 curl -s -o /dev/null --limit-rate 1M -X PUT -T "$T/rest" "$at?digest=$d" || true
  refused 404 BLOB_UNKNOWN "$U/broken/blobs/$d"
  for n in {1..50}; do [ "$(ask "$at")" = 409 ] || break; sleep 0.1; done
  have=$(header Range) have=$((${have#0-} + 1))
  tail -c +$((have + 1)) "$T/eight" >"$T/rest"
  is "$(ask -X PUT -H "Content-Range: $have-7999999" -T "$T/rest" "$at?digest=$d")" 201
  is "$(ask "$U/broken/blobs/$d")" 200
  cmp "$T/eight" "$T/body"
}

@test "kill -9 in the middle of an upload; it goes on after the restart, and nothing acknowledged is lost" {
  REGISTRY_OLD=$REGISTRY
  start_registry "$T/killed"
  U=http://$REGISTRY/v2
  kept=$(push_blob kill kept)
  head -c 8000000 /dev/urandom >"$T/eight"
  d=$(digest <"$T/eight")
  at=$(begin kill)
  is "$(head -c 1000000 "$T/eight" | ask -X PATCH --data-binary @- "http://$REGISTRY$at")" 202
  tail -c +1000001 "$T/eight" | curl -s -o /dev/null --limit-rate 2M -X PATCH -H 'Content-Type: application/octet-stream' -T - "http://$REGISTRY$at" &
  sleep 1
  end "$REGISTRY_PID" KILL
  wait $! || true
  start_registry "$T/killed"
  U=http://$REGISTRY/v2
  is "$(ask "$U/kill/blobs/$kept")" 200
  refused 404 BLOB_UNKNOWN "$U/kill/blobs/$d"
  is "$(ask "http://$REGISTRY$at")" 204
  have=$(header Range) have=$((${have#0-} + 1))
  [ "$have" -ge 1000000 ]
  tail -c +$((have + 1)) "$T/eight" >"$T/rest"
  is "$(ask -X PUT -T "$T/rest" "http://$REGISTRY$at?digest=$d")" 201
  is "$(ask "$U/kill/blobs/$d")" 200
  cmp "$T/eight" "$T/body"
  end "$REGISTRY_PID"
  REGISTRY=$REGISTRY_OLD
}

@test "SIGTERM lets a running request end, and takes no new one" {
  start_registry "$T/stopped"
  U=http://$REGISTRY/v2
  head -c 4000000 /dev/urandom >"$T/four"
  d=$(digest <"$T/four")
  at=$(begin stop)
  curl -s -o /dev/null -w '%{http_code}' --limit-rate 2M -X PUT -T "$T/four" "http://$REGISTRY$at?digest=$d" >"$T/status" &
  put=$!
  sleep 0.7
  kill -TERM "$REGISTRY_PID"
  sleep 0.3
  run ! curl -s -m 2 "$U/"
  wait $put
  is "$(cat "$T/status")" 201
  end "$REGISTRY_PID"
  start_registry "$T/stopped"
  is "$(ask "http://$REGISTRY/v2/stop/blobs/$d")" 200
  end "$REGISTRY_PID"
}

@test "a full disk is 507 with a sentence; reading goes on" {
  [ "$(id -u)" = 0 ] || skip "needs root to mount a small disk"
  mkdir "$T/small"
  mount -t tmpfs -o size=12M tmpfs "$T/small" 2>/dev/null || skip "cannot mount here"
  start_registry "$T/small/store"
  U=http://$REGISTRY/v2
  d=$(push_blob full small)
  head -c 20000000 /dev/zero >"$T/twenty"
  at=$(begin full)
  status=$(ask -X PUT -T "$T/twenty" "http://$REGISTRY$at?digest=$(digest <"$T/twenty")")
  body=$(cat "$T/body")
  after=$(ask "$U/full/blobs/$d")
  ask -X DELETE "http://$REGISTRY$at" || true
  again=$(push_blob full again)
  end "$REGISTRY_PID"
  umount "$T/small"
  is "$status" 507
  [[ $body == *"disk is full"* ]]
  is "$after" 200
  [ "$again" ]
}

@test "an address that is taken, and one that is none" {
  run -1 "$SAMPAN" --root "$T/other" serve --listen "$REGISTRY"
  [[ $output == *"cannot listen on $REGISTRY"* ]]
  for address in 127.0.0.1 127.0.0.1:x 127.0.0.1:70000 ::1:5000 ""; do
    run -2 "$SAMPAN" --root "$T/other" serve --listen "$address"
  done
}

@test "skopeo: copy in, copy out, inspect, list, delete" {
  command -v skopeo >/dev/null || skip "skopeo is not installed"
  busybox_tar "$T/root.tar"
  sk() { skopeo --insecure-policy "$@"; }
  sk copy -q --dest-tls-verify=false "tarball:$T/root.tar" "docker://$REGISTRY/skopeo/bb:1"
  sk copy -q --format v2s2 --src-tls-verify=false --dest-tls-verify=false "docker://$REGISTRY/skopeo/bb:1" "docker://$REGISTRY/skopeo/other:docker"
  sk copy -q --src-tls-verify=false "docker://$REGISTRY/skopeo/bb:1" "oci:$T/layout:1"
  sk copy -q --dest-tls-verify=false "oci:$T/layout:1" "docker://$REGISTRY/skopeo/bb:2"
  one=$(sk inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/skopeo/bb:1")
  two=$(sk inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/skopeo/bb:2")
  is "$one" "$two"
  sk list-tags --tls-verify=false "docker://$REGISTRY/skopeo/bb" | grep -q '"2"'
  sk delete --tls-verify=false "docker://$REGISTRY/skopeo/bb:1"
  refused 404 MANIFEST_UNKNOWN "$U/skopeo/bb/manifests/2"
}

@test "settings come from a file; a misspelt one is told, with the nearest" {
  echo '{"listen": ["127.0.0.1:0"], "connections": 8}' >"$T/good.json"
  "$SAMPAN" --root "$T/other" serve --config "$T/good.json" >"$T/config.log" 2>&1 3>&- &
  local pid=$!
  for _ in $(seq 100); do grep -q ': serving' "$T/config.log" && break; sleep 0.05; done
  curl -sf "$(sed -n 's/.* on //p' "$T/config.log")/v2/"
  end $pid
  for text in '{"conections": 8}' '{"listen": "127.0.0.1:0"}' '{"connections": 0}' '{"connections": 8, "connections": 9}' '[]' '{'; do
    echo "$text" >"$T/bad.json"
    run -1 "$SAMPAN" --root "$T/other" serve --config "$T/bad.json"
    [[ $output == *"cannot use $T/bad.json"* ]]
  done
  echo '{"conections": 8}' >"$T/other/registry.json"
  run -1 "$SAMPAN" --root "$T/other" serve
  [[ $output == *"did you mean 'connections'"* ]]
  rm "$T/other/registry.json"
}

@test "whoever tries HTTPS on a plain listener is answered in HTTP, so that docker and containerd try that" {
  python3 - "${REGISTRY##*:}" <<'END'
import socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
for _ in range(20):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as plain:
        try:
            context.wrap_socket(plain, server_hostname="x")
            sys.exit("that was no TLS server")
        except ssl.SSLError as error:
            assert error.reason == "WRONG_VERSION_NUMBER", error
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as silent:
    silent.settimeout(10)
    silent.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n")
    silent.sendall(b"\r\n")
    assert silent.recv(12) == b"HTTP/1.1 200"
END
}
