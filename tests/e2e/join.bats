#!/usr/bin/env bats
# sampan join, and the script that a registry serves for nodes without sampan. Nodes are folders: --prefix.

load common

setup_file() {
  setup_folder
  start_registry
  mkdir "$T/bb" && busybox --install -s "$T/bb" # a node with nothing but busybox
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=test CA' -keyout "$T/ca.key" -out "$T/ca.crt" 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=registry' -keyout "$T/tls.key" -out "$T/tls.csr" 2>/dev/null
  openssl x509 -req -in "$T/tls.csr" -CA "$T/ca.crt" -CAkey "$T/ca.key" -days 2 -extfile <(echo subjectAltName=IP:127.0.0.1) -out "$T/tls.crt" 2>/dev/null
  python3 "$TOP/tests/e2e/tls_front.py" "$T/tls.port" "$T/tls.crt" "$T/tls.key" "$T/ca.crt" "$REGISTRY" >"$T/tls.log" 2>&1 3>&- &
  echo $! >"$T/tls.pid"
  for ((n = 0; n < 100; n++)); do [ -s "$T/tls.port" ] && break; sleep 0.1; done
  export TLS=127.0.0.1:$(cat "$T/tls.port")
  export FINGERPRINT=$(openssl x509 -in "$T/ca.crt" -noout -fingerprint -sha256 | sed 's/.*=//')
  export HEX=$(tr -d : <<<"$FINGERPRINT" | tr A-F a-f)
}

teardown_file() {
  remove_folder
}

