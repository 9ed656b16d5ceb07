#!/usr/bin/env bats
# What a pull-through cache holds: dropped by hand, and fetched again where the disk has lost it.
bats_require_minimum_version 1.5.0
load common
load proxy_common

setup_file() { proxy_setup_file; }
teardown_file() { remove_folder; }
setup() { proxy_setup; }
teardown() { proxy_teardown; }

damage() { # DIGEST [truncate|flip|remove]
  local file=$ROOT/blobs/sha256/${1#sha256:}
  chmod u+w "$file"
  case ${2:-flip} in
    truncate) truncate -s 10 "$file" ;;
    flip) printf X | dd of="$file" bs=1 seek=5 conv=notrunc status=none ;;
    remove) rm -f "$file" ;;
  esac
}
# Image up/good/image:1 in the cache, whole: MANIFEST, CONFIG, D (a layer).
fill() { # [REPOSITORY]
  local repository=${1:-good/image} each
  layers "$repository"
  MANIFEST=sha256:$(sha256sum <"$T/body" | cut -d' ' -f1)
  CONFIG=$(jq -r .config.digest "$T/body")
  for each in $(jq -r '.config.digest, .layers[].digest' "$T/body"); do is "$(ask "$U/up/$repository/blobs/$each")" 200; done
}
sound() { run -0 "$SAMPAN" --root "$ROOT" fsck; }

@test "fsck puts damaged blobs away and fetches them again, beside the server" {
  cache
  fill
  damage "$MANIFEST" flip
  damage "$CONFIG" remove
  damage "$D" truncate
  run -1 "$SAMPAN" --root "$ROOT" registry fsck
  for each in "blob $CONFIG is missing" "blob $D is damaged: moved to quarantine" "manifest $MANIFEST was fetched again from http://$FAULTY" \
    "blob $CONFIG was fetched again" "blob $D was fetched again"; do [[ $output == *"$each"* ]] || { echo "no: $each"; echo "$output"; false; }; done
  [[ $output != *incomplete* ]]
  [ -e "$ROOT/quarantine/sha256-${D#sha256:}" ]
  : >"$T/log"
  is "$(ask "$U/up/good/image/blobs/$D")" 200
  body_is_right
  is "$(asked "GET /v2/good/image/blobs")" 0
  sound
}

@test "fsck without a server, also for those that were pushed elsewhere; --local fetches nothing; later it can" {
  cache
  fill
  is "$(ask -X POST "$U/mine/blobs/uploads/?mount=$D&from=up/good/image")" 201
  end "$REGISTRY_PID"
  damage "$D"
  run -1 "$SAMPAN" --root "$ROOT" fsck --local --format json
  [ "$(jq .damaged <<<"$output")" = 1 ]
  [ ! -e "$ROOT/blobs/sha256/${D#sha256:}" ]
  run -1 "$SAMPAN" --root "$ROOT" fsck
  [[ $output == *"blob $D was fetched again"* ]]
  sound
  serve
  is "$(ask "$U/mine/blobs/$D")" 200
  body_is_right
}

@test "fsck while the upstream is away says so, keeps what was linked, and the next pull brings it back" {
  cache
  fill
  damage "$D"
  end "$REGISTRY_PID"
  sed -i "s/$FAULTY/127.0.0.1:1/" "$ROOT/registry.json"
  run -1 "$SAMPAN" --root "$ROOT" fsck
  [[ $output == *"blob $D could not be fetched again from http://127.0.0.1:1: "* ]] || { echo "$output"; false; }
  sed -i "s/127.0.0.1:1\"/$FAULTY\"/" "$ROOT/registry.json"
  serve
  is "$(ask "$U/up/good/image/blobs/$D")" 200
  body_is_right
  sound
}

@test "fsck believes an upstream no more than a pull does: wrong bytes are not kept" {
  cache
  fill flaky/image
  damage "$D"
  end "$REGISTRY_PID"
  echo altered >"$T/log.mode"
  run -1 "$SAMPAN" --root "$ROOT" fsck
  rm -f "$T/log.mode"
  [[ $output == *"could not be fetched again"* ]] || { echo "$output"; false; }
  [ ! -e "$ROOT/blobs/sha256/${D#sha256:}" ]
  serve
}

@test "gc --cached drops what nobody pulled for so long, or all; what was pushed stays" {
  cache
  fill
  is "$(printf pushed | ask -X POST -H 'Content-Type: a/b' --data-binary @- "$U/mine/blobs/uploads/?digest=sha256:$(printf pushed | sha256sum | cut -d' ' -f1)")" 201
  run -0 "$SAMPAN" --root "$ROOT" gc --cached 7d --grace 0
  [[ $output != *"of the cache"* ]]
  is "$(curl -s "$U/up/good/image/manifests/1" -o /dev/null -w '%{http_code}')" 200
  [ -e "$ROOT/blobs/sha256/${D#sha256:}" ]
  run -0 "$SAMPAN" --root "$ROOT" gc --cached 0
  [[ $output == *"Removed "*" of the cache"*"--grace 0 does it now"* ]] || { echo "$output"; false; }
  run -0 "$SAMPAN" --root "$ROOT" registry gc --cached 0 --grace 0 --format json
  [ "$(jq .blobs.count <<<"$output")" -gt 1 ]
  [ ! -e "$ROOT/blobs/sha256/${D#sha256:}" ]
  is "$(ask "$U/_catalog")" 200
  : >"$T/log"
  is "$(ask "$U/up/good/image/blobs/$D")" 200
  body_is_right
  is "$(asked "GET /v2/good/image/blobs")" 1
  run -2 "$SAMPAN" --root "$ROOT" gc --cached nonsense
}
