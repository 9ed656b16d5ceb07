#!/usr/bin/env bats
# The files of a container: cp, diff, commit. What is expected was checked against docker.
bats_require_minimum_version 1.5.0
load common
load run_common

setup_file() {
  setup_containers
  mkdir -p "$T/here/dir/s"
  cd "$T/here"
  echo hello >f
  chown 1234:1235 f 2>/dev/null || true
  echo 1 >dir/s/1
  ln -s f link
  ln -s dir dirlink
}
teardown_file() { remove_containers; }
setup() { cd "$T/here" && mkdir -p "$T/out/$BATS_TEST_NUMBER" && OUT=$T/out/$BATS_TEST_NUMBER; }

busy() { # NAME [OPTION…]: a container with files and links
  "$SAMPAN" run -d --name "$1" --network host "${@:2}" native:1 sh -c 'echo hi >/file; mkdir -p /d/sub; echo x >/d/sub/x; ln -s /file /lnk; ln -s /d /dl
    ln -s /nowhere /dang; chown 1000:50 /d/sub/x; rm /etc/group; echo >>/etc/passwd; touch /ready; sleep 600' >/dev/null
  wait_for 10 "$SAMPAN" exec "$1" cat /ready
}
inside() { "$SAMPAN" exec "$n" "$@"; }

@test "cp into a container: names, folders, links, owners" {
  busy "$(name)" && n=$(name)
  "$SAMPAN" cp f "$n:/tmp/"
  [ "$(inside stat -c '%u:%g %s' /tmp/f)" = "1234:1235 6" ]
  "$SAMPAN" cp f "$n:tmp/new" # relative to the root
  [ "$(inside cat /tmp/new)" = hello ]
  "$SAMPAN" cp dir "$n:/tmp/d1"
  [ "$(inside cat /tmp/d1/s/1)" = 1 ]
  "$SAMPAN" cp dir "$n:/tmp/d1"
  [ "$(inside cat /tmp/d1/dir/s/1)" = 1 ]
  "$SAMPAN" cp dir/. "$n:/tmp/d2"
  [ "$(inside cat /tmp/d2/s/1)" = 1 ]
  "$SAMPAN" cp f "$n:/lnk" # where it leads
  [ "$(inside cat /file)" = hello ]
  [ "$(inside busybox readlink /lnk)" = /file ]
  "$SAMPAN" cp f "$n:/dl"
  [ "$(inside cat /d/f)" = hello ]
  "$SAMPAN" cp f "$n:/dang"
  [ "$(inside cat /nowhere)" = hello ]
  "$SAMPAN" cp link "$n:/tmp/l1"
  [ "$(inside busybox readlink /tmp/l1)" = f ]
  "$SAMPAN" cp -L link "$n:/tmp/l2"
  [ "$(inside sh -c 'busybox readlink /tmp/l2 || cat /tmp/l2')" = hello ]
  "$SAMPAN" cp dirlink/ "$n:/tmp/d3"
  [ "$(inside cat /tmp/d3/s/1)" = 1 ]
}

@test "cp out of a container: what comes out is the caller's" {
  busy "$(name)" && n=$(name)
  cd "$OUT"
  "$SAMPAN" cp "$n:/d/sub/x" .
  [ "$(stat -c %u:%g x)" = "$(id -u):$(id -g)" ]
  "$SAMPAN" cp -a "$n:/d/sub/x" kept
  [ "$(stat -c %u:%g kept)" = 1000:50 ]
  "$SAMPAN" cp "$n:/d" d1
  "$SAMPAN" cp "$n:/d" d1
  [ "$(cat d1/sub/x d1/d/sub/x)" = $'x\nx' ]
  "$SAMPAN" cp "$n:/d/." d2
  [ "$(cat d2/sub/x)" = x ]
  "$SAMPAN" cp "$n:/lnk" l1
  [ "$(readlink l1)" = /file ]
  "$SAMPAN" cp -L "$n:/lnk" l2
  [ "$(cat l2)" = hi ]
  "$SAMPAN" cp "$n:/dl/" l3
  [ "$(cat l3/sub/x)" = x ]
}

