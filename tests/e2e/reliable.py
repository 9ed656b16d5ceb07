#!/usr/bin/env python3
"""reliable.py kill|fail|power|wal SAMPAN DISK.SO FOLDER: pushes to a real `sampan serve` whose disk or process fails at every step (disk.c).

What is asked after each failure is the same: whatever was acknowledged is there with the right bytes; whatever was not is there as a whole or not at
all; and the store needs nobody to repair it. Ends with a line that says what was tried, or with what went wrong and the exit code 1."""
import hashlib
import http.client
import json
import mmap
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import time

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MODE_COUNT, MODE_KILL, MODE_FAIL_ONE, MODE_FAIL_ALL = range(4)
LAYER_BYTES = 20000
POINTS_MAX = 150
EIO, ENOSPC = 5, 28


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def fail(text):
    sys.exit(f"reliable.py: {text}")


# ---- the server and its disk ----

class Disk:
    """The page that disk.c shares with us."""
    layout = struct.Struct("iiqqqq")

    def __init__(self, path):
        self.path = path
        with open(path, "w+b") as file:
            file.write(bytes(self.layout.size))
            file.flush()
            self.page = mmap.mmap(file.fileno(), self.layout.size)

    def arm(self, mode, at=0, number=0):
        self.layout.pack_into(self.page, 0, mode, number, at, 0, 0, self.records)

    calls = property(lambda self: self.layout.unpack_from(self.page, 0)[3])
    failed = property(lambda self: self.layout.unpack_from(self.page, 0)[4])
    records = property(lambda self: self.layout.unpack_from(self.page, 0)[5])


