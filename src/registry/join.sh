#!/bin/sh
# Makes docker, containerd, K3s and podman on this node use the registry @REGISTRY@: the short form of 'sampan join', for nodes without sampan.
#
#   curl @SCHEME@://@REGISTRY@/join | sh                      shows what it changes, and does it
#   curl @SCHEME@://@REGISTRY@/join | sh -s -- --dry-run      shows it only
#   … --undo (takes it back)  --restart (restarts what must see it)  --mirror docker.io (asked first for images of the hub, too)
#   --username NAME (logs in; the password is SAMPAN_PASSWORD's, or asked for)  --prefix DIR (the root of another system)
#
# What a file held is kept in /var/lib/sampan/join-script. A file that can't be changed safely is named, with what to write into it, and nothing is changed.
set -eu
registry='@REGISTRY@' scheme='@SCHEME@' fingerprint='@FINGERPRINT@'
url=$scheme://$registry
name=$(printf %s "$registry" | tr ':[]' '___')
prefix='' mirror='' username='' dry='' undo='' restart='' commands='' engines='' count=0 work=''

say() { printf '%s\n' "$*" >&2; }
die() { say "join: $*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
node_has() { for sign; do [ ! -e "$prefix$sign" ] || return 0; done; return 1; }

# ---- what changes: $work/N.new beside the file that it will be; paths, a line each, in $work/list ----

# stage PATH: begins a change with what the file holds; sets $new.
stage() {
  new=$work/$((count + 1)).new
  [ ! -L "$prefix$1" ] || die "$1 is a symbolic link: something else manages it"
  if [ -e "$prefix$1" ]; then cat "$prefix$1" >"$new"; else : >"$new"; fi
}
# keep PATH: what is in $new is to be its content.
keep() {
  if [ -e "$prefix$1" ] && cmp -s "$prefix$1" "$new"; then return 0; fi
  count=$((count + 1))
  printf '%s\n' "$1" >>"$work/list"
}
filter() { # PROGRAM [NAME=VALUE…]: runs awk over $new
  program=$1; shift
  args=; for arg; do args="$args -v $arg"; done
  # shellcheck disable=SC2086 # values hold no blanks
  awk $args "$program" "$new" >"$new.out" || return 1
  mv "$new.out" "$new"
}

# ---- the engines ----

# json_put PATH KEY BRACKETS ENTRY: the list ('[]') or object ('{}') KEY of the object in $new, which will be PATH, has ENTRY, first. What is no object is refused.
# ENTRY has no blanks.
json_put() {
  open=${3%?} close=${3#?}
  if ! grep -q '[^[:space:]]' "$new"; then
    printf '{\n  "%s": %s%s%s\n}\n' "$2" "$open" "$4" "$close" >"$new"
    return 0
  fi
  filter '
    { text = text $0 "\n" }
    END {
      if (match(text, "\"" key "\"[ \t\n]*:[ \t\n]*[" open "]")) {
        at = RSTART + RLENGTH; end = close_
      } else if (match(text, /^[ \t\n]*\{/)) {
        at = RLENGTH + 1; entry = "\n  \"" key "\": " open entry close_; end = "}"
      } else exit 1
      rest = substr(text, at); first = rest; gsub(/[ \t\n]/, "", first)
      printf "%s%s%s%s", substr(text, 1, at - 1), entry, (substr(first, 1, 1) == end) ? "" : (end == "]" ? ", " : ","), rest
    }' "key=$2" "open=$open" "close_=$close" "entry=$4" || die "$1 is no JSON object"
}
json_list() { # PATH KEY VALUE
  grep -qF "\"$3\"" "$new" || json_put "$1" "$2" '[]' "\"$3\""
}
docker_json() {
  stage /etc/docker/daemon.json
  if has python3 && [ -s "$new" ]; then
    python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$new" 2>/dev/null || die "/etc/docker/daemon.json is no JSON (comments are not allowed in it)"
  fi
  if [ "$scheme" = http ]; then json_list /etc/docker/daemon.json insecure-registries "$registry"; fi
  case $mirror in
  docker.io) json_list /etc/docker/daemon.json registry-mirrors "$url" ;;
  ?*) say "note: docker has mirrors of docker.io alone: $mirror is not set up for it" ;;
  esac
  before=$count
  keep /etc/docker/daemon.json
  if [ "$count" != "$before" ]; then commands="$commands
systemctl reload docker"; fi
}

# root's log-in, which docker and podman read.
put_login() {
  path=/root/.docker/config.json
  [ -n "$login" ] || return 0
  ! grep -qxF "$path" "$work/list" || return 0
  stage $path
  if grep -Eq '"(credsStore|credHelpers)"' "$new"; then
    say "note: $path names a credential helper, which keeps credentials itself: run 'docker login $registry'"
  elif ! grep -qF "\"$registry\"" "$new"; then
    json_put $path auths '{}' "\"$registry\":{\"auth\":\"$login\"}"
    keep $path
  elif ! grep -qF "\"$login\"" "$new"; then
    die "$path has another log-in for $registry: run 'docker logout $registry' first"
  fi
}

containerd_toml() {
  stage /etc/containerd/config.toml
  certs=/etc/containerd/certs.d
  if grep -Eq '^[[:space:]]*disabled_plugins[^#]*"cri"' "$new"; then return 0; fi
  found=$(sed -n "s/^[[:space:]]*config_path[[:space:]]*=[[:space:]]*[\"']\([^\"']*\)[\"'].*/\1/p" "$new" | head -n 1)
  if [ -n "$found" ]; then certs=${found%%:*}; return 0; fi
  if grep -Eq 'registry\.(mirrors|configs\.[^]]*\.tls)' "$new"; then
    die "/etc/containerd/config.toml has registry.mirrors or registry.configs, which containerd refuses beside config_path: move them to $certs first"
  elif grep -Eq "^[[:space:]]*config_path[[:space:]]*=" "$new"; then
    sed "s|^\([[:space:]]*config_path[[:space:]]*=\).*|\1 \"$certs\"|" "$new" >"$new.out" && mv "$new.out" "$new"
  elif grep -Eq '^[[:space:]]*\[.*\.registry\]' "$new"; then
    die "/etc/containerd/config.toml has a registry table without config_path: add config_path = \"$certs\" to it"
  else
    table=io.containerd.grpc.v1.cri
    if grep -Eq '^version[[:space:]]*=[[:space:]]*3' "$new"; then table=io.containerd.cri.v1.images; fi
    if ! grep -Eq '^[[:space:]]*[^#[:space:]]' "$new"; then echo 'version = 2' >>"$new"
    elif ! grep -Eq '^version' "$new"; then table=cri; fi
    printf '\n[plugins."%s".registry]\n  config_path = "%s"\n' "$table" "$certs" >>"$new"
  fi
  keep /etc/containerd/config.toml
  commands="$commands
systemctl restart containerd"
}

containerd_hosts() { # REGISTRY SERVER CAPABILITIES
  stage "$certs/$1/hosts.toml"
  if grep -qF "[host.\"$url\"]" "$new"; then
    [ -z "$login" ] || grep -qF "Basic $login" "$new" || die "$certs/$1/hosts.toml has $url without this log-in: --undo first"
    return 0
  fi
  [ ! -s "$new" ] || die "$certs/$1/hosts.toml says something else: add [host.\"$url\"] to it"
  {
    printf 'server = "%s"\n\n[host."%s"]\n  capabilities = [%s]\n' "$2" "$url" "$3"
    if [ -n "$ca" ]; then printf '  ca = "%s"\n' "$certs/$registry/ca.crt"; fi
    if [ -n "$login" ]; then printf '  [host."%s".header]\n    Authorization = "Basic %s"\n' "$url" "$login"; fi
  } >"$new"
  keep "$certs/$1/hosts.toml"
}
containerd_mirror() {
  case $mirror in
  '') return 0 ;;
  docker.io) server=https://registry-1.docker.io ;;
  *) server=https://$mirror ;;
  esac
  containerd_hosts "$mirror" "$server" '"pull", "resolve"'
}

