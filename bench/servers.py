"""The servers that registry.py compares: sampan serve, Debian's docker-registry, nginx with plain files; what they use, and how to fill them."""
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def nginx_config(folder, port):
    with open(f"{folder}.conf", "w") as file:
        file.write(f"daemon off; pid {folder}.pid; error_log {folder}.log crit; worker_processes auto; user root;\n"
                   "events { worker_connections 1024; }\n"
                   f"http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;\n"
                   f"server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n")
    return ["nginx", "-c", f"{folder}.conf", "-e", f"{folder}.log"]


def distribution_config(folder, port):
    with open(folder + ".yml", "w") as file:
        file.write(f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: '{folder}'}}}}\n"
                   f"http: {{addr: '127.0.0.1:{port}'}}\n")
    return ["docker-registry", "serve", folder + ".yml"]


class Server:
    """A running server on a folder of its own; `with` ends it."""

    def __init__(self, name, folder):
        self.name, self.folder, self.port = name, folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        os.makedirs(folder, exist_ok=True)
        command = {"sampan": lambda: [os.environ["SAMPAN"], "--root", folder, "serve", "--listen", f"127.0.0.1:{self.port}"],
                   "docker-registry": lambda: distribution_config(folder, self.port),
                   "nginx": lambda: nginx_config(folder, self.port)}[name]()
        started = time.perf_counter()
        with open(f"{folder}.out", "a") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out)
        self.start_ms = (self.first_answer() - started) * 1000

    def first_answer(self):
        path = b"/" if self.name == "nginx" else b"/v2/"
        for _ in range(10000):
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as client:
                    client.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    if client.recv(100).startswith(b"HTTP/1."):
                        return time.perf_counter()
            except OSError:
                pass
            time.sleep(0.0005)
        sys.exit(f"{self.name} does not start; see {self.folder}.out")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def rss_mb(self, key="VmRSS"):
        with open(f"/proc/{self.process.pid}/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024

    def forget_peak(self):
        with open(f"/proc/{self.process.pid}/clear_refs", "w") as file:
            file.write("5")

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK


class Client(http.client.HTTPConnection):
    """A connection that is kept, and says what it did not expect."""

    def __init__(self, port, timeout=120):
        super().__init__("127.0.0.1", port, timeout=timeout)

    def ask(self, method, path, body=None, headers=None, expect=(200, 201, 202)):
        if self.sock is None:
            self.connect()
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request(method, path, body, headers or {})
        answer = self.getresponse()
        text = answer.read()
        if answer.status not in expect:
            sys.exit(f"{method} {path}: {answer.status} {text[:300]}")
        return answer, text

    def upload_url(self, repository, digest):
        location = self.ask("POST", f"/v2/{repository}/blobs/uploads/", b"")[0].headers["Location"]
        location = location[location.index("/v2/"):]
        return location + ("&" if "?" in location else "?") + "digest=" + digest

    def put_blob(self, repository, data):
        digest = sha256(data)
        self.ask("PUT", self.upload_url(repository, digest), data, {"Content-Type": "application/octet-stream"})
        return digest

    def put_image(self, repository, tag):
        """A small image whose manifest has about the size that usual ones have."""
        layer, config = os.urandom(4096), json.dumps({"architecture": "riscv64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
        entries = [(CONFIG, self.put_blob(repository, config), len(config)), (LAYER, self.put_blob(repository, layer), len(layer))]
        descriptors = [{"mediaType": kind, "digest": digest, "size": size} for kind, digest, size in entries]
        text = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptors[0], "layers": descriptors[1:],
                           "annotations": {"org.opencontainers.image.title": "x" * 200}}).encode()
        self.ask("PUT", f"/v2/{repository}/manifests/{tag}", text, {"Content-Type": MANIFEST})
        return entries, text


def in_parallel(count, server, work):
    """work(client, number) for each number below count, by a few connections at once."""
    numbers, failures = iter(range(count)), []

    def worker():
        client = Client(server.port)
        try:
            for number in numbers_of():
                work(client, number)
        except BaseException as problem:
            failures.append(problem)
        client.close()

    lock = threading.Lock()

    def numbers_of():
        while not failures:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            yield number

    threads = [threading.Thread(target=worker) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def repository_name(number):
    return f"team-{number % 50:02}/app-{number:05}"


def fill_sampan(server, count):
    """As clients do it: a mount, then the manifest."""
    with_image = Client(server.port)
    entries, text = with_image.put_image("seed", "1")

    def fill(client, number):
        name = repository_name(number)
        for _, digest, _ in entries:
            client.ask("POST", f"/v2/{name}/blobs/uploads/?mount={digest}&from=seed", b"", expect=(201,))
        client.ask("PUT", f"/v2/{name}/manifests/1", text, {"Content-Type": MANIFEST})

    in_parallel(count, server, fill)


def fill_distribution(server, count):
    """Writes what a push would have written, since that takes minutes: its folders are its only index."""
    entries, text = Client(server.port).put_image("seed", "1")
    manifest = sha256(text)

    def link(name, path, digest):
        folder = f"{server.folder}/docker/registry/v2/repositories/{name}/{path}"
        os.makedirs(folder)
        with open(f"{folder}/link", "w") as file:
            file.write(digest)

    for number in range(count):
        name, path = repository_name(number), manifest.replace(":", "/")
        for _, digest, _ in entries:
            link(name, "_layers/" + digest.replace(":", "/"), digest)
        link(name, "_manifests/revisions/" + path, manifest)
        link(name, "_manifests/tags/1/index/" + path, manifest)
        link(name, "_manifests/tags/1/current", manifest)
