#!/usr/bin/env python3
"""tier_docker.py SAMPAN FOLDER: a node, as node.py tells it, with Debian's docker, whose settings stand in a file that others have written to.
FOLDER is what prepare.sh made; SAMPAN this machine's. See README.md."""
from node import IN_SHELL, Engine, Story


class Docker(Engine):
    initramfs, memory = "docker.cpio", "2G"
    settings, audit, air_gap_file = "/etc/docker", "--docker", "/tmp/images.tar"
    clients, mirror = ("docker",), "docker.io=team"

    def reload(self, board):
        board.run("kill -HUP $(pidof dockerd); sleep 1; docker info >/dev/null")

    def pull(self, image):
        return f"docker pull {image}"

    def run_by_docker(self, board, image):
        board.run(f"{self.pull(image)} -q")
        return self.run_loaded(board, image)

    def load(self, board, file):
        board.run(f"docker load -i {file}")

    def run_loaded(self, board, image):
        command = IN_SHELL.removeprefix("/busybox ")  # which is the image's entry point
        return board.run(f"docker run --rm --network host {image} {command}")


Story(Docker()).tell()
