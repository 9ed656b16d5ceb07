#!/usr/bin/env bats
# Who may do what in `sampan serve`: passwords, tokens, rules, robots; each as an attacker would try it, and as sampan, skopeo and podman do.
bats_require_minimum_version 1.5.0
load common

OCI=application/vnd.oci.image.manifest.v1+json

setup_file() {
  setup_folder
  mkdir -p "$T/root"
  echo hello >"$T/hello"; tar -C "$T" -cf "$T/hello.tar" hello
  make_keys
  cat >"$T/settings.json" <<END
{"access": {
  "groups": {"dev": ["dora"]},
  "rules": [
    {"repositories": ["public/*"], "users": ["anonymous"], "actions": ["pull", "catalog"]},
    {"repositories": ["team/*"], "groups": ["dev"], "actions": ["pull", "push"]},
    {"repositories": ["team/*", "keep"], "users": ["carl"], "actions": ["pull", "catalog"]},
    {"repositories": ["drop"], "users": ["carl"], "actions": ["push"]},
    {"repositories": ["keep"], "users": ["dell"], "actions": ["pull", "delete"]}],
  "issuers": [{"issuer": "https://ci.example", "audience": "boats", "keys": "$T/keys.json", "repositories": ["public/*", "ci/*"]}],
  "htpasswd": "$T/htpasswd"}}
END
  # "sesame", as 'htpasswd -B' keeps it.
  for user in dora carl dell; do
    perl -e 'print "$ARGV[0]:", crypt("sesame", q($2y$04$abcdefghijklmnopqrstuu)), "\n"' "$user"
  done >"$T/htpasswd"
  "$SAMPAN" --root "$T/root" user add -g admin --password-stdin root <<<"toor"
  start_registry "$T/root" --debug --config "$T/settings.json"
  export RULED=$REGISTRY RULED_PID=$REGISTRY_PID
  fill
}
teardown_file() { remove_folder; }
setup() { U=http://$RULED/v2 TOKEN=http://$RULED/token; }

# Keys of another issuer, one of each kind that openssl signs with in one step.
make_keys() {
  openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$T/rsa.pem" 2>/dev/null
  openssl genpkey -algorithm ED25519 -out "$T/ed.pem"
  openssl genpkey -algorithm ED25519 -out "$T/foreign.pem"
  printf '{"keys": [{"kty": "RSA", "kid": "r", "n": "%s", "e": "AQAB"}, {"kty": "OKP", "crv": "Ed25519", "kid": "d", "x": "%s"}]}' \
    "$(openssl rsa -in "$T/rsa.pem" -noout -modulus 2>/dev/null | sed 's/Modulus=//' | unhex | base64url)" \
    "$(openssl pkey -in "$T/ed.pem" -pubout -outform DER | tail -c 32 | base64url)" >"$T/keys.json"
}
unhex() { perl -ne 'chomp; print pack("H*", $_)'; }
base64url() { base64 -w0 | tr '+/' '-_' | tr -d =; }
sign() { # ALG KEY CLAIMS [HEADER-FIELDS]: a token
  local text
  text=$(printf '{"alg":"%s"%s}' "$1" "${4:-}" | base64url).$(printf %s "$3" | base64url)
  printf %s "$text" >"$T/text"
  if [ "$1" = RS256 ]; then
    echo "$text.$(openssl dgst -sha256 -sign "$2" "$T/text" | base64url)"
  else
    echo "$text.$(openssl pkeyutl -sign -rawin -inkey "$2" -in "$T/text" | base64url)"
  fi
}
claims() { # SCOPE-NAME ACTIONS [EXTRA]
  printf '{"iss":"https://ci.example","aud":"boats","sub":"job","exp":%d,"access":[{"type":"repository","name":"%s","actions":[%s]}]%s}' \
    $(($(date +%s) + 100)) "$1" "$2" "${3:-}"
}

digest() { echo "sha256:$(sha256sum | cut -d' ' -f1)"; }
ask() { curl -s -o "$T/body" -D "$T/headers" -w '%{http_code}' "$@"; }
header() { sed -n "s/^$1: //Ip" "$T/headers" | tr -d '\r'; }
is() { [ "$1" = "$2" ] || { echo "got '$1', not '$2'"; cat "$T/headers" "$T/body"; return 1; } >&2; }
code() { jq -r '.errors[0].code' "$T/body"; }
answers() { # STATUS CODE curl…; CODE '-': none
  local status=$1 code=$2
  shift 2
  is "$(ask "$@")" "$status" && { [ "$code" = - ] || is "$(code)" "$code"; }
}
token() { # USER:PASSWORD QUERY: a token
  curl -s -u "$1" "$TOKEN?service=sampan&$2" | jq -r .token
}
grants() { cut -d. -f2 <<<"$1" | tr -- '-_' '+/' | python3 -c 'import sys,base64,json; print(json.dumps(json.loads(base64.b64decode(sys.stdin.read().strip()+"=="))["access"], separators=(",",":")))'; }
put_blob() { # USER REPOSITORY TEXT
  printf %s "$3" | ask -u "$1" -X POST -H 'Content-Type: application/octet-stream' --data-binary @- "$U/$2/blobs/uploads/?digest=$(printf %s "$3" | digest)"
}
put_image() { # USER REPOSITORY TAG TEXT: a manifest of one blob
  local d
  is "$(put_blob "$1" "$2" "$4")" 201
  d=$(printf %s "$4" | digest)
  printf '{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"application/x","digest":"%s","size":%d},"layers":[]}' "$OCI" "$d" ${#4} |
    ask -u "$1" -X PUT -H "Content-Type: $OCI" --data-binary @- "$U/$2/manifests/$3"
}
fill() {
  local repository
  setup
  for repository in public/a public/b team/app keep secret; do is "$(put_image root:toor $repository 1 "$repository")" 201; done
}

@test "loopback is open, and stays so when users are made" {
  "$SAMPAN" --root "$T/open" user add eve >/dev/null
  start_registry "$T/open"
  is "$(curl -s -o /dev/null -w '%{http_code}' "http://$REGISTRY/v2/")" 200
  is "$(curl -s -o /dev/null -w '%{http_code}' -X POST "http://$REGISTRY/v2/a/blobs/uploads/")" 202
  is "$(curl -s -o /dev/null -w '%{http_code}' -u any:thing "http://$REGISTRY/v2/_catalog")" 200
  ! grep -q password "$T/serve-${REGISTRY#*:}.log"
  grep -q "everybody on this machine may do everything; --anonymous" "$T/serve-${REGISTRY#*:}.log"
  end "$REGISTRY_PID"
}

@test "the first start that asks makes one user and says the password once" {
  start_registry "$T/first" --anonymous pull
  log=$T/serve-${REGISTRY#*:}.log
  is "$(ask "http://$REGISTRY/v2/")" 401
  password=$(sed -n "s/.*'admin', with the password //p" "$log")
  [ ${#password} = 20 ]
  [ "$(grep -c "$password" "$log")" = 1 ]
  is "$(ask "http://$REGISTRY/v2/_catalog")" 200
  answers 401 UNAUTHORIZED -X POST "http://$REGISTRY/v2/a/blobs/uploads/"
  is "$(ask -u "admin:$password" -X POST "http://$REGISTRY/v2/a/blobs/uploads/")" 202
  answers 401 UNAUTHORIZED -u admin:admin -X POST "http://$REGISTRY/v2/a/blobs/uploads/"
  [ "$(stat -c %a "$T/first/access" "$T/first/access/accounts.json" "$T/first/access/token.key" | xargs)" = "700 600 600" ]
  ! grep -rq "$password" "$T/first"
  end "$REGISTRY_PID"
  start_registry "$T/first" --anonymous none
  ! grep -q password "$T/serve-${REGISTRY#*:}.log"
  answers 401 UNAUTHORIZED "http://$REGISTRY/v2/_catalog"
  is "$(ask -u "admin:$password" "http://$REGISTRY/v2/_catalog")" 200
  end "$REGISTRY_PID"
}

@test "off loopback a log-in is needed to push, without a flag" {
  port=$(free_port)
  "$SAMPAN" --root "$T/wide" serve --listen "0.0.0.0:$port" >"$T/serve-$port.log" 2>&1 3>&- &
  echo $! >"$T/serve-$port.pid"
  wait_for_port "$port"
  is "$(ask "http://127.0.0.1:$port/v2/_catalog")" 200
  answers 401 UNAUTHORIZED -X POST "http://127.0.0.1:$port/v2/a/blobs/uploads/"
  grep -q "without a log-in one may pull" "$T/serve-$port.log"
  end "$(cat "$T/serve-$port.pid")"
  "$SAMPAN" --root "$T/wide" serve --listen "0.0.0.0:$port" --anonymous all >"$T/serve-$port.log" 2>&1 3>&- &
  echo $! >"$T/serve-$port.pid"
  wait_for_port "$port"
  is "$(ask -X POST "http://127.0.0.1:$port/v2/a/blobs/uploads/")" 202
  grep -q "warning: whoever reaches the registry may do everything" "$T/serve-$port.log"
  end "$(cat "$T/serve-$port.pid")"
}

@test "the challenge names our token server, the service and the scope" {
  answers 401 UNAUTHORIZED "$U/"
  is "$(header WWW-Authenticate)" "Bearer realm=\"http://$RULED/token\",service=\"sampan\""
  is "$(ask -I "$U/secret/manifests/1")" 401
  is "$(header WWW-Authenticate)" "Bearer realm=\"http://$RULED/token\",service=\"sampan\",scope=\"repository:secret:pull\""
  answers 401 UNAUTHORIZED -X POST "$U/team/app/blobs/uploads/?mount=x&from=keep"
  is "$(header WWW-Authenticate)" "Bearer realm=\"http://$RULED/token\",service=\"sampan\",scope=\"repository:team/app:pull,push repository:keep:pull\""
  answers 401 UNAUTHORIZED -H 'Host: a"b,c d' "$U/"
  is "$(header WWW-Authenticate)" 'Bearer realm="http://localhost/token",service="sampan"'
  answers 401 UNAUTHORIZED -u dora:wrong "$U/"
  [[ "$(header WWW-Authenticate)" == *',error="invalid_token"' ]]
}

@test "every address and method asks: what is not granted is refused, with or without a log-in" {
  d=$(printf secret | digest)
  while read -r method address; do
    answers 401 UNAUTHORIZED -X "$method" "$U/$address"
    answers 403 DENIED -u dora:sesame -X "$method" "$U/$address"
    case $method in GET) is "$(ask -I "$U/$address")" 401; is "$(ask -I -u dora:sesame "$U/$address")" 403 ;; esac
  done <<END
GET secret/tags/list
GET secret/manifests/1
GET secret/blobs/$d
GET secret/referrers/$d
PUT secret/manifests/1
PUT secret/manifests/$d?tag=1
DELETE secret/manifests/1
DELETE secret/manifests/$d
DELETE secret/blobs/$d
POST secret/blobs/uploads/
GET secret/blobs/uploads/x
PATCH secret/blobs/uploads/x
PUT secret/blobs/uploads/x?digest=$d
DELETE secret/blobs/uploads/x
GET nothing/manifests/1
END
  is "$(ask -u root:toor "$U/secret/manifests/1")" 200
}

@test "pull, push and delete are rights of their own" {
  is "$(ask -u carl:sesame "$U/keep/manifests/1")" 200
  answers 403 DENIED -u carl:sesame -X PUT -H "Content-Type: $OCI" --data-binary '{}' "$U/keep/manifests/1"
  answers 403 DENIED -u carl:sesame -X DELETE "$U/keep/manifests/1"
  answers 403 DENIED -u dell:sesame -X PUT -H "Content-Type: $OCI" --data-binary '{}' "$U/keep/manifests/1"
  is "$(put_image dora:sesame team/app 2 other)" 201
  answers 403 DENIED -u dora:sesame -X DELETE "$U/team/app/manifests/2"
  is "$(ask -u dora:sesame "$U/team/app/manifests/2")" 200
  is "$(put_blob carl:sesame drop text)" 201
  answers 403 DENIED -u carl:sesame "$U/drop/blobs/$(printf text | digest)"
  is "$(put_image root:toor keep 2 keep2)" 201
  is "$(ask -u dell:sesame -X DELETE "$U/keep/manifests/2")" 202
  # What was taken away from a repository is not read or mounted through it any more.
  is "$(put_blob root:toor keep gone)" 201
  is "$(ask -u dell:sesame -X DELETE "$U/keep/blobs/$(printf gone | digest)")" 202
  is "$(ask -u carl:sesame "$U/keep/blobs/$(printf gone | digest)")" 404
  is "$(ask -u root:toor -X POST "$U/other/blobs/uploads/?mount=$(printf gone | digest)&from=keep")" 202
}

@test "the catalog shows what the caller may pull, page by page" {
  names() { jq -r '.repositories | join(" ")' "$T/body"; }
  is "$(ask "$U/_catalog")" 200
  is "$(names)" "public/a public/b"
  is "$(ask "$U/_catalog?n=1")" 200
  is "$(names)" public/a
  [[ "$(header Link)" == *"last=public/a"* ]]
  is "$(ask "$U/_catalog?n=1&last=public/a")" 200
  is "$(names)" public/b
  is "$(header Link)" ""
  is "$(ask -u carl:sesame "$U/_catalog?n=1")" 200
  is "$(names)" keep
  is "$(ask -u root:toor "$U/_catalog")" 200
  [[ " $(names) " == *" secret "* ]]
}

@test "no blob is read through another repository, by a mount or a manifest" {
  d=$(printf secret | digest)
  is "$(ask -u dora:sesame "$U/team/app/blobs/$d")" 404
  is "$(ask -u dora:sesame -X POST "$U/team/app/blobs/uploads/?mount=$d&from=secret")" 202
  is "$(ask -u dora:sesame -X POST "$U/team/app/blobs/uploads/?mount=$d")" 202
  is "$(ask -u dora:sesame "$U/team/app/blobs/$d")" 404
  printf '{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"application/x","digest":"%s","size":6},"layers":[]}' "$OCI" "$d" >"$T/steal"
  is "$(ask -u dora:sesame -X PUT -H "Content-Type: $OCI" --data-binary "@$T/steal" "$U/team/app/manifests/steal")" 404
  p=$(printf public/a | digest)
  is "$(ask -u dora:sesame -X POST "$U/team/app/blobs/uploads/?mount=$p&from=public/a")" 201
  is "$(ask -u dora:sesame -X POST "$U/team/lib/blobs/uploads/?mount=$p")" 201
}

@test "a token is for what was asked and may be, and no more" {
  t=$(token dora:sesame "scope=repository:team/app:pull,push,delete&scope=repository:secret:pull&scope=registry:catalog:*")
  is "$(grants "$t")" '[{"type":"repository","name":"team/app","actions":["pull","push"]},{"type":"registry","name":"catalog","actions":["*"]}]'
  is "$(ask -H "Authorization: Bearer $t" "$U/team/app/manifests/1")" 200
  is "$(ask -H "Authorization: Bearer $t" "$U/")" 200
  answers 401 UNAUTHORIZED -H "Authorization: Bearer $t" "$U/team/lib/tags/list"
  [[ "$(header WWW-Authenticate)" == *'error="insufficient_scope"' ]]
  answers 403 DENIED -H "Authorization: Bearer $t" "$U/secret/manifests/1"
  t=$(token dora:sesame "scope=repository:team/app:pull")
  answers 401 UNAUTHORIZED -H "Authorization: Bearer $t" -X POST "$U/team/app/blobs/uploads/"
  # A mount reads. What everybody may read, any token may; what the token's owner may read if it asks, it is told; the rest is as if it weren't there.
  t=$(token dora:sesame "scope=repository:team/app:pull,push")
  is "$(ask -H "Authorization: Bearer $t" -X POST "$U/team/app/blobs/uploads/?mount=$(printf public/b | digest)&from=public/b")" 201
  t=$(token carl:sesame "scope=repository:drop:push")
  d=$(printf team/app | digest)
  answers 401 UNAUTHORIZED -H "Authorization: Bearer $t" -X POST "$U/drop/blobs/uploads/?mount=$d&from=team/app"
  [[ "$(header WWW-Authenticate)" == *'scope="repository:drop:pull,push repository:team/app:pull",error="insufficient_scope"' ]]
  is "$(ask -H "Authorization: Bearer $t" -X POST "$U/drop/blobs/uploads/?mount=$d")" 202
  is "$(ask -H "Authorization: Bearer $t" -X POST "$U/drop/blobs/uploads/?mount=$(printf secret | digest)&from=secret")" 202
  is "$(ask -H "Authorization: Bearer $t" -X POST "$U/drop/blobs/uploads/?mount=$(printf nothing | digest)&from=team/app")" 202
  t=$(token carl:sesame "scope=repository:drop:push+repository:team/app:pull")
  is "$(ask -H "Authorization: Bearer $t" -X POST "$U/drop/blobs/uploads/?mount=$d&from=team/app")" 201
  anonymous=$(curl -s "$TOKEN?scope=repository:public/a:pull,push" | jq -r .token)
  is "$(grants "$anonymous")" '[{"type":"repository","name":"public/a","actions":["pull"]}]'
  is "$(ask -H "Authorization: Bearer $anonymous" "$U/public/a/manifests/1")" 200
  answers 401 UNAUTHORIZED -H "Authorization: Bearer $anonymous" -X POST "$U/public/a/blobs/uploads/"
}

@test "the token server: forms, refresh tokens, wrong requests" {
  is "$(ask -u dora:sesame "$TOKEN?offline_token=true&scope=repository:team/app:pull")" 200
  is "$(header Cache-Control)" no-store
  [ "$(jq -r '.token == .access_token and .expires_in == 300' "$T/body")" = true ]
  refresh=$(jq -r .refresh_token "$T/body")
  is "$(ask -d grant_type=refresh_token -d "refresh_token=$refresh" -d client_id=x -d service=sampan --data-urlencode 'scope=repository:team/app:pull repository:team/lib:push' "$TOKEN")" 200
  is "$(grants "$(jq -r .access_token "$T/body")")" '[{"type":"repository","name":"team/app","actions":["pull"]},{"type":"repository","name":"team/lib","actions":["push"]}]'
  is "$(ask -d grant_type=password -d username=dora -d password=sesame -d access_type=offline "$TOKEN")" 200
  [ "$(jq -r '.refresh_token | length > 50' "$T/body")" = true ]
  answers 401 UNAUTHORIZED -d grant_type=password -d username=dora -d password=wrong "$TOKEN"
  answers 401 UNAUTHORIZED -u dora:wrong "$TOKEN"
  answers 401 UNAUTHORIZED -d grant_type=refresh_token -d refresh_token=x.y.z "$TOKEN"
  answers 401 UNAUTHORIZED -H "Authorization: Bearer $refresh" "$U/"
  answers 400 UNSUPPORTED -d grant_type=magic "$TOKEN"
  answers 400 UNSUPPORTED "$TOKEN?scope=nonsense"
  answers 413 SIZE_INVALID --data-binary "@$SAMPAN" "$TOKEN"
  answers 405 UNSUPPORTED -X DELETE "$TOKEN"
}

@test "tokens of another issuer: RS256 and EdDSA, for what they say, where the settings let them" {
  for kind in "RS256 rsa r" "EdDSA ed d"; do
    set -- $kind
    t=$(sign "$1" "$T/$2.pem" "$(claims ci/app '"pull","push"')" ",\"kid\":\"$3\"")
    is "$(ask -H "Authorization: Bearer $t" -X POST "$U/ci/app/blobs/uploads/")" 202
    answers 401 UNAUTHORIZED -H "Authorization: Bearer $t" "$U/public/a/manifests/1"
    answers 401 UNAUTHORIZED -H "Authorization: Bearer $t" -X DELETE "$U/ci/app/manifests/1"
  done
  t=$(sign EdDSA "$T/ed.pem" "$(claims secret '"pull"')")
  answers 403 DENIED -H "Authorization: Bearer $t" "$U/secret/manifests/1"
  t=$(sign EdDSA "$T/ed.pem" "$(claims public/a '"pull"')")
  is "$(ask -H "Authorization: Bearer $t" "$U/public/a/manifests/1")" 200
  for claims in "$(claims public/a '"pull"' ',"nbf":99999999999')" "$(claims public/a '"pull"' | sed 's/boats/sampan/')" \
    "$(claims public/a '"pull"' | sed 's/"exp":[0-9]*/"exp":1/')" "$(claims public/a '"pull"' | sed 's/ci.example/evil.example/')"; do
    answers 401 UNAUTHORIZED -H "Authorization: Bearer $(sign EdDSA "$T/ed.pem" "$claims")" "$U/public/a/manifests/1"
  done
}

@test "forged tokens: no algorithm, keys of their own, a public key as a secret" {
  text=$(claims public/a '"pull","push"')
  x=$(openssl pkey -in "$T/foreign.pem" -pubout -outform DER | tail -c 32 | base64url)
  forged=(
    "$(printf '{"alg":"none"}' | base64url).$(printf %s "$text" | base64url)."
    "$(printf '{"alg":"none"}' | base64url).$(printf %s "$text" | base64url).AAAA"
    "$(sign EdDSA "$T/foreign.pem" "$text")"
    "$(sign EdDSA "$T/foreign.pem" "$text" ',"kid":"d"')"
    "$(sign EdDSA "$T/foreign.pem" "$text" ",\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"$x\"}")"
    "$(sign EdDSA "$T/foreign.pem" "$text" ',"jku":"http://127.0.0.1:1/keys"')"
    "$(sign EdDSA "$T/ed.pem" "$text" | sed 's/^[^.]*/'"$(printf '{"alg":"RS256"}' | base64url)/")"
  )
  head=$(printf '{"alg":"HS256"}' | base64url).$(printf %s "$text" | base64url)
  forged+=("$head.$(printf %s "$head" | openssl dgst -sha256 -hmac "$(openssl pkey -in "$T/rsa.pem" -pubout)" -binary | base64url)")
  # Ours, by somebody else: the issuer's name is no secret.
  id=$(curl -sI "$U/" | sed -n 's/^Sampan-Store: //Ip' | tr -d '\r')
  forged+=("$(sign EdDSA "$T/ed.pem" "{\"iss\":\"sampan:$id\",\"aud\":\"sampan\",\"sub\":\"root\",\"exp\":99999999999,\"access\":[{\"type\":\"repository\",\"name\":\"secret\",\"actions\":[\"pull\"]}]}")")
  for t in "${forged[@]}" x .. a.b.c; do
    answers 401 UNAUTHORIZED -H "Authorization: Bearer $t" -X POST "$U/public/a/blobs/uploads/"
    answers 401 UNAUTHORIZED -H "Authorization: Bearer $t" "$U/secret/manifests/1"
  done
}

@test "keys that are taken out of the file count at once" {
  t=$(sign EdDSA "$T/ed.pem" "$(claims public/a '"pull"')")
  is "$(ask -H "Authorization: Bearer $t" "$U/public/a/manifests/1")" 200
  cp "$T/keys.json" "$T/keys.old"
  jq -c '{keys: [.keys[0]]}' "$T/keys.old" >"$T/keys.new" && mv "$T/keys.new" "$T/keys.json"
  answers 401 UNAUTHORIZED -H "Authorization: Bearer $t" "$U/public/a/manifests/1"
  mv "$T/keys.old" "$T/keys.json"
  is "$(ask -H "Authorization: Bearer $t" "$U/public/a/manifests/1")" 200
}

@test "keys at an address: fetched at the start, or when a token needs them; a server that is away is no end" {
  mkdir -p "$T/www"
  port=$(free_port)
  printf '{"access": {"issuers": [{"issuer": "https://ci.example", "audience": "boats", "keys": "http://127.0.0.1:%d/keys.json"}]}}' "$port" >"$T/address.json"
  start_registry "$T/address" --config "$T/address.json"
  t=$(sign EdDSA "$T/ed.pem" "$(claims a '"pull","push"')")
  answers 401 UNAUTHORIZED -H "Authorization: Bearer $t" -X POST "http://$REGISTRY/v2/a/blobs/uploads/"
  grep -q "cannot fetch the keys of https://ci.example" "$T/serve-${REGISTRY#*:}.log"
  end "$REGISTRY_PID"
  cp "$T/keys.json" "$T/www/keys.json"
  (cd "$T/www" && exec python3 -m http.server --bind 127.0.0.1 "$port") >"$T/www.log" 2>&1 3>&- &
  echo $! >"$T/www.pid"
  wait_for_port "$port"
  start_registry "$T/address" --config "$T/address.json"
  is "$(ask -H "Authorization: Bearer $t" -X POST "http://$REGISTRY/v2/a/blobs/uploads/")" 202
  # Forged tokens don't make it ask again and again.
  for n in 1 2 3; do answers 401 UNAUTHORIZED -H "Authorization: Bearer $(sign EdDSA "$T/foreign.pem" "$(claims a '"push"')")" -X POST "http://$REGISTRY/v2/a/blobs/uploads/"; done
  [ "$(grep -c 'GET /keys.json' "$T/www.log")" = 1 ]
  end "$(cat "$T/www.pid")"
  is "$(ask -H "Authorization: Bearer $t" -X POST "http://$REGISTRY/v2/a/blobs/uploads/")" 202
  end "$REGISTRY_PID"
}

@test "a client certificate is who it says, in rules and in tokens; behind a proxy the token server is where the client sees it" {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/ca.key" -out "$T/ca.crt" -days 2 -subj /CN=ca 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/board.key" -out "$T/board.csr" -subj /CN=board1 2>/dev/null
  openssl x509 -req -in "$T/board.csr" -CA "$T/ca.crt" -CAkey "$T/ca.key" -CAcreateserial -out "$T/board.crt" -days 2 2>/dev/null
  printf '{"tls": {"auto": true, "client-ca": "%s", "client-certificate": "optional"}, "access": {"rules":
    [{"repositories": ["board/*"], "users": ["cert:board1"], "actions": ["push"]}]}}' "$T/ca.crt" >"$T/mtls.json"
  start_registry "$T/mtls" --config "$T/mtls.json"
  C=https://$REGISTRY
  as_board=(-k --cert "$T/board.crt" --key "$T/board.key")
  answers 401 UNAUTHORIZED -k -X POST "$C/v2/board/a/blobs/uploads/"
  is "$(header WWW-Authenticate)" "Bearer realm=\"$C/token\",service=\"sampan\",scope=\"repository:board/a:pull,push\""
  is "$(ask "${as_board[@]}" -X POST "$C/v2/board/a/blobs/uploads/")" 202
  answers 403 DENIED "${as_board[@]}" -X POST "$C/v2/other/blobs/uploads/"
  t=$(curl -s "${as_board[@]}" "$C/token?scope=repository:board/a:push" | jq -r .token)
  is "$(ask "${as_board[@]}" -H "Authorization: Bearer $t" -X POST "$C/v2/board/a/blobs/uploads/")" 202
  answers 401 UNAUTHORIZED -k -H "Authorization: Bearer $t" -X POST "$C/v2/board/a/blobs/uploads/"
  answers 401 UNAUTHORIZED -k -H 'X-Forwarded-Proto: https' -H 'X-Forwarded-Host: example.org' -H 'X-Forwarded-Prefix: /hub' "$C/v2/"
  is "$(header WWW-Authenticate)" 'Bearer realm="https://example.org/hub/token",service="sampan"'
  end "$REGISTRY_PID"
}

@test "a server that gave up root reads what root's 'sampan user' writes" {
  [ "$(id -u)" = 0 ] || skip "needs root"
  mkdir -p "$T/owned"
  chmod 711 "$T"
  chown 12345:12346 "$T/owned"
  "$SAMPAN" --root "$T/owned" user add --password-stdin early <<<"sesame"
  start_registry "$T/owned" --anonymous none
  is "$(ask -u early:sesame "http://$REGISTRY/v2/")" 200
  [ "$(stat -c %u "/proc/$REGISTRY_PID")" = 12345 ] || [ "$(awk '/^Uid:/ { print $2 }' "/proc/$REGISTRY_PID/status")" = 12345 ]
  "$SAMPAN" --root "$T/owned" user add --password-stdin late <<<"sesame"
  is "$(ask -u late:sesame "http://$REGISTRY/v2/")" 200
  [ "$(stat -c %u "$T/owned/access/accounts.json" "$T/owned/access/token.key" | sort -u)" = 12345 ]
  end "$REGISTRY_PID"
}

@test "robots: rules, an end, listed without their secret, gone at once" {
  user() { "$SAMPAN" --root "$T/root" user "$@"; }
  secret=$(user token builder --allow 'team/*:pull,push' --expires 12h)
  [[ "$secret" == sampan_* ]]
  is "$(ask -u "builder:$secret" "$U/team/app/manifests/1")" 200
  is "$(ask -u "builder:$secret" -X POST "$U/team/x/blobs/uploads/")" 202
  is "$(ask -u "builder:$secret" "$U/public/a/manifests/1")" 200
  answers 403 DENIED -u "builder:$secret" "$U/secret/manifests/1"
  answers 403 DENIED -u "builder:$secret" -X DELETE "$U/team/app/manifests/1"
  t=$(token "builder:$secret" "scope=repository:team/app:pull")
  is "$(ask -H "Authorization: Bearer $t" "$U/team/app/manifests/1")" 200
  run user ls
  [[ "$output" == *"builder"*"token"*"team/*:pull,push"* && "$output" != *"$secret"* ]]
  [ "$(user ls --format json | jq -r '.[] | select(.name == "root") | .kind + " " + .groups')" = "user admin" ]
  ! grep -rq "$secret" "$T/root"
  run -1 user token builder --allow '*:pull'
  [[ "$output" == *"already"* ]]
  user rm builder
  answers 401 UNAUTHORIZED -u "builder:$secret" "$U/team/app/manifests/1"
  answers 401 UNAUTHORIZED -H "Authorization: Bearer $t" "$U/team/app/manifests/1"
  run -1 user rm builder
  [[ "$output" == *"no account 'builder'"*"sampan user ls"* ]]
}

@test "users: made, changed, removed while the server runs" {
  user() { "$SAMPAN" --root "$T/root" user "$@"; }
  password=$(user add -g dev vera)
  is "$(ask -u "vera:$password" "$U/team/app/manifests/1")" 200
  t=$(token "vera:$password" "scope=repository:team/app:pull&offline_token=true")
  user passwd vera --password-stdin <<<"mountain"
  answers 401 UNAUTHORIZED -u "vera:$password" "$U/team/app/manifests/1"
  answers 401 UNAUTHORIZED -H "Authorization: Bearer $t" "$U/team/app/manifests/1"
  is "$(ask -u vera:mountain "$U/team/app/manifests/1")" 200
  user rm vera
  answers 401 UNAUTHORIZED -u vera:mountain "$U/team/app/manifests/1"
  run -2 user add
  run -2 user ad vera
  [[ "$output" == *"did you mean 'sampan user add'"* ]]
  run -1 user add 'a:b'
  [[ "$output" == *"no user name"* ]]
  run -2 user add --password-stdin eve <<<""
  run -2 user add --password-stdin eve <<<"$(printf '%073d' 1)"
  run -2 user token x
  [[ "$output" == *"--allow"* ]]
  run -2 user token x --allow '*:pull' --expires yesterday
  run -1 user token x --allow '*:pul'
  [[ "$output" == *"did you mean 'pull'"* ]]
}

@test "a password that is typed isn't shown, and ^C leaves the terminal as it was" {
  cat >"$T/type.py" <<'END'
import os, pty, sys, termios, time
keys, args = sys.argv[1].encode().decode("unicode_escape").encode(), sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execv(args[0], args)
shown = b""
while b"Password" not in shown:
    shown += os.read(fd, 1000)
while termios.tcgetattr(fd)[3] & termios.ECHO:
    time.sleep(0.01)
os.write(fd, keys)
_, status = os.waitpid(pid, 0)
echo = bool(termios.tcgetattr(fd)[3] & termios.ECHO)
try:
    shown += os.read(fd, 1000)
except OSError:
    pass
print(os.waitstatus_to_exitcode(status), echo, shown.count(b"sesame"))
END
  run python3 "$T/type.py" 'sesame\n' "$SAMPAN" --root "$T/root" user add --password-stdin typed
  [ "$output" = "0 True 0" ]
  is "$(ask -u typed:sesame "$U/")" 200
  run python3 "$T/type.py" '\x03' "$SAMPAN" --root "$T/root" user add --password-stdin other
  [ "$output" = "130 True 0" ]
}

@test "an htpasswd file counts when it changes; other hashes than bcrypt are refused" {
  cp "$T/htpasswd" "$T/htpasswd.old"
  perl -e 'print "otto:", crypt("sesame", q($2y$04$abcdefghijklmnopqrstuu)), "\n"' >>"$T/htpasswd"
  is "$(ask -u otto:sesame "$U/")" 200
  echo 'pia:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=' >>"$T/htpasswd"
  answers 401 UNAUTHORIZED -u pia:password "$U/"
  is "$(ask -u otto:sesame "$U/")" 200
  grep -q "user 'pia': the password is not kept as bcrypt" "$T/serve-${RULED#*:}.log"
  mv "$T/htpasswd.old" "$T/htpasswd"
  answers 401 UNAUTHORIZED -u otto:sesame "$U/"
  echo 'pia:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=' >"$T/sha"
  run -1 "$SAMPAN" --root "$T/sha-root" serve --listen 127.0.0.1:0 --htpasswd "$T/sha"
  [[ "$output" == *"line 1: user 'pia'"*"htpasswd -B"* ]]
  run -1 "$SAMPAN" --root "$T/sha-root" serve --listen 127.0.0.1:0 --htpasswd "$T/nowhere"
}

@test "settings that can't be meant are refused" {
  while IFS='|' read -r settings why; do
    printf '{"access": %s}' "$settings" >"$T/bad.json"
    run -1 "$SAMPAN" --root "$T/bad-root" serve --listen 127.0.0.1:0 --config "$T/bad.json"
    [[ "$output" == *"$why"* ]] || { echo "$settings: $output" >&2; return 1; }
  done <<'END'
[]|it must be an object
{"rule": []}|did you mean 'rules'
{"anonymous": "everything"}|none, pull, push or all
{"anonymous": "pull", "rules": []}|said twice
{"rules": [{"repositories": ["a"], "users": ["b"], "actions": ["pul"]}]}|rule 1: there is no action 'pul'
{"rules": [{"repositories": ["*/a"], "users": ["b"], "actions": ["pull"]}]}|rule 1: '*/a' is no repository
{"rules": [{"repositories": ["a"], "actions": ["pull"]}]}|rule 1: a rule is for nobody
{"issuers": [{"issuer": "x", "audience": "y"}]}|issuer 1: an issuer needs
{"issuers": [{"issuer": "x", "audience": "y", "keys": "/nowhere"}]}|cannot use the keys of x: cannot open /nowhere
{"issuers": [{"issuer": "x", "audience": "y", "keys": "http://keys.example/k"}]}|over https
{"issuers": [{"issuer": "x", "audience": "y", "keys": "file:///etc/passwd"}]}|over https
{"realm": "a\"b"}|go into a header
{"challenge": "digest"}|bearer or basic
{"token-seconds": 1}|from 60 to
END
}

@test "rules alone decide once they are there: nothing is open by default" {
  echo '{"access": {"rules": []}}' >"$T/none.json"
  start_registry "$T/none" --config "$T/none.json"
  answers 401 UNAUTHORIZED "http://$REGISTRY/v2/_catalog"
  "$SAMPAN" --root "$T/none" user add --password-stdin eve <<<"sesame"
  answers 403 DENIED -u eve:sesame "http://$REGISTRY/v2/_catalog"
  answers 403 DENIED -u eve:sesame -X POST "http://$REGISTRY/v2/a/blobs/uploads/"
  end "$REGISTRY_PID"
}

@test "guessing is damped: 429 says how long, others go on" {
  echo '{"access": {"anonymous": "none", "challenge": "basic"}}' >"$T/basic.json"
  "$SAMPAN" --root "$T/damped" user add --password-stdin eve <<<"sesame"
  start_registry "$T/damped" --config "$T/basic.json"
  D=http://$REGISTRY/v2/
  answers 401 UNAUTHORIZED "$D"
  is "$(header WWW-Authenticate)" 'Basic realm="sampan", charset="UTF-8"'
  is "$(ask -u eve:sesame "$D")" 200
  seq 30 | xargs -P 8 -I{} curl -s -o /dev/null -w '%{http_code}\n' -u eve:guess{} "$D" >"$T/guesses"
  [ "$(sort -u "$T/guesses" | xargs)" = "401 429" ]
  [ "$(grep -c 401 "$T/guesses")" -le 21 ]
  answers 429 TOOMANYREQUESTS -u eve:guess "$D"
  [ "$(header Retry-After)" -ge 1 ]
  is "$(ask -u eve:sesame "$D")" 200
  end "$REGISTRY_PID"
}

@test "Authorization that is broken is 401, never 500" {
  for value in Basic "Basic " "Basic ====" "Basic YQ==" "Basic YQA6Yg==" Bearer "Bearer a b" "Digest x" x "$(printf 'Basic %s' "$(head -c 6000 /dev/zero | base64 -w0)")" "Bearer $(printf '%020000d' 1)"; do
    answers 401 UNAUTHORIZED -H "Authorization: $value" "$U/public/a/manifests/1"
  done
  is "$(ask -H 'Authorization: Basic Og==' "$U/public/a/manifests/1")" 200
}

@test "sampan: login, push, pull and logout, by bearer tokens" {
  "$SAMPAN" import "$T/hello.tar" "$RULED/team/hello:1"
  run -1 "$SAMPAN" push "$RULED/team/hello:1"
  [[ "$output" == *"sampan login $RULED"* ]]
  run -1 "$SAMPAN" login -u dora --password-stdin "$RULED" <<<"wrong"
  "$SAMPAN" login -u dora --password-stdin "$RULED" <<<"sesame"
  "$SAMPAN" push "$RULED/team/hello:1"
  "$SAMPAN" --root "$T/other" pull "$RULED/team/hello:1"
  "$SAMPAN" tag "$RULED/team/hello:1" "$RULED/secret:9"
  run -1 "$SAMPAN" push "$RULED/secret:9"
  [[ "$output" == *"access is denied"*"sampan login"* ]]
  "$SAMPAN" logout "$RULED"
  run -1 "$SAMPAN" --root "$T/other" pull "$RULED/team/hello:1"
  "$SAMPAN" --root "$T/other" pull "$RULED/public/a:1" || [ $? = 1 ] # without a log-in; it is no image that can be unpacked
}

@test "skopeo: login, push, pull, list, without a log-in too" {
  skopeo login --tls-verify=false --authfile "$T/skopeo.json" -u dora -p sesame "$RULED"
  run ! skopeo login --tls-verify=false --authfile "$T/skopeo.json" -u dora -p wrong "$RULED"
  skopeo() { command skopeo --insecure-policy "$@"; }
  mkdir -p "$T/layout"
  skopeo copy --src-tls-verify=false "docker://$RULED/public/a:1" "dir:$T/layout/public"
  run ! skopeo copy --src-tls-verify=false "docker://$RULED/team/app:1" "dir:$T/layout/team"
  skopeo copy --src-tls-verify=false --authfile "$T/skopeo.json" "docker://$RULED/team/app:1" "dir:$T/layout/team"
  skopeo copy --dest-tls-verify=false --authfile "$T/skopeo.json" "dir:$T/layout/team" "docker://$RULED/team/copied:1"
  run ! skopeo copy --dest-tls-verify=false --authfile "$T/skopeo.json" "dir:$T/layout/team" "docker://$RULED/public/copied:1"
  run ! skopeo copy --dest-tls-verify=false "dir:$T/layout/team" "docker://$RULED/team/copied:2"
  skopeo list-tags --tls-verify=false --authfile "$T/skopeo.json" "docker://$RULED/team/copied"
  run ! skopeo delete --tls-verify=false --authfile "$T/skopeo.json" "docker://$RULED/team/copied:1"
}

@test "with the Basic challenge skopeo pulls without a log-in, and pushes with one" {
  echo '{"access": {"anonymous": "pull", "challenge": "basic"}}' >"$T/basic-pull.json"
  start_registry "$T/root" --config "$T/basic-pull.json"
  mkdir -p "$T/basic"
  skopeo --insecure-policy copy --src-tls-verify=false "docker://$REGISTRY/public/a:1" "dir:$T/basic/a"
  run ! skopeo --insecure-policy copy --dest-tls-verify=false "dir:$T/basic/a" "docker://$REGISTRY/public/c:1"
  skopeo --insecure-policy copy --dest-tls-verify=false --dest-creds root:toor "dir:$T/basic/a" "docker://$REGISTRY/public/c:1"
  end "$REGISTRY_PID"
}

@test "podman: login, push, pull, list" {
  podman() { command podman --root "$T/podman" --runroot "$T/podman-run" --storage-driver vfs --cgroup-manager=cgroupfs --events-backend=file "$@"; }
  podman login --tls-verify=false --authfile "$T/podman.json" -u dora -p sesame "$RULED"
  echo hi >"$T/hi"; tar -C "$T" -cf "$T/hi.tar" hi
  podman import "$T/hi.tar" "$RULED/team/podman:1"
  podman push --tls-verify=false --authfile "$T/podman.json" "$RULED/team/podman:1"
  podman rmi "$RULED/team/podman:1"
  run ! podman pull --tls-verify=false --authfile "$T/empty.json" "$RULED/team/podman:1"
  podman pull --tls-verify=false --authfile "$T/podman.json" "$RULED/team/podman:1"
  podman search --tls-verify=false --authfile "$T/podman.json" --list-tags "$RULED/team/podman"
}

@test "who may write the store's folder needs no log-in: a push into the store that is served moves no byte" {
  "$SAMPAN" --root "$T/root" import "$T/hello.tar" "$RULED/team/local:1"
  "$SAMPAN" --root "$T/root" push "$RULED/team/local:1"
  is "$(ask -u dora:sesame "$U/team/local/manifests/1")" 200
}

@test "docker: login, push, pull and logout, an identity token instead of the password, pull without a log-in" {
  [ "$(id -u)" = 0 ] && command -v dockerd >/dev/null || skip "dockerd needs root"
  echo '{"features": {"containerd-snapshotter": false}}' >"$T/dockerd.json"
  # It changes nothing of this machine's network; containers aren't run.
  dockerd --config-file "$T/dockerd.json" --data-root "$T/dockerd" --exec-root "$T/dockerd-run" --pidfile "$T/dockerd-own.pid" \
    --host "unix://$T/docker.sock" --iptables=false --ip6tables=false --bridge=none --storage-driver vfs >"$T/dockerd.log" 2>&1 3>&- &
  dockerd=$!
  echo "$dockerd" >"$T/dockerd.pid"
  docker() { command docker -H "unix://$T/docker.sock" "$@"; }
  for ((n = 0; n < 150; n++)); do ! docker version >/dev/null 2>&1 || break; sleep 0.1; done
  run ! docker login -u dora --password-stdin "$RULED" <<<"wrong"
  docker login -u dora --password-stdin "$RULED" <<<"sesame"
  [ "$(jq -r --arg r "$RULED" '.auths[$r].identitytoken | length > 50' "$DOCKER_CONFIG/config.json")" = true ]
  docker import "$T/hello.tar" "$RULED/team/docker:1"
  docker push "$RULED/team/docker:1"
  docker rmi "$RULED/team/docker:1"
  docker pull "$RULED/team/docker:1"
  # What docker keeps is enough for us.
  "$SAMPAN" --root "$T/other" pull "$RULED/team/docker:1"
  docker tag "$RULED/team/docker:1" "$RULED/public/docker:1"
  run ! docker push "$RULED/public/docker:1"
  [[ "$output" == *"denied"* ]]
  docker logout "$RULED"
  docker rmi "$RULED/team/docker:1" "$RULED/public/docker:1"
  run ! docker pull "$RULED/team/docker:1"
  "$SAMPAN" login -u root --password-stdin "$RULED" <<<"toor"
  "$SAMPAN" import "$T/hello.tar" "$RULED/public/hello:1"
  "$SAMPAN" push "$RULED/public/hello:1"
  "$SAMPAN" logout "$RULED"
  docker pull "$RULED/public/hello:1"
  end "$dockerd"
}

@test "no secret is in the log, also with --debug" {
  secret=$("$SAMPAN" --root "$T/root" user token quiet --allow '*:*' --expires never)
  ask -u "quiet:$secret" "$U/" >/dev/null
  ask -u "quiet:sampan_almost" "$U/" >/dev/null
  t=$(token "quiet:$secret" "scope=repository:team/app:pull&offline_token=true")
  ask -H "Authorization: Bearer $t" "$U/team/app/manifests/1" >/dev/null
  ask -d grant_type=password -d username=dora -d password=sesame "$TOKEN" >/dev/null
  log=$T/serve-${RULED#*:}.log
  ! grep -qE 'sesame|toor|sampan_|eyJ' "$log"
  # Whoever fails to log in is told of, on one line, whatever the name is.
  ask -u "$(printf 'x\033[2Jy'):z" "$U/" >/dev/null
  ! grep -q $'\033' "$log"
  grep -q "log-in of quiet from 127.0.0.1 failed" "$log"
}
