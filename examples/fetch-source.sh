#!/bin/bash
# fetch-source.sh PACKAGE FOLDER: the upstream source of a Debian package, from the mirror that this machine's apt uses. The apt lists for
# it are kept in FOLDER: neither sources.list nor anything else of this machine changes.
set -eu
package=$1 folder=$2
mkdir -p "$folder/lists/partial" "$folder/cache"
folder=$(cd "$folder" && pwd)
read -r mirror codename < <(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
  awk '$1 == "Debian" && $2 == "Debian" && $4 !~ /-/ { print $3, $4; exit }')
[ -n "${mirror:-}" ] || { echo "fetch-source.sh: this machine's apt knows no Debian mirror; run 'apt-get update'" >&2; exit 1; }
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $codename main" >"$folder/sources.list"
options=(-qq -o "Dir::Etc::SourceList=$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache")
cd "$folder"
apt-get "${options[@]}" update
# the upstream tar alone: a mirror that is being renewed may lack the rest
apt-get "${options[@]}" source --download-only --tar-only "$package"
ls "$folder/$package"_*.orig.tar.*
