#!/bin/bash
# conformance.sh CHECKOUT…: builds the OCI's own conformance suite from checkouts of its distribution-spec and runs it against fresh registries: one that
# is open, one with log-ins, and one over HTTPS with log-ins and nothing for anonymous callers. It needs Go as new as the suite asks for, and what the suite
# is made of (`go build` fetches it). Both generations are understood: the present one, a program, and that of v1.1.1 and before, a
# Ginkgo test; without arguments, $CONFORMANCE names the checkouts, separated by colons. Reports are kept in build/conformance/.
#
# Not part of `make test`, which stands without it: what the suites ask is asked by tests/corpus/distribution/ as well.
set -u
BATS_TEST_DIRNAME=$(cd "$(dirname "$0")" && pwd)/e2e
cd "$BATS_TEST_DIRNAME/../.." || exit 1
. tests/e2e/common.bash
[ $# -gt 0 ] || IFS=: read -r -a checkouts <<<"${CONFORMANCE:-}"
[ $# -eq 0 ] || checkouts=("$@")
[ ${#checkouts[@]} -gt 0 ] || { echo "usage: CONFORMANCE=/path/to/distribution-spec $0" >&2; exit 2; }
setup_folder
trap remove_folder EXIT
reports=$PWD/build/conformance failed=0
user=alice password=correct-horse

build() { # CHECKOUT: sets suite (a program) and generation
  suite=$T/suite generation=program
  compgen -G "$1/conformance/*.go" >/dev/null || { echo "$1 is no checkout of distribution-spec" >&2; exit 2; }
  [ -e "$1/conformance/main.go" ] || generation=ginkgo
  if [ $generation = program ]; then (cd "$1/conformance" && go build -o "$suite" .); else (cd "$1/conformance" && go test -c -o "$suite" .); fi
}

# What both generations understand under their own names.
run_program() { # SCHEME, then log-in as the environment has it
  local tls=disabled
  [ "$1" = http ] || tls=enabled
  for version in 1.1 dev; do
    OCI_VERSION=$version OCI_TLS=$tls OCI_REGISTRY=$REGISTRY OCI_RESULTS_DIR=$out-$version "$suite" >"$out-$version.txt" 2>&1 || failed=1
    printf '%-34s %s\n' "$name, $version" "$(sed -n '/^OCI Conformance Result/,/Total/p' "$out-$version.txt" | tr -s ' .\n' ' ')"
  done
}

run_ginkgo() { # SCHEME
  mkdir -p "$out"
  OCI_ROOT_URL=$1://$REGISTRY OCI_NAMESPACE=conformance/one OCI_CROSSMOUNT_NAMESPACE=conformance/two OCI_AUTOMATIC_CROSSMOUNT=1 OCI_REPORT_DIR=$out \
    OCI_TEST_PULL=1 OCI_TEST_PUSH=1 OCI_TEST_CONTENT_DISCOVERY=1 OCI_TEST_CONTENT_MANAGEMENT=1 "$suite" --ginkgo.no-color >"$out.txt" 2>&1 || failed=1
  printf '%-34s %s\n' "$name" "$(grep -a 'Passed' "$out.txt" || tail -1 "$out.txt")"
}

play() { # NAME SCHEME FLAG…: against a new registry
  name=$1 scheme=$2
  shift 2
  out=$reports/$generation-${name//[^a-z]/-}
  root=$(mktemp -d "$T/root.XXXXXX")
  "$SAMPAN" --root "$root" user add "$user" --group admin --password-stdin <<<"$password" >/dev/null
  start_registry "$root" "$@" || exit 1
  if [ "$scheme" = https ]; then
    curl -sk "https://$REGISTRY/ca.crt" -o "$T/ca.crt"
    export SSL_CERT_FILE=$T/ca.crt # Go's
  fi
  "run_$generation" "$scheme"
  end "$REGISTRY_PID"
}

mkdir -p "$reports"
for checkout in "${checkouts[@]}"; do
  build "$checkout" || exit 1
  unset OCI_USERNAME OCI_PASSWORD
  play "open" http
  export OCI_USERNAME=$user OCI_PASSWORD=$password
  play "log-in to push" http --anonymous pull
  play "HTTPS, log-in for all" https --anonymous none --tls auto
done
exit $failed
