# For the runner's files: a store with the image native:1, containers removed at the end.

setup_containers() {
  setup_folder
  busybox_tar "$T/native.tar"
  "$SAMPAN" import "$T/native.tar" native:1 >/dev/null
}

remove_containers() {
  "$SAMPAN" ps -aq | xargs -r "$SAMPAN" rm -f >/dev/null
  remove_folder
}

# A name of its own for each test, so that they can run side by side.
name() { echo "t$BATS_TEST_NUMBER"; }

wait_for() { # SECONDS COMMAND…
  local tries # not n: the functions that it calls see it
  for ((tries = 0; tries < $1 * 10; tries++)); do
    "${@:2}" && return 0
    sleep 0.1
  done
  return 1
}

state() { "$SAMPAN" inspect -f '{{.State.Status}}' "$1"; }
state_is() { [ "$(state "$1")" = "$2" ]; }
in_native() { "$SAMPAN" run --rm --network host "$@"; }
