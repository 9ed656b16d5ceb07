#!/usr/bin/env python3
"""tier_a.py SAMPAN FOLDER: the registry on a riscv64 board of busybox alone, and its power cut in the middle of pushes. See README.md.

FOLDER is what prepare.sh made; SAMPAN this machine's. CUTS (12) is how many power cuts are replayed from the recording of one."""
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from board import Board, Failed
from disk import Disk, empty_ext4
from reliable import Push
from tap import check, end

SAMPAN, FOLDER = sys.argv[1:]
CUTS = int(os.environ.get("CUTS", 12))
SEED = int(os.environ.get("SEED", time.time()))
STORE = "/var/lib/sampan"
SERVE = f"mkdir -p {STORE}; mount /dev/vda {STORE} && setsid sampan serve --listen 10.0.2.15:5000 --anonymous all >>/run/serve.log 2>&1 </dev/null &"
STOP = f"kill $(pidof sampan); while pidof sampan >/dev/null; do usleep 20000; done; umount {STORE}"
IDLE_SECONDS, RSS_KIB_MAX = 30, 6144
work = tempfile.mkdtemp(prefix="sampan-board.")
chance = random.Random(SEED)
print(f"# SEED={SEED}")


class Link:
    """A kept connection to the board's registry, as Push wants one."""

    def __init__(self, board):
        self.connection = http.client.HTTPConnection("127.0.0.1", board.ports[5000], timeout=120)

    def ask(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()


def here(*command):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
                            env={**os.environ, "SAMPAN_ROOT": f"{work}/store", "DOCKER_CONFIG": f"{work}/docker"})
    if result.returncode:
        raise Failed(f"{' '.join(command)}: exit code {result.returncode}\n{result.stdout}")
    return result.stdout


def serve(board):
    board.run(SERVE)
    return f"answers {board.fetch(5000, '/v2/'):.1f} s after power-on"


# ---- a registry like any other ----

def exchange(board):
    """Two clients push an image each and pull the other's: the same bytes."""
    registry = board.address(5000)
    with open(f"{work}/payload", "wb") as file:
        file.write(chance.randbytes(3 << 20))
    here("tar", "-C", work, "-cf", f"{work}/root.tar", "payload")
    here(SAMPAN, "import", "--platform", "linux/riscv64", f"{work}/root.tar", f"{registry}/by/sampan:1")
    here(SAMPAN, "push", f"{registry}/by/sampan:1")
    here("skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", f"docker://{registry}/by/sampan:1", f"oci:{work}/layout:1")
    here("skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", f"oci:{work}/layout:1", f"docker://{registry}/by/skopeo:1")
    shutil.rmtree(f"{work}/store")
    here(SAMPAN, "pull", "--platform", "linux/riscv64", f"{registry}/by/skopeo:1")
    digests = {json.loads(here("skopeo", "inspect", "--tls-verify=false", f"docker://{registry}/by/{name}:1"))["Digest"] for name in ("sampan", "skopeo")}
    if len(digests) != 1:
        raise Failed(f"different images: {digests}")
    here(SAMPAN, "fsck")


def idle(board):
    """Nothing is written when nobody asks for anything."""
    def written():
        return board.run("set -- $(cat /sys/block/vda/stat); echo $5 $7 $(grep ^write_bytes /proc/$(pidof sampan)/io)")

    board.run("sync")
    time.sleep(12)  # ext4 has committed its journal, and the clients' connections have ended
    before = written()
    time.sleep(IDLE_SECONDS)
    if written() != before:
        raise Failed(f"writes, sectors and bytes were {before}, then {written()}")
    return f"nothing in {IDLE_SECONDS} s"


def memory(board):
    """Of a server that was just started: nothing that it did before counts."""
    board.run(STOP)
    serve(board)
    kib = int(board.run("sed -n 's/^VmRSS: *//p' /proc/$(pidof sampan)/status").split()[0])
    if kib > RSS_KIB_MAX:
        raise Failed(f"{kib} KiB")
    return f"{kib / 1024:.1f} MiB"


# ---- power ----

def push_until_dark(board, disk, pushes):
    """Three clients push images; in the middle of it the power goes."""
    number, lock = iter(range(1, 1000)), threading.Lock()

    def client():
        link = Link(board)
        try:
            while True:
                with lock:
                    push = Push(next(number))
                    pushes.append(push)
                push.run(link)
        except (OSError, http.client.HTTPException):
            pass

    Push.clock = lambda: disk.recording.position
    clients = [threading.Thread(target=client) for _ in range(3)]
    for thread in clients:
        thread.start()
    while sum(len(push.acknowledged) for push in pushes) < 45 and any(thread.is_alive() for thread in clients):
        time.sleep(0.05)
    time.sleep(chance.random())
    board.cut_power()
    for thread in clients:
        thread.join()
    count = sum(len(push.acknowledged) for push in pushes)
    if count < 45:
        raise Failed(f"the clients stopped after {count} acknowledgements")
    return f"{count} acknowledgements, {disk.recording.position} writes and flushes"


def look(board, pushes, until=None):
    link = Link(board)
    for push in pushes:
        push.check(link, until=until)


def after_the_cut(board, pushes):
    serve(board)
    look(board, pushes)
    Push(1000).run(Link(board)).check(Link(board), complete=True)
    board.run(f"sampan fsck && {STOP}")


def replay(board, disk, recording, pushes):
    """Power cuts at other moments of the same pushes: some at the very moment of an acknowledgement, the others anywhere."""
    moments = [at for push in pushes for at, _ in push.acknowledged]
    first = min(moments)
    for cut in range(CUTS):
        position = chance.choice(moments) if cut % 2 else chance.randint(first, recording.position)
        disk.become(recording.image_at(position, SEED + cut))
        try:
            serve(board)
            look(board, pushes, until=position)
            board.run(f"sampan fsck; status=$?; {STOP}; exit $status")
        except (Exception, SystemExit) as problem:
            raise Failed(f"power cut {cut} at {position} of {recording.position}: {problem}\n{board.ask('cat /run/serve.log; dmesg | tail')[1]}")
    return f"{CUTS} power cuts"


def main():
    disk, pushes = Disk(f"{work}/disk.sock", empty_ext4(work, 64)), []
    start = {"kit": FOLDER, "root": f"{FOLDER}/a.cpio", "disk": disk.path, "forward": [5000]}
    with Board(**start) as board:
        if not check("a board boots", lambda: f"{board.wait('MARK up'):.1f} s"):
            return
        check("sampan serves on it", serve, board)
        check("sampan and skopeo push to it and pull from it", exchange, board)
        check("it writes nothing when idle", idle, board)
        check("it needs no more than 6 MiB", memory, board)
        check("power goes in the middle of pushes", push_until_dark, board, disk, pushes)
    recording = disk.recording
    disk.become(recording.image_at(recording.position, SEED))
    with Board(**start) as board:
        check("it boots again", lambda: f"{board.wait('MARK up'):.1f} s")
        check("nothing acknowledged is lost", after_the_cut, board, pushes)
        check("nor would it have been at other moments", replay, board, disk, recording, pushes)


try:
    main()
finally:
    shutil.rmtree(work)
end()