# k3s_insert KEY TEXT: TEXT, indented by two, into the top-level mapping KEY of registries.yaml.
k3s_insert() {
  if grep -Eq "^$1:[[:space:]]*(#.*)?\$" "$new"; then
    # as deep as what is there: the first line behind the key decides
    filter '
      { lines[NR] = $0 }
      END {
        for (i = 1; i <= NR; i++) if (lines[i] ~ "^" key ":") break
        indent = "  "
        for (k = i + 1; k <= NR; k++) if (lines[k] !~ /^[ ]*(#|$)/) {
          if (match(lines[k], /^ +/)) indent = substr(lines[k], 1, RLENGTH)
          break
        }
        for (k = 1; k <= NR; k++) {
          print lines[k]
          if (k == i) while ((getline line < file) > 0) { sub(/^  /, indent, line); print line }
        }
      }' "key=$1" "file=$2" || die "awk failed"
  elif grep -Eq "^[\"']?$1" "$new"; then
    die "/etc/rancher/k3s/registries.yaml has '$1' in a form that can't be changed safely: add '$registry' to it by hand"
  else
    { printf '%s:\n' "$1"; cat "$2"; } >"$work/part"
    if [ -s "$new" ] && [ -n "$(tail -c 1 "$new")" ]; then echo >>"$new"; fi
    cat "$work/part" >>"$new"
  fi
}
# k3s_block KEY REGISTRY: the lines of registries.yaml about it below 'mirrors' or 'configs'.
k3s_block() {
  awk -v wanted="$1" -v key="$2" '
    { match($0, /^ */); depth = RLENGTH; text = substr($0, depth + 1); gsub(/["\047]/, "", text) }
    text == "" || text ~ /^#/ { next }
    depth == 0 { top = text; sub(/:.*/, "", top) }
    inside && depth <= at { inside = 0 }
    top == wanted && depth && !inside && index(text " ", key ": ") == 1 { inside = 1; at = depth }
    inside' "$new"
}
# How the registry is reached: its CA, and the log-in.
k3s_config() {
  crt=/etc/rancher/k3s/sampan-$name.crt
  [ -n "$ca$login" ] || return 0
  block=$(k3s_block configs "$registry")
  if [ -n "$block" ]; then
    if [ -n "$ca" ]; then printf %s "$block" | grep -qF "$crt" || die "/etc/rancher/k3s/registries.yaml has '$registry' below configs already: add its ca_file by hand"; fi
    if [ -n "$login" ]; then printf %s "$block" | grep -qF "password: \"$escaped\"" || die "/etc/rancher/k3s/registries.yaml has '$registry' below configs already: add its log-in by hand"; fi
    return 0
  fi
  {
    printf '  "%s":\n' "$registry"
    if [ -n "$login" ]; then printf '    auth:\n      username: "%s"\n      password: "%s"\n' "$username" "$escaped"; fi
    if [ -n "$ca" ]; then printf '    tls:\n      ca_file: "%s"\n' "$crt"; fi
  } >"$work/text"
  k3s_insert configs "$work/text"
}
k3s_yaml() {
  stage /etc/rancher/k3s/registries.yaml
  if grep -Eq "^ *$(printf '\t')" "$new"; then die "/etc/rancher/k3s/registries.yaml is indented with tabs, which YAML does not allow"; fi
  for one in $registry $mirror; do
    block=$(k3s_block mirrors "$one")
    if [ -n "$block" ]; then
      printf %s "$block" | grep -qF "\"$url\"" || die "/etc/rancher/k3s/registries.yaml has '$one' already: add \"$url\" to its endpoints by hand"
    else
      printf '  "%s":\n    endpoint:\n      - "%s"\n' "$one" "$url" >"$work/text"
      k3s_insert mirrors "$work/text"
    fi
  done
  k3s_config
  keep /etc/rancher/k3s/registries.yaml
  if node_has /etc/systemd/system/k3s-agent.service; then unit=k3s-agent; else unit=k3s; fi
  commands="$commands
systemctl restart $unit"
}

podman_conf() {
  [ "$scheme" = http ] || [ -n "$mirror" ] || return 0
  stage "/etc/containers/registries.conf.d/sampan-$name.conf"
  if [ "$scheme" = http ]; then insecure='insecure = true
'; else insecure=; fi
  {
    printf '# Written by %s/join.\n' "$url"
    [ -z "$insecure" ] || printf '[[registry]]\nlocation = "%s"\n%s' "$registry" "$insecure"
    [ -z "$mirror" ] || printf '[[registry]]\nprefix = "%s"\nlocation = "%s"\n[[registry.mirror]]\nlocation = "%s"\n%s' "$mirror" "$mirror" "$registry" "$insecure"
  } >"$new"
  keep "/etc/containers/registries.conf.d/sampan-$name.conf"
}

put_ca() { # PATH
  [ -n "$ca" ] || return 0
  stage "$1"
  cat "$ca" >"$new"
  keep "$1"
}

# ---- the registry's CA ----

fetch() { # URL: without looking at the certificate
  if has curl; then curl -fsSk "$1"; elif has wget; then wget -q --no-check-certificate -O - "$1"; else die "curl or wget is needed"; fi
}
find_ca() {
  ca=
  [ "$scheme" = https ] || return 0
  if [ -z "$fingerprint" ]; then
    if has curl && curl -sS -o /dev/null "$url/v2/" 2>/dev/null; then return 0; fi
    die "this node does not trust the certificate of $registry: add ?fingerprint=sha256:… of its CA to the address"
  fi
  fetch "$url/ca.crt" | sed -n '/-----BEGIN CERTIFICATE-----/,/-----END CERTIFICATE-----/p; /-----END CERTIFICATE-----/q' >"$work/ca.crt"
  for tool in sha256sum base64; do has $tool || die "$tool is needed to check the CA"; done
  is=$(sed '/^-----/d' "$work/ca.crt" | base64 -d 2>/dev/null | sha256sum | cut -d ' ' -f 1)
  [ "$is" = "$fingerprint" ] || die "the CA of $registry has the fingerprint sha256:$is, not sha256:$fingerprint: nothing was changed"
  ca=$work/ca.crt
}

# ---- the log-in ----

# stdin is this script, so the terminal is asked by its name.
ask_password() {
  password=${SAMPAN_PASSWORD:-}
  if [ -z "$password" ] && (: </dev/tty) 2>/dev/null; then
    printf 'Password of %s at %s: ' "$username" "$registry" >/dev/tty
    stty -echo </dev/tty
    IFS= read -r password </dev/tty || true
    stty echo </dev/tty
    echo >/dev/tty
  fi
  case $password in
  '') die "the password of $username is needed: in SAMPAN_PASSWORD, or typed at a terminal" ;;
  *[[:cntrl:]]*) die "a password has no control characters" ;;
  esac
}
# Sets $login, what HTTP's Basic has, and $escaped, the password for what stands in double quotes.
find_login() {
  login='' escaped=''
  [ -n "$username" ] || return 0
  for tool in curl base64; do has $tool || die "$tool is needed to log in"; done
  ask_password
  escaped=$(printf %s "$password" | sed 's/[\\"]/\\&/g')
  status=$(printf 'user = "%s:%s"\n' "$username" "$escaped" | curl -sS -K - ${ca:+--cacert "$ca"} -o /dev/null -w '%{http_code}' "$url/v2/") || die "$registry can't be asked: nothing was changed"
  case $status in
  200) ;;
  401 | 403) die "$registry does not accept these credentials: nothing was changed" ;;
  *) die "$registry answers $status to the log-in: nothing was changed" ;;
  esac
  login=$(printf '%s:%s' "$username" "$password" | base64 | tr -d '\n')
}
has_secret() { # FILE
  [ -n "$login" ] && grep -qF -e "$login" -e "password: \"$escaped\"" "$1"
}
hide() { sed -e 's/\(Basic \)[^"]*/\1…/' -e 's/\("auth":[[:space:]]*"\)[^"]*/\1…/g' -e 's/\(password:[[:space:]]*\).*/\1…/'; }

