#!/usr/bin/env bats
# sampan as an image that serves a registry (examples/sampan): the result's part of its Dockerfile, around this machine's build and its libraries. Building it
# from source for three platforms is in slow/sampan_image.bats.
load common
load dockerd
load podman

setup_file() {
  setup_folder
  mkdir "$T/context"
  "$TOP/examples/sampan/collect.sh" "$SAMPAN" "$T/out" /usr/share/ca-certificates/mozilla/*.crt
  tar --sort=name --numeric-owner -C "$T/out" -cf "$T/context/out.tar" .
  sed -e '1,/^FROM scratch/!b' -e '/^FROM scratch/!d' "$TOP/examples/sampan/Dockerfile" | sed 's|^COPY --from=build /out/ /|ADD out.tar /|' >"$T/context/Dockerfile"
  "$SAMPAN" build --network none -t sampan:1 "$T/context"
  "$SAMPAN" save -o "$T/sampan.tar" sampan:1
  mkdir -p "$T/client/out"
  printf 'FROM scratch\nCOPY Dockerfile /\n' >"$T/client/Dockerfile"
  "$SAMPAN" --root "$T/client/store" build --network none -t tiny:1 "$T/client"
}

teardown_file() {
  "$SAMPAN" ps -aq | xargs -r "$SAMPAN" rm -f >/dev/null
  remove_folder
}

wait_for() { # SECONDS COMMAND…
  local tries
  for ((tries = 0; tries < $1 * 10; tries++)); do
    "${@:2}" >/dev/null 2>&1 && return 0
    sleep 0.1
  done
  return 1
}

client() { "$SAMPAN" --root "$T/client/store" "$@"; }

# Without a log-in nothing is taken; with the first user's password, from the log, it is. PREFIX… goes before each command.
push_and_pull() { # REGISTRY LOG [PREFIX…]
  local password registry=$1
  password=$(sed -n "s/.*first user is 'admin', with the password //p" "$2" | head -1)
  [ "${#password}" -ge 16 ]
  shift 2
  "$@" "$SAMPAN" --root "$T/client/store" tag tiny:1 "$registry/team/tiny:1"
  run "$@" "$SAMPAN" --root "$T/client/store" push "$registry/team/tiny:1"
  [ "$status" -ne 0 ]
  "$@" "$SAMPAN" --root "$T/client/store" push --creds "admin:$password" "$registry/team/tiny:1"
  still_there "$registry" "$@"
}

still_there() { # REGISTRY [PREFIX…]
  local registry=$1
  shift
  rm -rf --one-file-system "$T/second"
  "$@" "$SAMPAN" --root "$T/second" pull "$registry/team/tiny:1"
}

@test "it says who it runs as, what it keeps, where it listens and how it is asked for its health" {
  run "$SAMPAN" inspect -f '{{.Config.User}} {{json .Config.Volumes}} {{json .Config.ExposedPorts}} {{json .Config.Entrypoint}} {{json .Config.Cmd}} {{json .Config.Healthcheck.Test}}' sampan:1
  [ "$output" = '65532:65532 {"/var/lib/sampan":{}} {"5000/tcp":{}} ["sampan"] ["serve"] ["CMD","sampan","registry","health","-q"]' ]
}

@test "sampan runs it: push, pull, health, and what was pushed is there after kill -9 and a restart" {
  port=$(free_port)
  "$SAMPAN" run -d --name self --restart=always --health-interval 1s -p "127.0.0.1:$port:5000" sampan:1 3>&-
  wait_for 20 curl -sf "http://127.0.0.1:$port/readyz"
  "$SAMPAN" logs self >"$T/self.log" 2>&1
  push_and_pull "127.0.0.1:$port" "$T/self.log"
  wait_for 20 sh -c "'$SAMPAN' inspect -f '{{.State.Health.Status}}' self | grep -x healthy"
  kill -KILL "$("$SAMPAN" inspect -f '{{.State.Pid}}' self)"
  wait_for 20 curl -sf "http://127.0.0.1:$port/readyz"
  still_there "127.0.0.1:$port"
  "$SAMPAN" exec self sampan registry ls -q | grep -x team/tiny
  [ "$("$SAMPAN" exec self sampan registry health)" != "" ]
  "$SAMPAN" rm -f self
}

@test "docker runs it as its first registry: -d -p 6000:5000 --restart=always" {
  start_dockerd graph bridge 2>"$T/why" || skip "$(cat "$T/why")"
  inside=(nsenter --net="/proc/$(cat "$T/docker-graph.pid")/ns/net")
  docker load -q -i "$T/sampan.tar"
  run docker run -d --name self -p 6000:5000 --restart=always sampan:1
  [ "$status" -eq 0 ] || [[ "$output" != *cgroup* ]] || skip "$output"
  wait_for 20 "${inside[@]}" curl -sf http://127.0.0.1:6000/readyz
  docker logs self >"$T/docker.log" 2>&1
  push_and_pull 127.0.0.1:6000 "$T/docker.log" "${inside[@]}"
  docker exec self sampan registry health -q
  kill -KILL "$(docker inspect -f '{{.State.Pid}}' self)"
  wait_for 20 sh -c "docker inspect -f '{{.RestartCount}} {{.State.Running}}' self | grep -x '1 true'"
  wait_for 20 "${inside[@]}" curl -sf http://127.0.0.1:6000/readyz
  still_there 127.0.0.1:6000 "${inside[@]}"
  docker rm -f self
  mkdir "$T/roots"
  run docker run --rm -v "$T/roots:/var/lib/sampan" sampan:1
  [ "$status" -ne 0 ]
  [[ "$output" == *"chown -R 65532 /var/lib/sampan"* ]]
}

@test "podman runs it, with settings by the environment and a read-only root" {
  setup_podman
  image=$(aside podman load -q -i "$T/sampan.tar" | sed 's/^Loaded image: //')
  port=$(free_port)
  aside podman run -d --name self --network host --read-only -e SAMPAN_LISTEN=127.0.0.1:"$port" -e SAMPAN_TLS=auto -e SAMPAN_ANONYMOUS=pull "$image" 3>&-
  wait_for 20 curl -sfk "https://127.0.0.1:$port/readyz"
  aside podman exec self sampan registry health -q
  aside podman rm -f -t 0 self
}

@test "flags win over the environment, which wins over the settings file" {
  mkdir -p "$T/env"
  echo '{"listen": ["127.0.0.1:1"], "access": {"anonymous": "none"}}' >"$T/env/registry.json"
  port=$(free_port)
  SAMPAN_LISTEN=127.0.0.1:2,127.0.0.1:3 SAMPAN_ANONYMOUS=pull "$SAMPAN" --root "$T/env" serve --listen "127.0.0.1:$port" >"$T/env.log" 2>&1 3>&- &
  echo $! >"$T/env.pid"
  wait_for_port "$port"
  [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/v2/_catalog")" = 200 ]
  end "$(cat "$T/env.pid")"
  run env SAMPAN_ANONYMOUS=some "$SAMPAN" --root "$T/env" serve
  [ "$status" -ne 0 ]
  [[ "$output" == *"not 'some'"* ]]
}

@test "registry health: of one that is gone, that isn't ready, and whose address says all of them" {
  start_registry "$T/health"
  "$SAMPAN" registry health "$REGISTRY" | jq -e '.status == "ready"'
  SAMPAN_LISTEN=unix:/nowhere,:${REGISTRY##*:} "$SAMPAN" registry health -q
  SAMPAN_LISTEN=http://[::]:${REGISTRY##*:} "$SAMPAN" registry health -q
  mv "$T/health/uploads" "$T/health/gone"
  run "$SAMPAN" registry health "$REGISTRY"
  [ "$status" -ne 0 ]
  [[ "$output" == *"$REGISTRY is not ready"*"can't be written"* ]]
  end "$REGISTRY_PID"
  run "$SAMPAN" registry health "$REGISTRY"
  [ "$status" -ne 0 ]
  [[ "$output" == *"$REGISTRY is not ready"* ]]
}