@test "cp and tars: '-' on either side" {
  busy "$(name)" && n=$(name)
  [ "$("$SAMPAN" cp "$n:/d" - | tar -tf - | xargs)" = "d/ d/sub/ d/sub/x" ]
  [ "$("$SAMPAN" cp "$n:/d/." - | tar -tf - | xargs)" = "./ ./sub/ ./sub/x" ]
  [ "$("$SAMPAN" cp "$n:/lnk" - | tar -tvf - | sed 's/.* lnk/lnk/')" = "lnk -> /file" ]
  tar --owner=77 --group=78 -cf - f | gzip | "$SAMPAN" cp - "$n:/dl"
  [ "$(inside stat -c %u:%g /d/f)" = 77:78 ]
  tar -cf "$OUT/tar" f
  run "$SAMPAN" cp - "$n:/file" <"$OUT/tar"
  [ "$status" -eq 1 ]
  run "$SAMPAN" cp - "$n:/none" <"$OUT/tar"
  [ "$status" -eq 1 ]
  head -c 700 "$OUT/tar" >"$OUT/cut"
  run "$SAMPAN" cp - "$n:/d" <"$OUT/cut"
  [ "$status" -eq 1 ]
}

@test "cp: what can't be is refused, and nothing is there afterwards" {
  busy "$(name)" && n=$(name)
  for words in "f $n:/nope/x" "f $n:/nope/" "f $n:/tmp/nope/" "dir $n:/file" "nosuch $n:/tmp" "f/ $n:/tmp" "$n:/nosuch $OUT" "$n:/file $OUT/no/x" \
    "$n:/file $OUT/no/" "$n:/d f" "$n:/proc/self/status $OUT/st" "$n:/proc/1/status $OUT/st" "f $n-none:/x" "$n:/file/ $OUT/y"; do
    # shellcheck disable=SC2086
    run "$SAMPAN" cp $words
    [ "$status" -eq 1 ]
  done
  for words in "f g" "$n:/x $n:/y" "f $n:" "f"; do
    # shellcheck disable=SC2086
    run "$SAMPAN" cp $words
    [ "$status" -eq 2 ]
  done
  [ -z "$(ls -A "$OUT")" ]
  [ "$(cat f)" = hello ]
}

@test "cp onto a full disk fails, and doesn't wait for a reader of its own archive" {
  n=$(name) && busy "$n"
  inside dd if=/dev/zero of=/big bs=1M count=8
  mkdir full
  run timeout 20 unshare -m sh -c 'mount -t tmpfs -o size=1m tmpfs full && "$0" cp "$1:/big" full/' "$SAMPAN" "$n"
  [ "$status" -eq 1 ]
  [[ $output == *"No space left"* ]]
}

@test "cp: volumes are seen as in the container, running and stopped; read-only ones stay so" {
  n=$(name)
  mkdir "$OUT/bind"
  echo bound >"$OUT/bind/b"
  "$SAMPAN" create --name "$n" --network host -v "$n-v:/vol" -v "$OUT/bind:/ro:ro" native:1 sh -c 'cat /vol/f; echo rw >/vol/v; sleep 600' >/dev/null
  "$SAMPAN" cp f "$n:/vol/" # before its first start
  "$SAMPAN" cp "$n:/ro/b" "$OUT/b"
  [ "$(cat "$OUT/b")" = bound ]
  run "$SAMPAN" cp f "$n:/ro/"
  [ "$status" -eq 1 ]
  "$SAMPAN" start "$n"
  wait_for 10 "$SAMPAN" cp "$n:/vol/v" "$OUT/v"
  [ "$(cat "$OUT/v")" = rw ]
  [ "$("$SAMPAN" logs "$n")" = hello ]
  run "$SAMPAN" cp f "$n:/ro/"
  [ "$status" -eq 1 ]
  [ "$(ls "$OUT/bind")" = b ]
  "$SAMPAN" stop -t 0 "$n"
  "$SAMPAN" cp "$n:/vol/v" - | tar -tf - | grep -qx v
  [ "$(cat "$("$SAMPAN" volume inspect -f '{{.Mountpoint}}' "$n-v")/f")" = hello ]
}