# ---- doing it ----

prepare() {
  find_ca
  find_login
  if node_has /usr/bin/dockerd /usr/sbin/dockerd /usr/local/bin/dockerd /etc/docker/daemon.json; then
    engines="$engines docker"
    docker_json
    put_ca "/etc/docker/certs.d/$registry/ca.crt"
    put_login
  fi
  if node_has /usr/bin/containerd /usr/local/bin/containerd /etc/containerd; then
    engines="$engines containerd"
    containerd_toml
    put_ca "$certs/$registry/ca.crt"
    containerd_hosts "$registry" "$url" '"pull", "resolve", "push"'
    containerd_mirror
  fi
  if node_has /usr/local/bin/k3s /usr/bin/k3s /opt/bin/k3s /etc/rancher/k3s /var/lib/rancher/k3s; then
    engines="$engines k3s"
    before=$count
    saved=$commands
    put_ca "/etc/rancher/k3s/sampan-$name.crt"
    k3s_yaml
    [ "$count" != "$before" ] || commands=$saved
  fi
  if node_has /usr/bin/podman /usr/bin/buildah /usr/bin/skopeo /usr/local/bin/podman /etc/containers; then
    engines="$engines podman"
    put_ca "/etc/containers/certs.d/$registry/ca.crt"
    podman_conf
    put_login
  fi
  [ -n "$engines" ] || die "there is nothing to set up: no docker, containerd, K3s or podman was found"
}

