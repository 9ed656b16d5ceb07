#!/usr/bin/python3
"""tier_b.py SAMPAN FOLDER: a node of a cluster, as node.py tells it, with Debian's containerd and crun: `ctr`, and the CRI service as kubelet asks it, whose
pods need a pause image, which comes through a mirror. FOLDER is what prepare.sh made; SAMPAN this machine's. See README.md.

(Debian's own Python, for its grpc.)"""
from cri import Cri
from node import COMMAND, IN_SHELL, Engine, Story

CERTS = "/etc/containerd/certs.d"


class Containerd(Engine):
    initramfs, memory, ports = "b.cpio", "1G", [10010]
    settings, audit, air_gap_file = "/etc/containerd", "--containerd", "/tmp/images.tar.zst"
    clients, mirror = ("ctr", "cri"), "system.example=system"

    def reload(self, board):
        board.run("/etc/board-start")

    def pull(self, image):
        return f"ctr images pull --hosts-dir {CERTS} {image}"

    def run_by_ctr(self, board, image):
        board.run(f"{self.pull(image)} >/dev/null")
        return board.run(f"ctr run --rm --net-host --runc-binary crun {image} by-ctr {IN_SHELL}")

    def run_by_cri(self, board, image):
        cri = Cri(board.address(10010))
        cri.pull(image)
        return board.run(f"cat {cri.run_in_pod(image, COMMAND)}")

    def load(self, board, file):
        board.run(f"sampan airgap --import {file}")

    def run_loaded(self, board, image):
        return board.run(f"cat {Cri(board.address(10010)).run_in_pod(image, COMMAND)}")


Story(Containerd()).tell()
