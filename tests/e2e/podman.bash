# podman, buildah and skopeo for the tests: their storage lies in $T. `load podman` behind `load common`; run them by `aside`.

setup_podman() {
  mkdir -p "$DOCKER_CONFIG"
  echo '{}' >"$DOCKER_CONFIG/config.json" # podman and skopeo want one where this says so
  # podman and buildah: no journal, no systemd, limits that are not above the hard ones.
  local files procs
  files=$(ulimit -Hn) procs=$(ulimit -Hu)
  [ "$files" != unlimited ] && [ "$files" -lt 1048576 ] || files=1048576
  [ "$procs" != unlimited ] && [ "$procs" -lt 32768 ] || procs=32768
  printf '[containers]\ndefault_ulimits = ["nofile=%s:%s", "nproc=%s:%s"]\n[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n' \
    "$files" "$files" "$procs" "$procs" >"$T/containers.conf"
  printf '[storage]\ndriver = "vfs"\nrunroot = "%s"\ngraphroot = "%s"\n' "$T/podman-run" "$T/podman" >"$T/storage.conf"
  export CONTAINERS_CONF=$T/containers.conf CONTAINERS_STORAGE_CONF=$T/storage.conf PODMAN_IGNORE_CGROUPSV1_WARNING=1
}

# crun refuses hybrid cgroups: the v2 half goes away in a mount namespace of its own.
aside() {
  unshare -m --propagation private sh -c 'mountpoint -q /sys/fs/cgroup/unified && umount /sys/fs/cgroup/unified; exec "$@"' aside "$@"
}