class Server:
    def __init__(self, root, disk=None, journal=None):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        environment = dict(os.environ)
        if disk:
            environment.update(LD_PRELOAD=LIBRARY, DISK_CONTROL=disk.path, **({"DISK_JOURNAL": journal} if journal else {}))
        self.log = open(FOLDER + "/serve.log", "ab")
        self.process = subprocess.Popen([SAMPAN, "--root", root, "serve", "--listen", f"127.0.0.1:{self.port}"], env=environment,
                                        stdout=self.log, stderr=self.log)
        for _ in range(3000):
            try:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                self.connection.connect()
                return
            except OSError:
                time.sleep(0.005)
                if self.process.poll() is not None:
                    break
        fail(f"the server on {root} does not start; see {self.log.name}")

    def ask(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def end(self):
        self.connection.close()
        self.process.kill()
        self.process.wait()
        self.log.close()


# ---- a push, and what must be there of it ----

class Refused(Exception):
    pass


class Push:
    """An image of its own. `acknowledged` grows with each answer that says that something is kept: what, and when (`clock`: a number that grows)."""
    clock = staticmethod(lambda: 0)

    def __init__(self, number):
        self.tag, self.acknowledged = f"t{number}", []
        self.config = json.dumps({"architecture": "riscv64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}, "n": number}).encode()
        self.layer = random.Random(number).randbytes(LAYER_BYTES)
        entries = [{"mediaType": f"application/vnd.oci.image.{kind}", "digest": sha256(data), "size": len(data)}
                   for kind, data in (("config.v1+json", self.config), ("layer.v1.tar", self.layer))]
        self.manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": entries[0], "layers": entries[1:]}).encode()

    def run(self, server):
        """As a client does it: the layer in two pieces, the config in one request, then the manifest."""
        def ask(*request):
            status, headers, body = server.ask(*request)
            if status not in (201, 202):
                raise Refused(status, body)
            return headers

        binary = {"Content-Type": "application/octet-stream"}
        location = ask("POST", "/v2/box/blobs/uploads/", b"")["Location"]
        location = ask("PATCH", location, self.layer[:9000], binary)["Location"]
        ask("PUT", f"{location}?digest={sha256(self.layer)}", self.layer[9000:], binary)
        self.note(self.layer)
        ask("POST", f"/v2/box/blobs/uploads/?digest={sha256(self.config)}", self.config, binary)
        self.note(self.config)
        ask("PUT", f"/v2/box/manifests/{self.tag}", self.manifest, {"Content-Type": MANIFEST})
        self.note(self.manifest)
        return self

    def note(self, data):
        self.acknowledged.append((Push.clock(), data))

    def check(self, server, until=None, complete=None):
        """Of what was acknowledged until then nothing may be missing."""
        acknowledged = [data for at, data in self.acknowledged if until is None or at <= until]
        for data in acknowledged:
            if data is not self.manifest:
                self.check_blob(server, data)
        status, headers, body = server.ask("GET", f"/v2/box/manifests/{self.tag}", headers={"Accept": MANIFEST})
        listed = self.tag in json.loads(server.ask("GET", "/v2/box/tags/list")[2]).get("tags", [])
        if listed != (status == 200):
            fail(f"{self.tag} is {'' if listed else 'not '}listed, but a GET says {status}")
        if status == 404 and self.manifest not in acknowledged and not complete:
            return
        if status != 200 or body != self.manifest or headers["Docker-Content-Digest"] != sha256(self.manifest):
            fail(f"{self.tag} {'was acknowledged' if self.manifest in acknowledged else 'is half visible'}: {status} {body[:200]}")
        self.check_blob(server, self.layer)
        self.check_blob(server, self.config)

    def check_blob(self, server, data):
        status, _, body = server.ask("GET", f"/v2/box/blobs/{sha256(data)}")
        if status != 200 or body != data:
            fail(f"blob {sha256(data)} of {self.tag}: {status}, {len(body)} bytes of {len(data)}")


def sound(root):
    result = subprocess.run([SAMPAN, "--root", root, "fsck"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        fail(f"fsck of {root}: {result.stdout}")


def points(count, most=POINTS_MAX):
    """All of 1…count, or as many as there is time for, others each time."""
    return range(1, count + 1) if count <= most else sorted(random.sample(range(1, count + 1), most))


def count_calls(server, disk, number):
    """A second push on the connection: the first also makes what is made once."""
    Push(number).run(server)
    disk.arm(MODE_COUNT)
    Push(number + 1).run(server)
    time.sleep(0.05)
    return disk.calls


# ---- what is tried ----

def kill():
    """The process ends before each call of a push that changes the disk or answers. Each start that looks at what is left is the next one's."""
    disk, root, pushes, died = Disk(FOLDER + "/control"), FOLDER + "/store", [], 0
    server = Server(root, disk)
    calls = count_calls(server, disk, 1000000)
    for at in points(calls):
        disk.arm(MODE_KILL, at)
        push = Push(at)
        try:
            push.run(server)
        except (OSError, http.client.HTTPException):
            pass
        disk.arm(MODE_COUNT)
        died += server.process.poll() is not None or server.process.wait(1 if len(push.acknowledged) < 3 else 0.2) is not None
        server.end()
        pushes.append(push)
        server = Server(root, disk)
        push.check(server)
        random.choice(pushes).check(server)
    for push in pushes:
        push.check(server)
        push.run(server).check(server, complete=True)
    server.end()
    sound(root)
    if died < len(pushes) - 3:
        fail(f"only {died} of {len(pushes)} were killed")
    return f"{died} kills, at {len(pushes)} of {calls} calls"


def fail_at(server, disk, push, mode, at, number, statuses):
    """True if the push was refused, with a status and a text that say why."""
    disk.arm(mode, at, number)
    try:
        push.run(server)
        return False
    except Refused as refusal:
        status, body = refusal.args
        error = json.loads(body)["errors"][0]
        if status not in statuses or (status == 507 and "disk is full" not in error["message"]):
            fail(f"call {at} failed with {os.strerror(number)}: {status} {body}")
        return True


def fail_calls():
    """The disk is full from each call on; and each call fails once with EIO. The server lives, and what is there is read meanwhile."""
    disk, root, refused, tried = Disk(FOLDER + "/control"), FOLDER + "/store", 0, 0
    server = Server(root, disk)
    calls = count_calls(server, disk, 2000000)
    known = Push(2000001)
    for mode, number, statuses in ((MODE_FAIL_ALL, ENOSPC, (507,)), (MODE_FAIL_ONE, EIO, (500,))):
        for at in points(calls):
            push = Push(mode * 1000 + at)
            refused += fail_at(server, disk, push, mode, at, number, statuses)
            tried += 1
            known.check(server, complete=True)
            push.check(server)
            disk.arm(MODE_COUNT)
            push.run(server).check(server, complete=True)
    server.end()
    sound(root)
    if refused < tried // 2:
        fail(f"only {refused} of {tried} pushes were refused")
    return f"{refused} of {tried} pushes refused, at {calls} calls"


# ---- power ----

class File:
    def __init__(self, data=b""):
        self.synced, self.changes = bytes(data), []  # since the last sync

    def content(self, chosen):
        data = bytearray(self.synced)
        for at, piece in chosen:
            if piece is None:
                del data[at:]
            data.extend(bytes(max(0, at - len(data))))
            if piece is not None:
                data[at:at + len(piece)] = piece
        return bytes(data)

    def sync(self):
        self.synced, self.changes = self.content(self.changes), []

    def pieces(self):
        """The changes as a disk might have got them: of a write some sectors."""
        for at, piece in self.changes:
            if piece is None:
                yield at, None
            else:
                yield from ((at + start, piece[start:start + 512]) for start in range(0, len(piece), 512))


class Volume:
    """What a POSIX disk may hold: names and contents as they were last synced, of both what came since, in any choice."""

    def __init__(self, root):
        self.root, self.by_inode, self.live, self.synced = root, {}, {}, {}
        for folder, _, names in os.walk(root):
            path = os.path.relpath(folder, root)
            self.by_inode[os.stat(folder).st_ino] = path
            self.live[path] = {}
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    self.live[path][name] = self.by_inode[os.stat(file.fileno()).st_ino] = File(file.read())
            self.synced[path] = dict(self.live[path])

    def place(self, path):
        folder, name = os.path.split(os.path.relpath(os.path.normpath(path), self.root))
        return self.live[folder or "."], name

    def apply(self, kind, words, data):
        if kind in "WT":
            file = self.by_inode.get(int(words[0]))
            if isinstance(file, File):
                file.changes.append((int(words[1]), data if kind == "W" else None))
        elif kind == "C":
            folder, name = self.place(words[1])
            folder[name] = self.by_inode[int(words[0])] = File()
        elif kind == "R":
            (source, old), (target, new) = self.place(words[0]), self.place(words[1])
            target[new] = source.pop(old)
        elif kind == "U":
            folder, name = self.place(words[0])
            folder.pop(name, None)
        elif kind == "S":
            what = self.by_inode.get(int(words[0]))
            if isinstance(what, File):
                what.sync()
            elif what:
                self.synced[what] = dict(self.live[what])

    def write(self, root, luck):
        """luck: None, nothing that wasn't synced survived; 0, all the names did; else a random choice of names and sectors."""
        for path, live in self.live.items():
            os.makedirs(os.path.join(root, path), 0o700, exist_ok=True)
            synced = self.synced[path]
            for name in {*live, *synced}:
                from_live = luck == 0 or (luck and luck.random() < 0.5)
                file = (live if from_live else synced).get(name)
                if not file or name.endswith("-shm"):
                    continue
                chosen = [piece for piece in file.pieces() if luck.random() < 0.5] if luck else []
                with open(os.path.join(root, path, name), "wb") as out:
                    out.write(file.content(chosen))


LUCK = random.Random()
LUCKS = [(None,), (LUCK,), (None, 0), (LUCK,)]  # what is tried at a moment; see Volume.write


def read_journal(path):
    with open(path, "rb") as file:
        while line := file.readline():
            kind, *words = line.decode().split()
            yield kind, words, file.read(int(words[2])) if kind == "W" else None


def power():
    """The power goes at each moment of three pushes: what wasn't synced is lost, or a part of it."""
    root, journal = FOLDER + "/store", FOLDER + "/journal"
    server = Server(root)
    first = Push(3000000).run(server)
    server.process.terminate()
    server.process.wait()
    server.end()
    volume, disk = Volume(root), Disk(FOLDER + "/control")
    server = Server(root, disk, journal)
    Push.clock = staticmethod(lambda: disk.records)
    begin, pushes = disk.records, []
    for number in range(3):
        pushes.append(Push(3000001 + number).run(server))
    server.end()
    records, done, checked = list(read_journal(journal)), 0, 0
    for until in [begin + point for point in points(len(records) - begin)]:
        for record in records[done:until]:
            volume.apply(*record)
        done = until
        for chance in LUCKS[checked % len(LUCKS)]:
            copy = f"{FOLDER}/after"
            volume.write(copy, chance)
            server = Server(copy)
            for push in (first, *pushes):
                push.check(server, until=until, complete=push is first)
            server.end()
            sound(copy)
            shutil.rmtree(copy)
        checked += 1
    return f"{checked} of {len(records) - begin} moments, with {sum(len(push.acknowledged) for push in pushes)} answers between them"


# ---- a torn log of the database ----

def wal():
    """The database's log ends anywhere, has rubbish behind its end, or a damaged page in it."""
    root, log = FOLDER + "/store", FOLDER + "/store/sampan.db-wal"
    server = Server(root)
    Push(4000000).run(server)
    server.process.terminate()
    server.process.wait()
    server.end()
    Push.clock = staticmethod(lambda: os.path.getsize(log))
    server = Server(root)
    pushes = [Push(4000001 + number).run(server) for number in range(3)]
    server.end()
    size = os.path.getsize(log)
    if size < 10000 or [at for push in pushes for at, _ in push.acknowledged] != sorted(at for push in pushes for at, _ in push.acknowledged):
        fail(f"the log has {size} bytes")

    def damaged(change, until):
        copy, name = FOLDER + "/after", FOLDER + "/after/sampan.db-wal"
        shutil.copytree(root, copy)
        os.unlink(copy + "/sampan.db-shm")
        with open(name, "r+b") as file:
            change(file)
        server = Server(copy)
        for push in pushes:
            push.check(server, until=until)
        server.end()
        sound(copy)
        return copy

    tears = sorted(random.sample(range(size), 40)) + [0, size]
    for cut in tears:
        shutil.rmtree(damaged(lambda file: file.truncate(cut), cut))
    shutil.rmtree(damaged(lambda file: (file.seek(size), file.write(random.randbytes(9000))), size))

    def flip(file):
        file.seek(size // 2)
        byte = file.read(1)[0]
        file.seek(size // 2)
        file.write(bytes([byte ^ 255]))

    # What is behind a page that the disk damaged is lost to the database, but not to the journal of tags.
    copy = damaged(flip, size // 2 - 5000)
    subprocess.run([SAMPAN, "--root", copy, "fsck", "--rebuild"], check=True, stdout=subprocess.DEVNULL)
    server = Server(copy)
    for push in pushes:
        push.check(server, complete=True)
    server.end()
    return f"{len(tears)} tears of {size} bytes"


if __name__ == "__main__":
    what, SAMPAN, LIBRARY, FOLDER = sys.argv[1:]
    os.makedirs(FOLDER)
    print({"kill": kill, "fail": fail_calls, "power": power, "wal": wal}[what]())
