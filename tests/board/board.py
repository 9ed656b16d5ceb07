"""A riscv64 board in qemu-system-riscv64, as an object.

    with Board(kit, root, memory="256M", forward=[5000], disk=path) as board:     # leaving the block is a power cut
        board.wait("MARK up")
        text = board.run("uname -m")                                            # a script, as root; Failed if it does not end with 0
        board.address(5000)                                                      # 127.0.0.1:PORT that leads to the board's port

The board is 10.0.2.15 and sees this machine's loopback as 10.0.2.2."""
import ctypes
import http.client
import os
import re
import signal
import socket
import subprocess
import threading
import time

LIMIT = 600  # seconds for anything to end; a board that is emulated beside other work is slow


class Failed(Exception):
    pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Board:
    def __init__(self, kit, root, memory="256M", forward=(), disk=None, append=""):
        """disk: the socket of a disk.Disk, or a file. append: more of the kernel's command line."""
        self.ports = {port: free_port() for port in [80, *forward]}
        command = ["qemu-system-riscv64", "-M", "virt", "-m", memory, "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot",
                   "-kernel", f"{kit}/Image", "-initrd", root, "-append", f"console=ttyS0 quiet panic=-1 {append}",
                   "-netdev", "user,id=net" + "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{there}" for there, here in self.ports.items()),
                   "-device", "virtio-net-pci,netdev=net,romfile=",
                   "-object", "rng-random,id=random,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=random"]
        if disk:
            source = f"driver=nbd,server.type=unix,server.path={disk}" if disk.endswith(".sock") else f"driver=file,filename={disk}"
            command += ["-blockdev", f"{source},node-name=disk", "-device", "virtio-blk-pci,drive=disk"]
        self.started, self.lines = time.time(), []
        self.log = open(f"{root}.log", "ab")
        self.qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=die_with_parent)
        self.reader = threading.Thread(target=self.read_console, daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut_power()

    def read_console(self):
        for line in self.qemu.stdout:
            self.log.write(line)
            self.log.flush()
            self.lines.append(line.decode(errors="replace").rstrip())

    def wait(self, mark):
        """The seconds from power-on to a line on the console that contains `mark`."""
        seen = 0
        while time.time() < self.started + LIMIT:
            ended = not self.reader.is_alive()
            for line in self.lines[seen:]:
                seen += 1
                if mark in line:
                    return time.time() - self.started
            if ended:
                break
            time.sleep(0.05)
        raise Failed(f"no '{mark}' on the console, which ends with:\n" + "\n".join(self.lines[-20:]))

    def address(self, port):
        return f"127.0.0.1:{self.ports[port]}"

    def ask(self, script, limit=LIMIT):
        """Runs a script; its exit code and output."""
        client = http.client.HTTPConnection("127.0.0.1", self.ports[80], timeout=limit)
        client.request("POST", "/cgi-bin/shell", script, {"Content-Type": "text/plain"})
        text = client.getresponse().read().decode(errors="replace")
        end = re.search(r"\n?exit (\d+)\n\Z", text)
        if not end:
            raise Failed(f"the board stopped in the middle of\n{script}\n{text}")
        return int(end[1]), text[:end.start()]

    def run(self, script, limit=LIMIT):
        code, text = self.ask(script, limit)
        if code:
            raise Failed(f"exit code {code} of\n{script}\n{text}")
        return text

    def fetch(self, port, path, limit=LIMIT):
        """GET, again and again until something answers there: the seconds since power-on."""
        while time.time() < self.started + limit:
            try:
                client = http.client.HTTPConnection("127.0.0.1", self.ports[port], timeout=10)
                client.request("GET", path)
                if client.getresponse().status == 200:
                    return time.time() - self.started
            except (OSError, http.client.HTTPException):
                pass
            if self.qemu.poll() is not None:
                raise Failed("qemu has ended:\n" + "\n".join(self.lines[-20:]))
            time.sleep(0.05)
        raise Failed(f"nothing answers 200 to {path} on port {port}")

    def power_off(self):
        """As a person would do it: what is written is on the disk then."""
        self.ask("sync; (sleep 0.2; poweroff -f) >/dev/null 2>&1 &")
        self.qemu.wait(60)

    def cut_power(self):
        self.qemu.kill()
        self.qemu.wait()
        self.reader.join(5)
        self.log.close()
