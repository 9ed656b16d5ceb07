#!/usr/bin/env bats
# The real docker as a client: it pushes to us, pulls back, runs what sampan built, loads what sampan saved, searches.
bats_require_minimum_version 1.5.0
load common
load dockerd

setup_file() {
  setup_folder
  start_registry
  busybox_tar "$T/root.tar"
  start_dockerd graph 2>"$T/why" || { sed 's/^/# /' "$T/why" >&3; touch "$T/no-docker"; }
}
teardown_file() { remove_folder; }
setup() { [ ! -e "$T/no-docker" ] || skip "$(head -c 200 "$T/why" | tr '\n' ' ')"; }

field() { curl -sI -H 'Accept: */*' "http://$REGISTRY/v2/$1" | tr -d '\r' | sed -n "s/^$2: //Ip"; }

@test "push of Docker schema 2 and back: the same digest, the same id" {
  docker import -c 'CMD ["sh", "-c", "echo hello"]' "$T/root.tar" "$REGISTRY/docker/bb:1"
  id=$(docker image inspect -f '{{.Id}}' "$REGISTRY/docker/bb:1")
  run -0 docker push "$REGISTRY/docker/bb:1"
  digest=$(sed -n 's/.*digest: \(sha256:[0-9a-f]*\) .*/\1/p' <<<"$output")
  [ "$(field docker/bb/manifests/1 Docker-Content-Digest)" = "$digest" ]
  [ "$(field docker/bb/manifests/1 Content-Type)" = application/vnd.docker.distribution.manifest.v2+json ]
  run -0 docker push "$REGISTRY/docker/bb:1"
  [[ $output == *"Layer already exists"* ]]
  docker tag "$REGISTRY/docker/bb:1" "$REGISTRY/docker/other:1"
  run -0 docker push "$REGISTRY/docker/other:1"
  [[ $output == *"Mounted from docker/bb"* ]]
  docker rmi -f "$id"
  run -0 docker pull "$REGISTRY/docker/bb:1"
  [[ $output == *"$digest"* ]]
  [ "$(docker image inspect -f '{{.Id}}' "$REGISTRY/docker/bb:1")" = "$id" ]
  [ "$(docker run --rm --network none "$REGISTRY/docker/bb:1")" = hello ]
}

@test "docker runs what sampan built, pulled by tag and by digest" {
  mkdir -p "$T/context"
  cp "$T/root.tar" "$T/context"
  printf 'FROM scratch\nADD root.tar /\nRUN echo built by sampan >/made\nLABEL org.opencontainers.image.description="A box for tests"\nCMD ["cat", "/made"]\n' >"$T/context/Dockerfile"
  "$SAMPAN" build -q -t "$REGISTRY/built/box:1" "$T/context"
  "$SAMPAN" push "$REGISTRY/built/box:1"
  docker pull "$REGISTRY/built/box:1"
  [ "$(docker run --rm --network none "$REGISTRY/built/box:1")" = "built by sampan" ]
  digest=$(field built/box/manifests/1 Docker-Content-Digest)
  docker pull "$REGISTRY/built/box@$digest"
  [ "$(docker image inspect -f '{{index .RepoDigests 0}}' "$REGISTRY/built/box:1")" = "$REGISTRY/built/box@$digest" ]
}

@test "docker loads what sampan saved, and sampan what docker saved" {
  "$SAMPAN" save -o "$T/saved.tar" "$REGISTRY/built/box:1"
  docker rmi -f "$REGISTRY/built/box:1"
  run -0 docker load -i "$T/saved.tar"
  [[ $output == *"$REGISTRY/built/box:1"* ]]
  [ "$(docker run --rm --network none "$REGISTRY/built/box:1")" = "built by sampan" ]
  docker save -o "$T/docker.tar" "$REGISTRY/docker/bb:1"
  "$SAMPAN" --root "$T/second" load -i "$T/docker.tar"
  "$SAMPAN" --root "$T/second" images | grep -q docker/bb
}

@test "docker search names repositories, platforms and descriptions" {
  run -0 docker search "$REGISTRY/box"
  [[ $output == *"built/box"*"] A box for tests"* ]]
  [[ $output != *"docker/bb"* ]]
  run -0 docker search --limit 1 "$REGISTRY/b"
  [ "${#lines[@]}" = 2 ]
  run -0 docker search "$REGISTRY/no-such-thing"
  [ "${#lines[@]}" = 1 ]
}

@test "docker with containerd's image store: what it pushes comes back, what sampan built runs" {
  [ "$(docker_major)" -ge 24 ] || skip "docker $(docker version -f '{{.Server.Version}}') has no containerd image store"
  start_dockerd containerd || skip "this dockerd does not start with containerd's store"
  docker import -c 'CMD ["echo", "from containerd"]' "$T/root.tar" "$REGISTRY/docker/snap:1"
  docker push "$REGISTRY/docker/snap:1"
  digest=$(field docker/snap/manifests/1 Docker-Content-Digest)
  docker rmi -f "$REGISTRY/docker/snap:1"
  run -0 docker pull "$REGISTRY/docker/snap:1"
  [[ $output == *"$digest"* ]]
  [ "$(docker run --rm --network none "$REGISTRY/docker/snap:1")" = "from containerd" ]
  docker pull "$REGISTRY/built/box:1"
  [ "$(docker run --rm --network none "$REGISTRY/built/box:1")" = "built by sampan" ]
}
