#!/usr/bin/env bats
# The Debian package, made, looked at by lintian, installed into fresh roots of Debian 12 and 13, booted there by their own systemd, and purged
# (tests/run.sh packages: a quarter of an hour). It needs root, and dist/setup.sh build run test packages.
#   DEB_ROOT=…        a store with the images of an earlier run, which makes it quick
#   DEB_MIRROR_trixie=… DEB_MIRROR_bookworm=…   their mirrors, where the machine's won't do; DEB_FLAGS as for dist/deb.sh
load ../common
TOP=$(cd "$BATS_TEST_DIRNAME/../../.." && pwd)

setup_file() {
  [ "$(id -u)" = 0 ] || skip "only root can boot a root"
  setup_folder
  export BUILD=$T/build DEB_ROOT=${DEB_ROOT:-$T/store}
}

teardown_file() {
  local suite
  for suite in bookworm trixie; do [ ! -e "$T/$suite.pid" ] || end "$(cat "$T/$suite.pid")" KILL; done
  for group in /sys/fs/cgroup/sampan-boot-* /sys/fs/cgroup/unified/sampan-boot-*; do
    [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
  remove_folder
}

mirror_of() { local name=DEB_MIRROR_$1; echo "${!name:-}"; }

make_package() { # SUITE [FOLDER]
  DEB_MIRROR=$(mirror_of "$1") "${2:-$TOP}/dist/deb.sh" amd64 "$1" >"$T/deb-$1.log" 2>&1 || { tail -30 "$T/deb-$1.log"; return 1; }
}

package_of() { ls "$BUILD"/deb/sampan_*~deb"$(sed 's/bookworm/12/; s/trixie/13/' <<<"$1")_amd64.deb"; }

made() { # SUITE
  make_package "$1"
  lintian --fail-on error,warning --allow-root "$(package_of "$1")"
  [ "$(dpkg-deb -f "$(package_of "$1")" Installed-Size)" -le 3072 ]
  local meson
  meson=$(sed -n "s/^  version: '\(.*\)',$/\1/p" "$TOP/meson.build")
  [[ "$(dpkg-deb -f "$(package_of "$1")" Version)" == "$meson"~deb* ]]
}

in_root() { # SUITE COMMAND…
  local suite=$1
  shift
  unshare --mount --propagation private sh -c 'root=$1; shift; mount -t proc proc "$root/proc"; exec chroot "$root" "$@"' in_root "$T/root-$suite" "$@"
}

booted() { # SUITE COMMAND…
  local suite=$1
  shift
  nsenter -t "$(cat "$T/$suite.pid")" -a "$@"
}

installed() { # SUITE
  # shellcheck disable=SC2046 # a mirror is no word or one
  mmdebstrap --quiet --variant=minbase --include=systemd-sysv,dbus,curl "$1" "$T/root-$1" "$(mirror_of "$1" | grep . || apt_mirror)"
  cp /etc/resolv.conf "$T/root-$1/etc/"
  cp "$(package_of "$1")" "$T/root-$1/sampan.deb"
  in_root "$1" env DEBIAN_FRONTEND=noninteractive sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends /sampan.deb' >"$T/install-$1.log" 2>&1 || { tail -20 "$T/install-$1.log"; return 1; }
  in_root "$1" sampan version
  [ "$(in_root "$1" stat -c '%U %a' /var/lib/sampan-registry)" = "sampan 700" ]
  [ -L "$T/root-$1/etc/systemd/system/multi-user.target.wants/sampan-restart.service" ]
  [ ! -L "$T/root-$1/etc/systemd/system/sockets.target.wants/sampan-registry.socket" ]
}

apt_mirror() { apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' | awk -F'|' '$1 == "Debian" && $2 == "Debian" { print $3; exit }'; }

served() { # SUITE
  "$BATS_TEST_DIRNAME/boot.sh" "$T/root-$1" "$T/$1.pid" "$T/boot-$1.log"
  booted "$1" systemctl enable --now sampan-registry.socket
  [ "$(booted "$1" systemctl is-active sampan-registry.service)" = inactive ]
  [ "$(booted "$1" curl -sS -o /dev/null -w '%{http_code}' http://127.0.0.1:6000/v2/)" = 200 ]
  [ "$(booted "$1" systemctl is-active sampan-registry.service)" = active ]
  # A push, a pull, gc: under all that the unit forbids. The program is this machine's, the network the root's.
  [ -e "$T/busybox.tar" ] || { busybox_tar "$T/busybox.tar"; "$SAMPAN" import -q "$T/busybox.tar" 127.0.0.1:6000/team/busybox:1; }
  nsenter -t "$(cat "$T/$1.pid")" -n "$SAMPAN" push -q 127.0.0.1:6000/team/busybox:1
  nsenter -t "$(cat "$T/$1.pid")" -n "$SAMPAN" --root "$T/other-$1" pull -q 127.0.0.1:6000/team/busybox:1
  booted "$1" sampan --root /var/lib/sampan-registry user add alice
  booted "$1" systemctl reload sampan-registry
  booted "$1" sh -c 'kill -9 $(systemctl show -p MainPID --value sampan-registry)'
  [ "$(booted "$1" curl -sS --retry 20 --retry-all-errors http://127.0.0.1:6000/v2/_catalog)" = '{"repositories":["team/busybox"]}' ]
  booted "$1" systemctl restart sampan-registry
  [ "$(booted "$1" systemctl show -p NRestarts,Result --value sampan-registry | tr '\n' ' ')" = "0 success " ] || booted "$1" systemctl status sampan-registry
  run booted "$1" sh -c 'cd /proc/$(systemctl show -p MainPID --value sampan-registry) && grep -E "^(CapEff|NoNewPrivs|Seccomp|Uid)" status'
  [[ "$output" == *"CapEff:"*0000000000000000* && "$output" == *"NoNewPrivs:"*1* && "$output" == *"Seccomp:"*2* && "$output" != *$'Uid:\t0'* ]]
  [ "$(booted "$1" sh -c 'journalctl -b -u sampan-registry | grep -c "code could"')" = 0 ]
}

# An upgrade, to the same version. A registry goes on with the new program; then one that was purged is gone.
purged() { # SUITE
  local before
  before=$(booted "$1" systemctl show -p MainPID --value sampan-registry)
  booted "$1" dpkg -i /sampan.deb >"$T/upgrade-$1.log" 2>&1 || { cat "$T/upgrade-$1.log"; return 1; }
  [ "$(booted "$1" systemctl is-active sampan-registry)" = active ]
  [ "$(booted "$1" systemctl show -p MainPID --value sampan-registry)" != "$before" ]
  booted "$1" env DEBIAN_FRONTEND=noninteractive apt-get purge -y -qq sampan >"$T/purge-$1.log" 2>&1 || { tail -20 "$T/purge-$1.log"; return 1; }
  run booted "$1" systemctl is-active sampan-registry.socket sampan-registry.service
  [ "$output" = $'inactive\ninactive' ]
  grep "/var/lib/sampan-registry is kept" "$T/purge-$1.log"
  [ -e "$T/root-$1/var/lib/sampan-registry/sampan.db" ]
  [ ! -e "$T/root-$1/usr/bin/sampan" ] && [ ! -e "$T/root-$1/etc/sampan" ]
  [ -z "$(find "$T/root-$1/etc/systemd/system" -name 'sampan*')" ]
}

@test "the package for Debian 12: lintian is content, 3 MB at most" { made bookworm; }
@test "the package for Debian 13: lintian is content, 3 MB at most" { made trixie; }

@test "made twice it is the same, byte by byte" {
  mkdir "$T/src"
  git -C "$TOP" ls-files -z | (cd "$TOP" && xargs -0 cp --parents -t "$T/src")
  echo "Nothing that is packaged." >"$T/src/doc/else.txt" # so that the step runs again
  cp "$(package_of bookworm)" "$T/first.deb"
  make_package bookworm "$T/src"
  grep -q 'dpkg-deb: building package' "$T/deb-bookworm.log"
  cmp "$T/first.deb" "$(package_of bookworm)"
}

@test "it installs on Debian 12" { installed bookworm; }
@test "Debian 12's systemd starts the registry with the first connection, and it works within what the unit allows" { served bookworm; }
@test "upgraded and purged on Debian 12: the registry goes on, then ends; images stay, and are told of" { purged bookworm; }
@test "it installs on Debian 13" { installed trixie; }
@test "Debian 13's systemd starts the registry with the first connection, and it works within what the unit allows" { served trixie; }
@test "upgraded and purged on Debian 13: the registry goes on, then ends; images stay, and are told of" { purged trixie; }