# A node with these programs: NODE.
make_node() {
  NODE=$(mktemp -d "$T/node.XXXXXX")
  mkdir -p "$NODE/usr/bin" "$NODE/etc"
  local name
  for name; do touch "$NODE/usr/bin/$name"; done
}
make_full_node() {
  make_node dockerd containerd k3s podman sampan
  mkdir -p "$NODE"/etc/{docker,containerd,rancher/k3s}
  cat >"$NODE/etc/docker/daemon.json" <<END
{
    "log-driver": "json-file",
    "bip":   "10.1.0.1/24"
}
END
  cat >"$NODE/etc/rancher/k3s/registries.yaml" <<END
# ours
mirrors:
  # the hub
  docker.io:
    endpoint:
      - "https://mirror.example:5000" # first
END
  cat >"$NODE/etc/containerd/config.toml" <<END
version = 2
[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    [plugins."io.containerd.grpc.v1.cri".cni]
      bin_dir = "/usr/lib/cni"
END
}
join() { "$SAMPAN" join --prefix "$NODE" "$@"; }
# The node as it is, for comparisons.
snapshot() { (cd "$NODE" && find . -type f -printf '%p %m ' -exec sha256sum {} \; -o -type d -print | sort); }

@test "all engines: shown, done, done once, undone exactly" {
  make_full_node
  before=$(snapshot)
  run join --dry-run "$REGISTRY"
  [ "$status" -eq 0 ]
  [[ "$output" == *'+    "insecure-registries": ['*"config_path"*"+  \"$REGISTRY\":"*"location = \"$REGISTRY\""* ]]
  [ "$(snapshot)" = "$before" ]
  run join "$REGISTRY" </dev/null # nobody says yes
  [ "$status" -eq 2 ]
  [ "$(snapshot)" = "$before" ]
  run join --yes "$REGISTRY"
  [ "$status" -eq 0 ]
  [[ "$output" == *"systemctl reload docker"*"systemctl restart k3s"* ]]
  after=$(snapshot)
  [ "$(jq -c '[keys_unsorted, ."insecure-registries"]' "$NODE/etc/docker/daemon.json")" = "[[\"log-driver\",\"bip\",\"insecure-registries\"],[\"$REGISTRY\"]]" ]
  python3 - "$NODE" "$REGISTRY" <<'END'
import sys, yaml
node, registry = sys.argv[1:]
text = open(f"{node}/etc/rancher/k3s/registries.yaml").read()
assert "# ours" in text and "# the hub" in text and "# first" in text
mirrors = yaml.safe_load(text)["mirrors"]
assert mirrors[registry] == {"endpoint": [f"http://{registry}"]}, mirrors
assert mirrors["docker.io"] == {"endpoint": ["https://mirror.example:5000"]}
END
  grep -q "^server = \"http://$REGISTRY\"" "$NODE/etc/containerd/certs.d/$REGISTRY/hosts.toml"
  ! grep -rq skip_verify "$NODE/etc/containerd" || false
  run join --yes "$REGISTRY"
  [ "$status" -eq 0 ]
  [[ "$output" == *"nothing to do"* ]]
  [ "$(snapshot)" = "$after" ]
  run join --undo --dry-run "$REGISTRY"
  [ "$status" -eq 0 ]
  [ "$(snapshot)" = "$after" ]
  run join --undo "$REGISTRY"
  [ "$status" -eq 0 ]
  [ "$(snapshot)" = "$before" ]
  run join --undo "$REGISTRY"
  [ "$status" -eq 1 ]
  [[ "$output" == *"nothing to undo"* ]]
}

@test "a mirror, with and without a prefix" {
  make_full_node
  join --yes --mirror docker.io --mirror ghcr.io=gh "$REGISTRY" >/dev/null
  [ "$(jq -r '."registry-mirrors"[0]' "$NODE/etc/docker/daemon.json")" = "http://$REGISTRY" ]
  grep -q 'override_path = true' "$NODE/etc/containerd/certs.d/ghcr.io/hosts.toml"
  grep -qF "[host.\"http://$REGISTRY/v2/gh\"]" "$NODE/etc/containerd/certs.d/ghcr.io/hosts.toml"
  python3 - "$NODE" "$REGISTRY" <<'END'
import sys, yaml
node, registry = sys.argv[1:]
mirrors = yaml.safe_load(open(f"{node}/etc/rancher/k3s/registries.yaml"))["mirrors"]
assert mirrors["docker.io"]["endpoint"] == [f"http://{registry}", "https://mirror.example:5000"]
assert mirrors["ghcr.io"] == {"endpoint": [f"http://{registry}"], "rewrite": {"^(.*)$": "gh/$1"}}
END
  run join --yes --mirror docker.io=hub "$REGISTRY"
  [ "$status" -eq 1 ]
  [[ "$output" == *"other endpoints"* ]]
}

@test "the settings work: podman and containerd read them" {
  make_full_node
  join --yes --mirror docker.io=hub --for podman "$REGISTRY" >/dev/null
  mkdir -p "$NODE/etc/containers"
  busybox_tar "$T/bb.tar"
  "$SAMPAN" import "$T/bb.tar" "$REGISTRY/hub/library/bb:1" >/dev/null
  "$SAMPAN" push "$REGISTRY/hub/library/bb:1" >/dev/null
  echo >"$T/registries.conf"
  run skopeo --registries-conf "$T/registries.conf" --insecure-policy inspect --raw docker://docker.io/library/bb:1
  [ "$status" -ne 0 ]
  cp "$NODE"/etc/containers/registries.conf.d/*.conf "$T/registries.conf"
  run skopeo --registries-conf "$T/registries.conf" --insecure-policy inspect --raw docker://docker.io/library/bb:1
  [[ "$output" == *sha256:* ]]
  run skopeo --registries-conf "$T/registries.conf" --insecure-policy inspect --raw "docker://$REGISTRY/hub/library/bb:1"
  [[ "$output" == *sha256:* ]]
}

@test "TLS: an unknown CA is refused, a wrong fingerprint too, the right one is installed" {
  make_full_node
  before=$(snapshot)
  run join --yes "$TLS"
  [ "$status" -eq 1 ]
  [[ "$output" == *"--ca FILE"* ]]
  run join --yes --fingerprint "sha256:$(printf '%064d' 1)" "$TLS"
  [ "$status" -eq 1 ]
  [[ "$output" == *"its fingerprint is sha256:$HEX"* ]]
  run join --yes --fingerprint "sha256:12" "$TLS"
  [ "$status" -eq 2 ]
  run join --yes --fingerprint "sha256:$HEX" "$REGISTRY" # speaks no TLS at all: never less than what was asked for
  [ "$status" -eq 1 ]
  [ "$(snapshot)" = "$before" ]
  run join --yes --fingerprint "$FINGERPRINT" "$TLS"
  [ "$status" -eq 0 ]
  for file in docker containerd containers; do
    cmp <(openssl x509 -in "$NODE/etc/$file/certs.d/$TLS/ca.crt") "$T/ca.crt"
  done
  ! grep -q insecure "$NODE/etc/docker/daemon.json" || false
  python3 -c 'import sys, yaml; c = yaml.safe_load(open(sys.argv[1]))["configs"][sys.argv[2]]["tls"]["ca_file"]; open(sys.argv[3] + c)' \
    "$NODE/etc/rancher/k3s/registries.yaml" "$TLS" "$NODE"
  run join --yes --ca "$T/ca.crt" "$TLS"
  [[ "$output" == *"nothing to do"* ]]
  join --undo "$TLS"
  [ "$(snapshot)" = "$before" ]
}

@test "a log-in is checked first, hidden when shown, and kept from others" {
  command -v docker-registry htpasswd >/dev/null || command -v docker-registry >/dev/null || skip "no docker-registry"
  printf 'bob:%s\n' "$(openssl passwd -apr1 x)" >/dev/null
  python3 -c 'import crypt; print("bob:" + crypt.crypt("s3cret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)).replace("$2b$", "$2y$"))' >"$T/htpasswd" 2>/dev/null || skip "no bcrypt"
  start_peer_registry "$T/peer" "$T/htpasswd"
  make_full_node
  chmod 644 "$NODE/etc/rancher/k3s/registries.yaml"
  before=$(snapshot)
  run join --yes -u bob --password-stdin "$PEER" <<<wrong
  [ "$status" -eq 1 ]
  [[ "$output" == *"does not accept these credentials"* ]]
  [ "$(snapshot)" = "$before" ]
  run join --yes -u bob --password-stdin "$PEER" <<<s3cret
  [ "$status" -eq 0 ]
  [[ "$output" != *s3cret* ]] && [[ "$output" != *"$(printf bob:s3cret | base64)"* ]]
  grep -q 'password: "s3cret"' "$NODE/etc/rancher/k3s/registries.yaml"
  [ "$(jq -r ".auths[\"$PEER\"].auth" "$NODE/root/.docker/config.json")" = "$(printf bob:s3cret | base64)" ]
  [ "$(stat -c %a "$NODE/etc/rancher/k3s/registries.yaml" "$NODE/root/.docker/config.json" "$NODE/etc/containerd/certs.d/$PEER/hosts.toml" | sort -u)" = 600 ]
  join --undo "$PEER"
  [ "$(snapshot)" = "$before" ]
}

@test "bad input: a clear error, and nothing changed" {
  make_node
  run join --yes "$REGISTRY"
  [ "$status" -eq 1 ]
  [[ "$output" == *"nothing to set up"* ]]
  make_full_node
  run join --yes --for kubernetes "$REGISTRY"
  [ "$status" -eq 2 ]
  run join --yes "http://$REGISTRY"
  [ "$status" -eq 2 ]
  [[ "$output" == *"no http://"* ]]
  before=$(snapshot)
  run join --yes "127.0.0.1:$(free_port)"
  [ "$status" -eq 1 ]
  [[ "$output" == *"cannot reach"* ]]
  printf 'mirrors:\n\tdocker.io: {}\n' >"$NODE/etc/rancher/k3s/registries.yaml"
  before=$(snapshot)
  run join --yes "$REGISTRY"
  [ "$status" -eq 1 ]
  [[ "$output" == *"registries.yaml: line 2"*"tab"* ]]
  [ "$(snapshot)" = "$before" ]
  make_full_node
  printf '{\n  // mine\n  "a": 1\n}\n' >"$NODE/etc/docker/daemon.json"
  before=$(snapshot)
  run join --yes "$REGISTRY"
  [ "$status" -eq 1 ]
  [[ "$output" == *"daemon.json"*"JSON has no comments"* ]]
  [ "$(snapshot)" = "$before" ]
  make_full_node
  ln -sf /nowhere "$NODE/etc/docker/daemon.json"
  run join --yes "$REGISTRY"
  [ "$status" -eq 1 ]
  [[ "$output" == *"symbolic link"* ]]
}

@test "a read-only /etc: nothing changed, and no journal left" {
  [ "$(id -u)" = 0 ] || skip "needs root"
  make_full_node
  before=$(snapshot)
  run unshare -m sh -c 'mount --bind "$1/etc" "$1/etc" && mount -o remount,bind,ro "$1/etc" && shift && exec "$@"' x "$NODE" "$SAMPAN" join --prefix "$NODE" --yes "$REGISTRY"
  [ "$status" -eq 1 ]
  [[ "$output" == *"Read-only file system"* ]]
  [ "$(snapshot)" = "$before" ]
}

@test "what somebody changed since is told, not overwritten" {
  make_full_node
  join --yes "$REGISTRY" >/dev/null
  echo '{"mine": true}' >"$NODE/etc/docker/daemon.json"
  run join --undo "$REGISTRY"
  [ "$status" -eq 1 ]
  [[ "$output" == *"daemon.json: left alone"* ]]
  [ "$(cat "$NODE/etc/docker/daemon.json")" = '{"mine": true}' ]
  ! grep -q config_path "$NODE/etc/containerd/config.toml" || false
}

@test "the script does the same, in dash and in busybox's shell" {
  for shell in dash "env PATH=$T/bb sh"; do
    make_full_node
    before=$(snapshot)
    curl -fsS "http://$REGISTRY/join" | $shell -s -- --prefix "$NODE" --dry-run >"$T/out" 2>&1
    grep -q "location = \"$REGISTRY\"" "$T/out"
    [ "$(snapshot)" = "$before" ]
    curl -fsS "http://$REGISTRY/join" | $shell -s -- --prefix "$NODE" >"$T/out" 2>&1
    [ "$(jq -c '."insecure-registries"' "$NODE/etc/docker/daemon.json")" = "[\"$REGISTRY\"]" ]
    run join --yes --for docker,containerd,k3s,podman "$REGISTRY" # sampan finds nothing left to do
    [[ "$output" != *"daemon.json"* ]] && [[ "$output" != *"registries.yaml"* ]] && [[ "$output" != *"hosts.toml"* ]]
    join --undo "$REGISTRY" >/dev/null || true
    curl -fsS "http://$REGISTRY/join" | $shell -s -- --prefix "$NODE" >"$T/out" 2>&1
    grep -q "nothing to do" "$T/out"
    curl -fsS "http://$REGISTRY/join" | $shell -s -- --prefix "$NODE" --undo >"$T/out" 2>&1
    [ "$(snapshot | grep -v '^\./[^ ]*$')" = "$(grep -v '^\./[^ ]*$' <<<"$before")" ]
  done
}

@test "the script, with a mirror" {
  for shell in dash "env PATH=$T/bb sh"; do
    make_full_node
    sed -i '/docker.io/,$d' "$NODE/etc/rancher/k3s/registries.yaml"
    curl -fsS "http://$REGISTRY/join" | $shell -s -- --prefix "$NODE" --mirror docker.io >"$T/out" 2>&1
    after=$(snapshot)
    [ "$(jq -c '[."registry-mirrors", ."insecure-registries"]' "$NODE/etc/docker/daemon.json")" = "[[\"http://$REGISTRY\"],[\"$REGISTRY\"]]" ]
    run join --yes --mirror docker.io --for docker,containerd,k3s "$REGISTRY"
    [[ "$output" == *"nothing to do"* ]]
    curl -fsS "http://$REGISTRY/join" | $shell -s -- --prefix "$NODE" --mirror docker.io >"$T/out" 2>&1
    grep -q "nothing to do" "$T/out"
    [ "$(snapshot)" = "$after" ]
    make_full_node
    curl -fsS "http://$REGISTRY/join" >"$T/join.sh"
    run $shell "$T/join.sh" --prefix "$NODE" --mirror docker.io
    [ "$status" -eq 1 ]
    [[ "$output" == *"has 'docker.io' already"* ]]
    run $shell "$T/join.sh" --prefix "$NODE" --mirror 'docker.io;id'
    [ "$status" -eq 1 ]
  done
}

@test "the script refuses what it can't change safely, and changes nothing" {
  refused() { # FILE CONTENT MESSAGE
    make_full_node
    printf "$2" >"$NODE/etc/$1"
    before=$(snapshot)
    curl -fsS "http://$REGISTRY/join" >"$T/join.sh"
    run busybox sh "$T/join.sh" --prefix "$NODE"
    [ "$status" -eq 1 ]
    [[ "$output" == *"$3"* ]]
    [ "$(snapshot)" = "$before" ]
  }
  refused rancher/k3s/registries.yaml 'mirrors:\n\tx: {}\n' "tabs"
  refused rancher/k3s/registries.yaml 'mirrors: {x: {}}\n' "by hand"
  refused docker/daemon.json '{ // mine\n}\n' "no JSON"
  refused docker/daemon.json '[]\n' "no JSON object"
  refused containerd/config.toml 'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.mirrors."x"]\n' "refuses beside config_path"
  refused containerd/config.toml 'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\n' 'add config_path'
  make_node
  run dash "$T/join.sh" --prefix "$NODE"
  [ "$status" -eq 1 ]
  [[ "$output" == *"nothing to set up"* ]]
  run dash "$T/join.sh" --perfix "$NODE"
  [ "$status" -eq 1 ]
  head -c 9000 "$T/join.sh" >"$T/cut.sh" # cut off on its way: does nothing
  make_full_node
  before=$(snapshot)
  run dash "$T/cut.sh" --prefix "$NODE"
  [ "$(snapshot)" = "$before" ]
}

@test "the script, with a log-in: checked first, hidden when shown, kept from others" {
  local shell password='s3 "cr\et' before after
  mkdir "$T/closed"
  "$SAMPAN" --root "$T/closed" user add bob --password-stdin <<<"$password" >/dev/null
  port=$(free_port)
  "$SAMPAN" --root "$T/closed" serve --listen "127.0.0.1:$port" --anonymous none >"$T/closed.log" 2>&1 3>&- &
  echo $! >"$T/closed.pid"
  for ((n = 0; n < 100; n++)); do curl -fsS "http://127.0.0.1:$port/join" >"$T/closed.sh" 2>/dev/null && break; sleep 0.1; done
  for shell in dash "env PATH=$T/bb:$T/tools sh"; do
    mkdir -p "$T/tools" && ln -sf "$(command -v curl)" "$T/tools/curl"
    make_full_node
    mkdir -p "$NODE/root/.docker"
    echo '{"auths": {"other.example": {"auth": "eA=="}}}' >"$NODE/root/.docker/config.json"
    before=$(snapshot)
    SAMPAN_PASSWORD=wrong run $shell "$T/closed.sh" --prefix "$NODE" --username bob
    [ "$status" -eq 1 ]
    [[ "$output" == *"does not accept these credentials: nothing was changed"* ]]
    run setsid $shell "$T/closed.sh" --prefix "$NODE" --username bob
    [ "$status" -eq 1 ]
    [[ "$output" == *"SAMPAN_PASSWORD"* ]]
    run $shell "$T/closed.sh" --prefix "$NODE" --username 'bob;id'
    [ "$status" -eq 1 ]
    [ "$(snapshot)" = "$before" ]
    SAMPAN_PASSWORD=$password run $shell "$T/closed.sh" --prefix "$NODE" --username bob
    [ "$status" -eq 0 ]
    [[ "$output" != *cr*et* ]] && [[ "$output" != *"$(printf 'bob:%s' "$password" | base64)"* ]]
    [ "$(jq -r ".auths[\"127.0.0.1:$port\"].auth, .auths[\"other.example\"].auth" "$NODE/root/.docker/config.json")" = "$(printf 'bob:%s' "$password" | base64)"$'\n'eA== ]
    [ "$(python3 -c 'import sys, yaml; print(yaml.safe_load(open(sys.argv[1]))["configs"][sys.argv[2]]["auth"]["password"])' "$NODE/etc/rancher/k3s/registries.yaml" "127.0.0.1:$port")" = "$password" ]
    grep -q "Authorization = \"Basic $(printf 'bob:%s' "$password" | base64)\"" "$NODE/etc/containerd/certs.d/127.0.0.1:$port/hosts.toml"
    [ "$(stat -c %a "$NODE/etc/rancher/k3s/registries.yaml" "$NODE/root/.docker/config.json" "$NODE/etc/containerd/certs.d/127.0.0.1:$port/hosts.toml" | sort -u)" = 600 ]
    after=$(snapshot)
    SAMPAN_PASSWORD=$password run $shell "$T/closed.sh" --prefix "$NODE" --username bob
    [[ "$output" == *"nothing to do"* ]]
    run join --yes --for docker,containerd,k3s -u bob --password-stdin "127.0.0.1:$port" <<<"$password" # nor has sampan anything left
    [[ "$output" == *"nothing to do"* ]]
    [ "$(snapshot)" = "$after" ]
    $shell "$T/closed.sh" --prefix "$NODE" --undo
    [ "$(snapshot | grep -v '^\./[^ ]*$')" = "$(grep -v '^\./[^ ]*$' <<<"$before")" ]
  done
}

@test "--format json: the changes as data" {
  make_full_node
  run join --dry-run --format json "$REGISTRY"
  [ "$status" -eq 0 ]
  [ "$(jq -c '[.tls, .applied, .engines]' <<<"$output")" = '[false,false,["docker","containerd","k3s","podman","sampan"]]' ]
  jq -e '.changes[] | select(.path == "/etc/docker/daemon.json").diff | contains("insecure-registries")' <<<"$output"
}

@test "the script with TLS: the CA is pinned" {
  make_full_node
  before=$(snapshot)
  # the registry behind the front doesn't know of its TLS: so its script is given the scheme that it would have there
  script() { curl -fsS --cacert "$T/ca.crt" "https://$TLS/join?fingerprint=$1" | sed "s/scheme='http'/scheme='https'/"; }
  script "sha256:$(printf '%064d' 1)" >"$T/wrong.sh"
  run dash "$T/wrong.sh" --prefix "$NODE"
  [ "$status" -eq 1 ]
  [[ "$output" == *"has the fingerprint sha256:$HEX"* ]]
  [ "$(snapshot)" = "$before" ]
  script "sha256:$HEX" >"$T/right.sh"
  run busybox sh "$T/right.sh" --prefix "$NODE"
  [ "$status" -eq 0 ]
  cmp "$NODE/etc/docker/certs.d/$TLS/ca.crt" "$T/ca.crt"
  python3 -c 'import sys, yaml; print(yaml.safe_load(open(sys.argv[1]))["configs"][sys.argv[2]]["tls"]["ca_file"])' "$NODE/etc/rancher/k3s/registries.yaml" "$TLS"
}

@test "nothing that a client says gets into the script unless it means nothing to a shell" {
  for host in 'a.b;id' '$(id).b' "a.b'" 'a.b c' 'board' '-a.b' 'a.b/c' '`id`.b' 'a.b:99999999'; do
    [ "$(curl -s -o "$T/out" -w '%{http_code}' -H "Host: $host" "http://$REGISTRY/join")" = 400 ]
  done
  for fingerprint in x "sha256:'" "sha256:$(printf '%063d')'" "%24(id)"; do
    [ "$(curl -s -o "$T/out" -w '%{http_code}' "http://$REGISTRY/join?fingerprint=$fingerprint")" = 400 ]
  done
  curl -fsS -H 'Host: [fd00::1]:5000' "http://$REGISTRY/join" | grep -qx "registry='\[fd00::1\]:5000' scheme='http' fingerprint=''"
}