@test "cp: links never lead out, in either direction, even while they are swapped" {
  n=$(name)
  mkdir -p "$OUT/target"
  echo secret >"$OUT/secret"
  "$SAMPAN" run -d --name "$n" --network host native:1 sh -c "
    ln -s '$OUT/target' /abs; ln -s ../../../../../../../../..$OUT/target /up; ln -s '$OUT/secret' /key
    mkdir -p '$OUT' /real; touch /ready
    while :; do rm -rf /swap; ln -s '$OUT/target' /swap; rm /swap; mkdir /swap; done" >/dev/null
  wait_for 10 "$SAMPAN" exec "$n" cat /ready
  for to in /abs /abs/x /up /up/ /abs/; do
    run "$SAMPAN" cp f "$n:$to"
    run "$SAMPAN" cp dir "$n:$to"
  done
  for _ in $(seq 12); do run "$SAMPAN" cp dir "$n:/swap"; done
  [ -z "$(ls -A "$OUT/target")" ]
  for from in /key /abs/../secret /up/../secret; do
    run "$SAMPAN" cp -L "$n:$from" "$OUT/stolen"
    [ ! -e "$OUT/stolen" ] || [ "$(cat "$OUT/stolen")" != secret ]
  done
  # a link that came out first is not followed by what comes next
  "$SAMPAN" exec "$n" sh -c "mkdir /one /two /two/sub; ln -s '$OUT/target' /one/sub; echo evil >/two/sub/file"
  mkdir "$OUT/both"
  "$SAMPAN" cp "$n:/one/." "$OUT/both"
  run "$SAMPAN" cp "$n:/two/." "$OUT/both"
  [ "$status" -eq 1 ]
  printf 'x' >"$OUT/x"
  tar -C "$OUT" --transform 's,^x,../../x,' -cPf "$OUT/tar" x
  run "$SAMPAN" cp - "$n:/tmp" <"$OUT/tar"
  [ "$status" -eq 1 ]
  [ -z "$(ls -A "$OUT/target")" ]
}

@test "diff: added, changed, removed, and nothing that the runtime made" {
  busy "$(name)" && n=$(name)
  [ "$("$SAMPAN" diff "$n")" = "$(printf '%s\n' 'A /d' 'A /d/sub' 'A /d/sub/x' 'A /dang' 'A /dl' 'C /etc' 'D /etc/group' 'C /etc/passwd' 'A /file' 'A /lnk' \
    'A /ready')" ]
  "$SAMPAN" stop -t 0 "$n"
  [[ $("$SAMPAN" diff "$n") == *"D /etc/group"* ]]
  [ "$("$SAMPAN" --format json diff "$n" | python3 -c 'import json, sys; print(json.load(sys.stdin)[6])')" = "{'kind': 'D', 'path': '/etc/group'}" ]
  "$SAMPAN" run --name "$n-none" --network host -v "$n-v:/etc/vol" --tmpfs /run/x native:1 true
  [ -z "$("$SAMPAN" diff "$n-none")" ]
  "$SAMPAN" create --name "$n-new" --network host native:1 true
  [ -z "$("$SAMPAN" diff "$n-new")" ]
  # a folder that is removed and made anew hides what it had
  "$SAMPAN" run --name "$n-dir" --network host native:1 sh -c 'rm -r /etc/*; rmdir /etc; mkdir /etc; echo me >/etc/passwd' || true
  [[ $("$SAMPAN" diff "$n-dir") == *"D /etc/group"*"C /etc/passwd"* ]]
}

