"""The story of a node whose container engine is to use a registry: this machine's and the board's own, over plain HTTP and over TLS with a pinned authority,
joined by `sampan join` and, for the board's own, by the script that the registry serves for nodes without sampan. tier_b.py and tier_docker.py are the
engines: what they do to pull and run an image, and where their settings are."""
import hashlib
import os
import shlex
import shutil
import sys
import tempfile

from board import Board, Failed
from here import Registry, here
from tap import check, end

SAMPAN, FOLDER = sys.argv[1:]
OWN, OWN_TLS = "10.0.2.15:6000", "10.0.2.15:6001"
SERVE = f"setsid sampan serve --listen http://{OWN} --listen https://{OWN_TLS} --tls auto --tls-name 10.0.2.15 --anonymous all >/run/serve.log 2>&1 </dev/null &"
COMMAND = ["/busybox", "sh", "-c", "/busybox echo $(/busybox uname -m) $(/busybox sha256sum </payload)"]
IN_SHELL = shlex.join(COMMAND)


class Engine:
    """What a tier says of its engine. `clients` are the names of ways to use it; for each there is a method `run_by_NAME(board, image)`, whose result is what
    the image's container said."""
    initramfs = memory = settings = audit = air_gap_file = None
    clients, ports, mirror = (), (), ""

    def reload(self, board):
        """Makes it see its settings."""

    def pull(self, image):
        """A script, for what is to be refused."""

    def load(self, board, file):
        """Takes the images of a file that `sampan airgap` has written."""


def fingerprint(certificate):
    text = here("openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256")
    return "sha256:" + text.strip().split("=")[1].replace(":", "").lower()


