# What the tests of the pull-through cache share: upstreams (Debian's docker-registry, and faulty.py, which does everything wrong), a cache of each test's
# own in front of them, and questions to it.

proxy_setup_file() {
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

proxy_setup() {
  : >"$T/log"
  rm -f "$T/log.mode"
  export http_proxy= https_proxy=
}
proxy_teardown() { [ -z "${REGISTRY_PID:-}" ] || end "$REGISTRY_PID"; }

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
wait_until() { # COMMAND…
  local n
  for ((n = 0; n < 100; n++)); do "$@" && return 0; sleep 0.1; done
  echo "never: $*" >&2
  return 1
}