@test "commit: files and settings become an image; changes of a Dockerfile's words" {
  n=$(name)
  "$SAMPAN" run -d --name "$n" --network host -e X=y -w /tmp -l a=b -v "$n-v:/vol" native:1 \
    sh -c 'echo hi >/file; rm /etc/group; chown 7:8 /file; echo v >/vol/v; echo ready; sleep 600' >/dev/null
  wait_for 10 bash -c '"$SAMPAN" logs '"$n"' | grep -q ready'
  id=$("$SAMPAN" commit -m why -a me -c 'CMD ["cat", "/file"]' -c 'ENV A=b C=$X' -c 'EXPOSE 80' "$n" "$n:1")
  state_is "$n" running
  [ "$("$SAMPAN" inspect -f '{{.Id}} {{.Author}} {{.Config.WorkingDir}} {{json .Config.Env}}' "$n:1")" = "$id me /tmp [\"X=y\",\"A=b\",\"C=y\"]" ]
  [[ $("$SAMPAN" history "$n:1") == *"sh -c echo hi"*why* ]]
  [ "$("$SAMPAN" run --rm --network host "$n:1")" = hi ]
  [ "$("$SAMPAN" run --rm --network host "$n:1" sh -c 'stat -c %u:%g /file; ls /vol /etc/group 2>/dev/null; echo $C')" = $'7:8\ny' ]
  # nothing of the runtime's is in the layer
  "$SAMPAN" save -o "$OUT/image.tar" "$n:1"
  mkdir "$OUT/image"
  tar -C "$OUT/image" -xf "$OUT/image.tar"
  for blob in "$OUT"/image/blobs/sha256/*; do tar -tzf "$blob" 2>/dev/null || true; done >"$OUT/list"
  run ! grep -E "resolv.conf|etc/host|^proc|^sys|^dev" "$OUT/list"
  grep -q 'etc/.wh.group' "$OUT/list"
  # what can't be is said before anything stands still
  "$SAMPAN" events --since 1h --until 0s -f "container=$n" -f event=pause >"$OUT/before"
  run ! "$SAMPAN" commit -c 'CMDD x' "$n"
  "$SAMPAN" events --since 1h --until 0s -f "container=$n" -f event=pause | diff "$OUT/before" -
  # of one that has ended, without a name
  "$SAMPAN" stop -t 0 "$n"
  id=$("$SAMPAN" commit "$n")
  [ "$("$SAMPAN" run --rm --network host "$id" cat /file)" = hi ]
  for change in 'RUN x' 'CMDD x' 'FROM y' 'WORKDIR x' ''; do
    run "$SAMPAN" commit -c "$change" "$n"
    [ "$status" -ne 0 ]
  done
  run "$SAMPAN" commit "$n" 'Bad Name'
  [ "$status" -ne 0 ]
}

@test "kill -9 in the middle of cp and commit: the container can go on" {
  n=$(name)
  "$SAMPAN" run -d --name "$n" --network host native:1 sh -c 'dd if=/dev/urandom of=/big bs=1M count=24 2>/dev/null; echo ready; sleep 600' >/dev/null
  wait_for 20 bash -c '"$SAMPAN" logs '"$n"' | grep -q ready'
  "$SAMPAN" commit "$n" killed:1 3>&- >/dev/null & pid=$!
  wait_for 10 state_is "$n" paused
  kill -9 "$pid"
  wait "$pid" || true
  "$SAMPAN" unpause "$n"
  state_is "$n" running
  [ "$("$SAMPAN" exec "$n" echo alive)" = alive ]
  run "$SAMPAN" inspect killed:1
  [ "$status" -eq 1 ]
  "$SAMPAN" stop -t 0 "$n"
  "$SAMPAN" cp "$n:/big" "$OUT/big" 3>&- & pid=$!
  sleep 0.15
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" || true
  "$SAMPAN" cp "$OUT" "$n:/again" 3>&- & pid=$!
  sleep 0.05
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" || true
  "$SAMPAN" start "$n"
  state_is "$n" running
  "$SAMPAN" cp f "$n:/again-f"
  "$SAMPAN" rm -f "$n"
  run ! grep -q "$T" /proc/self/mountinfo
}