show() {
  n=0
  while read -r path; do
    n=$((n + 1))
    old=$prefix$path; [ -e "$old" ] || old=/dev/null
    if has diff; then diff -u "$old" "$work/$n.new" | sed "1,2s|$work/$n.new|$prefix$path|" || true; else say "$prefix$path:"; cat "$work/$n.new"; fi
  done <"$work/list" | hide
}

put_back() { # the first N of the list
  while [ "$1" -gt 0 ]; do
    path=$(sed -n "$1p" "$work/list")
    if [ -e "$work/$1.old" ]; then cp -p "$work/$1.old" "$prefix$path"; else rm -f "$prefix$path"; fi
    set -- $(($1 - 1))
  done
}
# put N TARGET: what others may not read is closed to them before it is written.
put() {
  mkdir -p "${2%/*}" || return 1
  if [ -e "$2" ]; then cp -p "$2" "$2.sampan" || return 1; fi
  if has_secret "$work/$1.new"; then { : >>"$2.sampan" && chmod 600 "$2.sampan"; } || return 1; fi
  cat "$work/$1.new" >"$2.sampan" && mv "$2.sampan" "$2"
}
apply() {
  state=$prefix/var/lib/sampan/join-script/$name n=0
  # shellcheck disable=SC2174 # the parents need no mode
  mkdir -p -m 700 "$state" || die "cannot write $state: nothing was changed"
  [ -e "$state/list" ] || : >"$state/list"
  base=$(wc -l <"$state/list")
  while read -r path; do
    n=$((n + 1))
    target=$prefix$path
    if [ -e "$target" ]; then cp -p "$target" "$work/$n.old"; fi
    if put "$n" "$target"; then continue; fi
    rm -f "$target.sampan"
    put_back $((n - 1))
    die "cannot write $target: nothing was changed"
  done <"$work/list"
  n=0
  while read -r path; do
    n=$((n + 1)) base=$((base + 1))
    cp "$work/$n.new" "$state/$base.new"
    if [ -e "$work/$n.old" ]; then cp -p "$work/$n.old" "$state/$base.old"; fi
    printf '%s\n' "$path" >>"$state/list"
  done <"$work/list"
}

