#!/usr/bin/env bats
# What `meson install` puts where, and the units of systemd: systemd reads them, and activation by its own tool.
load common

setup_file() {
  setup_folder
  # The folder of the build, as it was configured; it is asked, not changed.
  BUILT=$(dirname "$(readlink -f "$SAMPAN")")
  DESTDIR=$T/inst meson install -C "$BUILT" --no-rebuild --strip --quiet >"$T/install.log" 2>&1 || { cat "$T/install.log" >&2; return 1; }
  PREFIX=$(meson introspect --buildoptions "$BUILT" | jq -r '.[] | select(.name == "prefix") .value')
  CONFIG=$(find "$T/inst" -name registry.json)
  export INST=$T/inst$PREFIX UNITS=$T/units CONFIG
  # systemd looks whether what a unit starts is there.
  mkdir -p "$UNITS"
  for unit in "$INST"/lib/systemd/system/*; do sed "s#$PREFIX/bin/#$INST/bin/#" "$unit" >"$UNITS/${unit##*/}"; done
}
teardown_file() { remove_folder; }

@test "program, pages, completions, units, settings and licence are at their places" {
  "$INST/bin/sampan" version
  [ -s "$INST/share/bash-completion/completions/sampan" ]
  [ -s "$INST/share/fish/vendor_completions.d/sampan.fish" ]
  ls "$INST"/share/zsh/*/_sampan
  ls "$INST"/lib/systemd/system/sampan-{registry.socket,registry.service,restart.service} "$INST/lib/sysusers.d/sampan.conf"
  ls "$INST"/share/doc/sampan/{LICENSE,README.md,SECURITY.md} "$INST"/share/doc/sampan/k3s/registry.yaml
  run "$INST/bin/sampan" --root "$T/none" serve --config "$CONFIG" --listen nonsense: # the settings are fine, the address isn't
  [ "$status" -ne 0 ] && [[ "$output" == *nonsense* ]]
  for shell in bash zsh fish; do diff <(sampan_script $shell) <("$SAMPAN" completion $shell); done
  [ ! -s "$INST/share/man/man1/sampan.1" ] || [ "$(cat "$INST/share/man/man1/sampan-create.1")" = ".so man1/sampan-run.1" ]
}

sampan_script() {
  case $1 in
  bash) cat "$INST/share/bash-completion/completions/sampan" ;;
  zsh) cat "$INST"/share/zsh/*/_sampan ;;
  fish) cat "$INST/share/fish/vendor_completions.d/sampan.fish" ;;
  esac
}

@test "all of it together takes 3 MB at most" {
  [ "$(du -s --apparent-size --block-size=1 "$T/inst" | cut -f1)" -le $((3 * 1024 * 1024)) ]
}

@test "systemd understands the units, without a warning" {
  command -v systemd-analyze >/dev/null || skip "no systemd here"
  run env SYSTEMD_UNIT_PATH="$UNITS:/usr/lib/systemd/system:/lib/systemd/system" systemd-analyze verify --man=no "$UNITS"/*
  [ -z "$output" ]
}

@test "systemd rates the registry's service as well protected" {
  command -v systemd-analyze >/dev/null || skip "no systemd here"
  # In tenths: 20 is 2.0 of 10, and lower is better.
  systemd-analyze security --offline=true --threshold=20 "$UNITS/sampan-registry.service" || { systemd-analyze security --offline=true "$UNITS/sampan-registry.service" | grep '✗'; return 1; }
}

@test "systemd-socket-activate starts the unit's command with the first connection" {
  command -v systemd-socket-activate >/dev/null || skip "no systemd here"
  local port
  port=$(free_port)
  command=$(sed -n "s#/var/lib/sampan-registry#$T/registry#; s#--config .*#--config $CONFIG#; s/^ExecStart=//p" "$UNITS/sampan-registry.service")
  [ "$command" = "$INST/bin/sampan --root $T/registry serve --config $CONFIG" ]
  # shellcheck disable=SC2086 # the unit's words
  systemd-socket-activate -l "127.0.0.1:$port" $command >"$T/activate.log" 2>&1 3>&- &
  echo $! >"$T/activate.pid"
  wait_for_port "$port" # a connection, too
  for _ in {1..100}; do [ -e "$T/registry/sampan.db" ] && break; sleep 0.1; done
  [ "$(curl -sS -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/v2/")" = 200 ]
  busybox_tar "$T/busybox.tar"
  "$SAMPAN" import -q "$T/busybox.tar" "127.0.0.1:$port/busybox:1"
  "$SAMPAN" push -q "127.0.0.1:$port/busybox:1"
  [[ "$("$SAMPAN" --root "$T/registry" registry ls -q)" = busybox ]]
  end "$(cat "$T/activate.pid")"
}
