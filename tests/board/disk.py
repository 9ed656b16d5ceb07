"""A disk that forgets what was not flushed.

It speaks NBD on a Unix socket, and qemu gives it to the board as a drive with a write cache, as a real one has. Every write and every flush is kept in
a Recording, in order; `position` is its length. So one run on the board gives as many power cuts as one likes: `image_at(position, seed)` is what a drive
may hold whose power went away at that moment. All that was flushed before it; of what was written since, each write as a whole, in sectors, or not at all,
as a real cache writes back in any order. A client that runs in this process notes `position` when it is told that something is stored: at that position and
at each later one it must be there.

Only the base of NBD is spoken: fixed newstyle, read, write, flush, FUA (https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md)."""
import os
import random
import socket
import struct
import threading

SECTOR = 512
FLUSH = object()
HAS_FLAGS, SEND_FLUSH, SEND_FUA = 1, 4, 8
READ, WRITE, DISCONNECT, FLUSHES = range(4)
COMMAND_FUA = 1
OPTION_EXPORT_NAME, OPTION_ABORT, OPTION_GO = 1, 2, 7
REPLY_ACK, REPLY_INFO, REPLY_UNSUPPORTED = 1, 3, 2**31 + 1
EINVAL = 22


class Recording:
    """What was asked of a disk since it held `start`."""

    def __init__(self, start):
        self.start, self.entries = bytes(start), []

    @property
    def position(self):
        return len(self.entries)

    def image_at(self, position, seed):
        chance, image = random.Random(seed), bytearray(self.start)
        flushed = max((at for at in range(position) if self.entries[at] is FLUSH), default=-1)
        for at, entry in enumerate(self.entries[:position]):
            if entry is FLUSH:
                continue
            offset, data, at_once = entry
            fate = "whole" if at < flushed or at_once else chance.choice(("whole", "whole", "torn", "lost"))
            if fate == "whole":
                image[offset:offset + len(data)] = data
            elif fate == "torn":
                for part in range(0, len(data), SECTOR):
                    if chance.random() < 0.5:
                        image[offset + part:offset + part + SECTOR] = data[part:part + SECTOR]
        return image


class Disk:
    def __init__(self, path, content):
        """Serves at the socket `path` from now on; `content` is the bytes of a whole disk."""
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.become(content)
        threading.Thread(target=self.serve, daemon=True).start()

    def become(self, content):
        """Another disk from here on. The board must have unmounted it, or be off."""
        self.recording, self.now = Recording(content), bytearray(content)

    # ---- the protocol ----

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            stream = client.makefile("rwb")
            try:
                if self.shake_hands(stream):
                    while self.answer(stream):
                        pass
            except (OSError, struct.error):  # qemu was killed: that's what it is for
                pass
            client.close()

    def shake_hands(self, stream):
        say(stream, b"NBDMAGICIHAVEOPT", struct.pack(">H", 1))
        stream.read(4)
        export = struct.pack(">QH", len(self.now), HAS_FLAGS | SEND_FLUSH | SEND_FUA)
        while True:
            _, option, length = struct.unpack(">8sII", stream.read(16))
            stream.read(length)

            def reply(kind, data=b""):
                say(stream, struct.pack(">QIII", 0x3e889045565a9, option, kind, len(data)), data)

            if option == OPTION_EXPORT_NAME:
                say(stream, export, bytes(124))
                return True
            if option == OPTION_GO:
                reply(REPLY_INFO, struct.pack(">H", 0) + export)
                reply(REPLY_ACK)
                return True
            reply(REPLY_ACK if option == OPTION_ABORT else REPLY_UNSUPPORTED)
            if option == OPTION_ABORT:
                return False

    def answer(self, stream):
        _, flags, command, handle, offset, length = struct.unpack(">IHH8sQI", stream.read(28))
        error, data = 0, b""
        if command == DISCONNECT:
            return False
        if command == READ:
            data = self.now[offset:offset + length]
        elif command == WRITE:
            written = stream.read(length)
            self.now[offset:offset + length] = written
            self.recording.entries.append((offset, written, bool(flags & COMMAND_FUA)))
        elif command == FLUSHES:
            self.recording.entries.append(FLUSH)
        else:
            error = EINVAL
        say(stream, struct.pack(">II8s", 0x67446698, error, handle), data)
        return True


def say(stream, *parts):
    for part in parts:
        stream.write(part)
    stream.flush()


def empty_ext4(folder, mebibytes):
    """The bytes of an empty file system."""
    path = os.path.join(folder, "empty.img")
    with open(path, "wb") as file:
        file.truncate(mebibytes << 20)
    os.spawnlp(os.P_WAIT, "mke2fs", "mke2fs", "-q", "-F", "-t", "ext4", "-E", "lazy_itable_init=0,lazy_journal_init=0", path)
    with open(path, "rb") as file:
        return file.read()