undo_all() {
  state=$prefix/var/lib/sampan/join-script/$name left=0
  [ -e "$state/list" ] || die "there is nothing to undo: $state is not there"
  n=$(wc -l <"$state/list")
  while [ "$n" -gt 0 ]; do
    path=$(sed -n "${n}p" "$state/list")
    if ! cmp -s "$prefix$path" "$state/$n.new"; then
      say "$prefix$path: left alone: it was changed since"; left=1
    elif [ -n "$dry" ]; then
      say "$prefix$path: would be put back"
    elif [ -e "$state/$n.old" ]; then
      cp -p "$state/$n.old" "$prefix$path"; say "$prefix$path: restored"
    else
      rm -f "$prefix$path"; say "$prefix$path: removed"
      rmdir "$(dirname "$prefix$path")" 2>/dev/null || true
    fi
    n=$((n - 1))
  done
  if [ "$left" = 0 ] && [ -z "$dry" ]; then rm -rf "$state"; fi
  return "$left"
}

main() {
  while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry=1 ;;
    --undo) undo=1 ;;
    --restart) restart=1 ;;
    --prefix) [ $# -gt 1 ] || die "--prefix needs a folder"; prefix=${2%/}; shift ;;
    --mirror)
      [ $# -gt 1 ] || die "--mirror needs a registry, such as docker.io"
      case $2 in *[!A-Za-z0-9.:-]* | -*) die "'$2' is no registry" ;; esac
      mirror=$2; shift ;;
    --username)
      [ $# -gt 1 ] || die "--username needs a name"
      case $2 in '' | -* | *[!A-Za-z0-9._@+-]*) die "'$2' is no user's name" ;; esac
      username=$2; shift ;;
    *) die "there is no option '$1'; --dry-run, --undo, --restart, --mirror REGISTRY, --username NAME and --prefix DIR are known" ;;
    esac
    shift
  done
  if [ -n "$undo" ]; then undo_all; return; fi
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM
  : >"$work/list"
  prepare
  say "$registry speaks $scheme; found here:$engines"
  show
  if [ "$count" = 0 ]; then say "nothing to do"; return; fi
  [ -z "$dry" ] || return 0
  apply
  say "done; to take it back: curl $url/join | sh -s -- --undo"
  printf '%s\n' "$commands" | sort -u | while read -r line; do
    [ -n "$line" ] || continue
    if [ -n "$restart" ] && [ -z "$prefix" ]; then say "$line"; $line; else say "running services see it after: $line"; fi
  done
}
# The last line, so that a script that was cut off on its way does nothing.
main "$@"
