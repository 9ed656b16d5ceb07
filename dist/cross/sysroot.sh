#!/bin/bash
# sysroot.sh [--suite SUITE] [--source 'deb … SUITE main'] [--cache FOLDER] [--alone] ARCHITECTURE FOLDER [PACKAGE…]
#
# Unpacks Debian packages of another architecture into FOLDER, with all that they need: what cross-compiling sampan asks for (the -dev packages of
# dist/packages) unless others are named. FOLDER/cross.ini is then the file for `meson setup --cross-file`. Needs no root.
#
#   --suite    trixie by default
#   --source   a line of sources.list instead of this machine's own mirror, say of another mirror while that one is being renewed
#   --cache    where lists and packages are kept; ~/.cache/sampan/debs by default
#   --alone    without what the packages depend on
#
# The apt that does it has sources, lists and an (empty) list of installed packages of its own: nothing of this machine's changes, and no foreign
# architecture is added to it. No script of a package runs.
set -eu -o pipefail
suite=trixie source='' cache=${XDG_CACHE_HOME:-$HOME/.cache}/sampan/debs alone=
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; }
while [ $# -gt 0 ]; do
  case $1 in
  --suite) suite=$2; shift ;;
  --source) source=$2; shift ;;
  --cache) cache=$2; shift ;;
  --alone) alone=yes ;;
  -h | --help) usage; exit 0 ;;
  -*) echo "sysroot.sh: there is no option $1; --help lists them" >&2; exit 2 ;;
  *) break ;;
  esac
  shift
done
[ $# -ge 2 ] || { usage >&2; exit 2; }
architecture=$1 list=$(dirname "$0")/../packages
mkdir -p "$2" "$cache"
root=$(realpath "$2") cache=$(realpath "$cache")
shift 2
case $architecture in
riscv64) triple=riscv64-linux-gnu family=riscv64 ;;
arm64) triple=aarch64-linux-gnu family=aarch64 ;;
amd64) triple=x86_64-linux-gnu family=x86_64 ;;
*) echo "sysroot.sh: $architecture is none of riscv64, arm64, amd64" >&2; exit 2 ;;
esac

# The first archive of Debian's own that this machine's apt has in its sources.
mirror() {
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' | sed -n 's/^Debian|Debian|//p' | head -n 1
}

if [ -z "$source" ]; then
  url=$(mirror)
  [ -n "$url" ] || { echo "sysroot.sh: apt here has no mirror of Debian's (apt-get update?); name one with --source" >&2; exit 1; }
  source="deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $url $suite main"
fi
state=$cache/$architecture-$(printf %s "$source" | sha256sum | cut -c1-12)
mkdir -p "$state/lists/partial" "$state/none" "$cache/archives/partial"
printf '%s\n' "$source" >"$state/sources.list"
: >"$state/status"
cat >"$state/apt.conf" <<END
APT::Architecture "$architecture"; APT::Architectures { "$architecture"; }; APT::Install-Recommends "false"; APT::Sandbox::User "root";
Dir::State "$state"; Dir::State::lists "$state/lists"; Dir::State::status "$state/status"; Dir::Cache "$state"; Dir::Log "$state";
Dir::Cache::archives "$cache/archives"; Dir::Etc::sourcelist "$state/sources.list"; Dir::Etc::sourceparts "-"; Dir::Etc::preferencesparts "$state/none";
Acquire::Languages "none"; Acquire::Retries "3"; APT::Update::Error-Mode "any"; Debug::NoLocking "1";
END
export APT_CONFIG=$state/apt.conf LC_ALL=C

# Lists are renewed daily, the first time that something is unpacked from them.
if [ -z "$(find "$state/lists" -maxdepth 1 -name '*Packages*' -mtime -1)" ] && ! apt-get -qq update >"$state/update.log" 2>&1; then
  grep '^[EW]:' "$state/update.log" >&2
  echo "sysroot.sh: no lists of '$source'; a mirror that is being renewed is right again later, --source names another" >&2
  exit 1
fi

# The package files that have to be unpacked; apt names a file so in its cache.
files() {
  if [ -n "$alone" ]; then
    apt-cache show --no-all-versions "$@" | awk '/^Package:/ { name = $2 } /^Version:/ { version = $2 } /^Architecture:/ { machine = $2 } /^$/ { print name, version, machine }'
  else
    apt-get -s install "$@" | sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*\[\([a-z0-9]*\)\]).*/\1 \2 \3/p'
  fi | sed 's/:/%3a/g; s/ /_/g; s/$/.deb/'
}

fetch() {
  if [ -n "$alone" ]; then
    (cd "$cache/archives" && apt-get -qq download "$@" >/dev/null)
  else
    apt-get -qq -y --download-only install "$@" >/dev/null
  fi
}

for folder in bin sbin lib lib64; do # base-files would make these links
  mkdir -p "$root/usr/$folder"
  ln -sfn "usr/$folder" "$root/$folder"
done
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(awk '$1 == "build" { for (i = 2; i <= NF; i++) if ($i ~ /-dev$/) print $i }' "$list")
wanted=$(files "$@")
[ -n "$wanted" ] || { echo "sysroot.sh: $suite has none of: $*" >&2; exit 1; }
fetch "$@"
for file in $wanted; do
  dpkg-deb --fsys-tarfile "$cache/archives/$file" | tar -C "$root" -x --no-same-owner --keep-directory-symlink --exclude './usr/share/doc/*' --exclude './usr/share/man/*'
done

# The folders are named again since Debian's cross compiler looks into those of its own C library first.
cat >"$root/cross.ini" <<END
[constants]
root = '$root'
args = ['--sysroot', root, '-isystem', root / 'usr/include/$triple', '-isystem', root / 'usr/include', '-B', root / 'usr/lib/$triple/']

[binaries]
c = [$(command -v ccache >/dev/null && echo "'ccache', ")'$triple-gcc'] + args
ar = '$triple-ar'
strip = '$triple-strip'
pkgconfig = 'pkg-config'

[properties]
sys_root = root
pkg_config_libdir = [root / 'usr/lib/$triple/pkgconfig', root / 'usr/share/pkgconfig']
needs_exe_wrapper = true

[host_machine]
system = 'linux'
cpu_family = '$family'
cpu = '$family'
endian = 'little'
END