class Story:
    def __init__(self, engine):
        self.engine, self.says = engine, {}
        self.work = tempfile.mkdtemp(prefix="sampan-board.")
        self.store = f"{self.work}/store"
        # Each way to the board has an image of its own, with bytes of its own: no engine fetches anything twice.
        self.ways = [f"{registry}-{client}" for registry in ("plain", "tls", "own", "own-tls") for client in engine.clients] + ["file"]

    # ---- here ----

    def sampan(self, *words):
        return here(SAMPAN, "--root", self.store, *words)

    def build_image(self, name, program, payload=b""):
        folder = f"{self.work}/{name.replace(':', '.')}"
        os.mkdir(folder)
        shutil.copy(f"{FOLDER}/{program}", folder)
        with open(f"{folder}/payload", "wb") as file:
            file.write(payload)
        with open(f"{folder}/Dockerfile", "w") as file:
            file.write(f'FROM scratch\nCOPY {program} payload /\nENTRYPOINT ["/{program}"]\n')
        self.sampan("build", "--platform", "linux/riscv64", "-t", f"localhost/{name}", folder)

    def build(self):
        """What is to run, and the pause image of pods, which no registry has for this platform."""
        self.build_image("pause:1", "pause")
        for way in self.ways:
            payload = os.urandom(256 << 10)
            self.says[way] = f"riscv64 {hashlib.sha256(payload).hexdigest()} -"
            self.build_image(f"app:{way}", "busybox", payload)

    def publish(self, registry):
        registry.publish("localhost/pause:1", "system/pause:1")
        for way in self.ways:
            registry.publish(f"localhost/app:{way}", f"team/app:{way}")

    # ---- joining ----

    def settings(self, board):
        return board.run(f"cd {self.engine.settings} && find . -type f | sort | xargs -r sha256sum")

    def refused(self, board, script, reason):
        code, text = board.ask(script)
        if code == 0 or reason not in text:
            raise Failed(f"exit code {code} and no '{reason}':\n{script}\n{text}")

    def join(self, board, *words):
        board.run(f"sampan join --yes {' '.join(words)}")
        once = self.settings(board)
        again = board.run(f"sampan join --yes {' '.join(words)}")
        if self.settings(board) != once:
            raise Failed(f"joining twice changed something: {again}")

    def join_by_script(self, board, address, *words):
        board.run(f"curl -fsSk '{address}' >/tmp/join && sh /tmp/join {' '.join(words)}")

    def join_tls(self, board, registry):
        name, before = registry.tls_name, self.settings(board)
        self.refused(board, self.engine.pull(f"{name}/team/app:{self.ways[0]}"), "unknown authority")
        self.refused(board, f"sampan join --yes {name}", "--fingerprint")
        self.refused(board, f"sampan join --yes --fingerprint sha256:{'0' * 64} {name}", "fingerprint")
        if self.settings(board) != before:
            raise Failed("a refused join changed something")
        here("curl", "-sSfk", "-o", f"{self.work}/ca.crt", f"https://127.0.0.1:{registry.tls_port}/ca.crt")
        self.join(board, name, "--fingerprint", fingerprint(f"{self.work}/ca.crt"))

    def serve(self, board):
        """The board's own registry gets its images over the network, as from any other client."""
        board.run(SERVE)
        board.fetch(6000, "/v2/")
        for way in self.ways:
            if way.startswith("own"):
                target = f"{board.address(6000)}/team/app:{way}"
                self.sampan("tag", f"localhost/app:{way}", target)
                self.sampan("push", target)

    def join_own(self, board):
        self.join_by_script(board, f"http://{OWN}/join")
        here("curl", "-sSf", "-o", f"{self.work}/own.crt", f"http://{board.address(6000)}/ca.crt")
        self.refused(board, f"curl -fsSk https://{OWN_TLS}/join?fingerprint=sha256:{'0' * 64} | sh", "nothing was changed")
        self.join_by_script(board, f"https://{OWN_TLS}/join?fingerprint={fingerprint(f'{self.work}/own.crt')}")

    def undo(self, board, before, registry):
        for address in f"https://{OWN_TLS}", f"http://{OWN}":
            self.join_by_script(board, f"{address}/join", "--undo")
        for name in registry.tls_name, registry.name:
            board.run(f"sampan join --undo --yes {name}")
        after = self.settings(board)
        if after != before:
            raise Failed(f"before:\n{before}after:\n{after}")

    # ---- using ----

    def expect(self, way, text):
        if not text.strip().endswith(self.says[way]):
            raise Failed(f"it said '{text}', not '{self.says[way]}'")

    def run(self, board, client, image, way):
        self.expect(way, getattr(self.engine, f"run_by_{client}")(board, image))

    def run_from(self, board, place, registry, way):
        for client in self.engine.clients:
            check(f"{client} pulls from {place}, and runs it", self.run, board, client, f"{registry}/team/app:{way}-{client}", f"{way}-{client}")

    def air_gap(self, board, registry):
        """A file instead of a registry: what is in it runs under its own name, and no registry of that name is asked."""
        image, file = "team.example/app:file", self.engine.air_gap_file
        board.run(f"sampan airgap --plain-http --from {registry.name}=team -o {file} {image}")
        self.engine.load(board, file)
        self.expect("file", self.engine.run_loaded(board, image))

    def audit(self, board, registry):
        """It asks each registry as the board has joined it."""
        text = board.run(f"sampan audit {self.engine.audit} --platform linux/riscv64 2>&1; true")
        for name, way in (registry.name, "plain"), (registry.tls_name, "tls"):
            image = f"{name}/team/app:{way}-{self.engine.clients[-1]}"
            if not any(line.split()[0] == image and "present" in line for line in text.splitlines() if line.strip()):
                raise Failed(f"{image}:\n{text}")

    def node(self, registry):
        with Board(FOLDER, f"{FOLDER}/{self.engine.initramfs}", memory=self.engine.memory, forward=[6000, *self.engine.ports]) as board:
            if not check("a board with the engine boots", lambda: f"{board.wait('MARK up'):.1f} s"):
                return
            before = self.settings(board)
            check("it joins the registry here, also as a mirror", self.join, board, registry.name, "--mirror", self.engine.mirror)
            check("the engine takes its new settings", self.engine.reload, board)
            self.run_from(board, "the registry here", registry.name, "plain")
            check("it joins with TLS: unknown authorities and wrong fingerprints are refused, the right one is installed", self.join_tls, board, registry)
            self.run_from(board, "the registry here over TLS", registry.tls_name, "tls")
            check("the board serves a registry of its own", self.serve, board)
            check("it joins its own by the script, plain and with TLS", self.join_own, board)
            self.engine.reload(board)
            self.run_from(board, "its own registry", OWN, "own")
            self.run_from(board, "its own registry over TLS", OWN_TLS, "own-tls")
            check("images from a file, for a node that reaches no registry", self.air_gap, board, registry)
            check("sampan audit sees what the engine has", self.audit, board, registry)
            check("all of it undone, the settings are what they were", self.undo, board, before, registry)

    def tell(self):
        try:
            if check("images are built for riscv64", self.build):
                with Registry(SAMPAN, self.store, f"{self.work}/serve.log", tls=True) as registry:
                    check("they are in the registry here", self.publish, registry)
                    self.node(registry)
        finally:
            shutil.rmtree(self.work)
        end()
