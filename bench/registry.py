#!/usr/bin/env python3
"""sampan serve and Debian's docker-registry, round by round in turn on the same disk, with the same clients (curl, skopeo, wrk).

Every round starts each server on an empty folder, so that no blob is there already. What a time is: from the client's start to its end, the
server's sync included. CPU is the server's own, user and system. The table has the median of the rounds."""
import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

OCI = "application/vnd.oci.image.manifest.v1+json"
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, name, folder):
        self.name, self.port = name, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        if name == "sampan":
            command = [os.environ["SAMPAN"], "--root", folder, "serve", "--listen", f"127.0.0.1:{self.port}"]
        else:
            config = folder + ".yml"
            with open(config, "w") as file:
                file.write(f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: '{folder}'}}}}\n"
                           f"http: {{addr: '127.0.0.1:{self.port}'}}\n")
            command = ["docker-registry", "serve", config]
        started = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.start_ms = (self.wait() - started) * 1000

    def wait(self):
        for _ in range(5000):
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as client:
                    client.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    if b" 200 " in client.recv(100):
                        return time.perf_counter()
            except OSError:
                pass
            time.sleep(0.001)
        sys.exit(f"{self.name} does not start")

    def rss_mb(self):
        with open(f"/proc/{self.process.pid}/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout


def timed(server, *command):
    cpu, start = server.cpu(), time.perf_counter()
    run(*command)
    return time.perf_counter() - start, server.cpu() - cpu


def push_manifest(server, config):
    """A small image, for the manifest's row."""
    digest = "sha256:" + hashlib.sha256(config).hexdigest()
    request = urllib.request.Request(f"{server.url}/v2/small/blobs/uploads/", method="POST")
    location = urllib.request.urlopen(request).headers["Location"]
    location = location if location.startswith("http") else server.url + location
    location += ("&" if "?" in location else "?") + "digest=" + digest
    urllib.request.urlopen(urllib.request.Request(location, config, {"Content-Type": "application/octet-stream"}, method="PUT"))
    entry = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(config)}
    text = json.dumps({"schemaVersion": 2, "mediaType": OCI, "config": entry, "layers": []}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{server.url}/v2/small/manifests/1", text, {"Content-Type": OCI}, method="PUT"))


def make_image(folder, blob, size):
    """skopeo's dir: format, so that its client compresses nothing."""
    os.makedirs(folder)
    with open(blob, "wb") as file:
        for _ in range(size):
            file.write(os.urandom(1 << 20))
    with open(blob, "rb") as file:
        layer = hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.sha256(file.read()).hexdigest()
    os.link(blob, f"{folder}/{layer}")
    config = json.dumps({"architecture": "riscv64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ["sha256:" + layer]}, "config": {}}).encode()
    config_hex = hashlib.sha256(config).hexdigest()
    with open(f"{folder}/{config_hex}", "wb") as file:
        file.write(config)
    with open(f"{folder}/version", "w") as file:
        file.write("Directory Transport Version: 1.1\n")
    with open(f"{folder}/manifest.json", "w") as file:
        json.dump({"schemaVersion": 2, "mediaType": OCI,
                   "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:" + config_hex, "size": len(config)},
                   "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "sha256:" + layer, "size": size << 20}]}, file)
    return "sha256:" + layer, config


def one_round(name, folder, top, blob, digest, config, note):
    server = Server(name, folder)
    try:
        note("start to first 200, ms", server.start_ms)
        time.sleep(1)
        note("idle memory, MB", server.rss_mb())
        location = re.search(r"(?im)^location: (\S+)", run("curl", "-siX", "POST", f"{server.url}/v2/put/blobs/uploads/")).group(1)
        location = location if location.startswith("http") else server.url + location
        seconds, cpu = timed(server, "curl", "-sf", "-X", "PUT", "-H", "Expect:", "-T", blob, location + ("&" if "?" in location else "?") + "digest=" + digest)
        note("PUT blob, curl, s", seconds), note("  server's CPU, s", cpu)
        seconds, cpu = timed(server, "curl", "-sf", "-o", "/dev/null", f"{server.url}/v2/put/blobs/{digest}")
        note("GET blob, curl, s", seconds), note("  server's CPU, s ", cpu)
    finally:
        server.end()
    shutil.rmtree(folder)
    server = Server(name, folder)
    try:
        image = f"docker://127.0.0.1:{server.port}/push/image:1"
        note("push, skopeo, s", timed(server, "skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false", f"dir:{top}/image", image)[0])
        note("pull, skopeo, s", timed(server, "skopeo", "--insecure-policy", "copy", "-q", "--src-tls-verify=false", image, f"dir:{top}/pulled")[0])
        shutil.rmtree(f"{top}/pulled")
        push_manifest(server, config)
        cpu = server.cpu()
        text = run("wrk", "-t2", "-c16", "-d4s", "-H", f"Accept: {OCI}", f"{server.url}/v2/small/manifests/1")
        if "Non-2xx" in text:
            sys.exit(f"{name} does not serve the manifest: {text}")
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
        note("GET manifest by tag, requests/s", rate), note("  server's CPU, us a request", (server.cpu() - cpu) / rate / 4 * 1e6)
        note("memory after load, MB", server.rss_mb())
        time.sleep(16)
        note("memory 16 s later, MB", server.rss_mb())
    finally:
        server.end()
    shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=1024, help="of the blob, in MiB")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    names, results = ("sampan", "docker-registry"), {}
    top = tempfile.mkdtemp(prefix="sampan-bench.", dir=os.environ.get("TMPDIR", "/var/tmp"))
    try:
        digest, config = make_image(f"{top}/image", f"{top}/blob", options.size)
        for number in range(options.rounds):
            for name in names if number % 2 == 0 else names[::-1]:
                one_round(name, f"{top}/{name}", top, f"{top}/blob", digest, config,
                          lambda key, value, name=name: results.setdefault(key, {}).setdefault(name, []).append(value))
    finally:
        shutil.rmtree(top)
    print(f"{options.size} MiB, median of {options.rounds} rounds in turn, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(f"{'':44}{names[0]:>16}{names[1]:>18}")
    for key, values in results.items():
        print(f"{key:44}" + "".join(f"{statistics.median(values[name]):{width}.{0 if statistics.median(values[name]) >= 1000 else 2}f}"
                                    for name, width in zip(names, (16, 18))))


main()
