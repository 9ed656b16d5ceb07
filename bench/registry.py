#!/usr/bin/env python3
"""sampan serve against Debian's docker-registry and nginx: the table of what it has to reach, with ratios.

Everything is measured in one run, the servers in turn round by round on one disk, with the same clients (curl, skopeo, wrk), because on a machine with
other work only what was measured side by side can be compared. A ratio is made in each round; the table has the medians. Times go from the client's start
to its end, the server's syncs included; CPU is the server's own, user and system. The exit code is 1 if a row falls short."""
import argparse
import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from servers import CONFIG, LAYER, MANIFEST, Client, Server, fill_distribution, fill_sampan, in_parallel, repository_name, sha256

REGISTRIES = ("sampan", "docker-registry")
values = {}  # (what, who): a value a round


def note(what, who, value):
    values.setdefault((what, who), []).append(value)


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options).stdout


def seconds(*command):
    start = time.perf_counter()
    run(*command)
    return time.perf_counter() - start


def in_turn(number, names):
    """Who goes first changes from round to round."""
    return names if number % 2 == 0 else names[::-1]


def make_file(path, megabytes, first=b""):
    with open(path, "wb") as file:
        block = os.urandom(1 << 20)
        for number in range(megabytes):
            file.write((first + b"%08d" % number + block)[:1 << 20])
    return "sha256:" + run("sha256sum", path).split()[0]


# ---- large blobs ----

def put_file(server, repository, path, digest):
    client = Client(server.port)
    target = server.url + client.upload_url(repository, digest)
    client.close()
    run("curl", "-sf", "-X", "PUT", "-H", "Expect:", "-T", path, target)


def large_blobs(options, top):
    """PUT of one blob, in turn with what the disk and the processor do by themselves; GET, in turn with nginx."""
    blob, digest = f"{top}/blob", make_file(f"{top}/blob", options.size)
    os.makedirs(f"{top}/nginx")
    os.link(blob, f"{top}/nginx/blob")
    for number in range(options.rounds):
        for name in in_turn(number, ("dd", "openssl")):
            note("put", name, seconds(*{"dd": ("dd", f"if={blob}", f"of={top}/copy", "bs=1M", "conv=fsync"), "openssl": ("openssl", "dgst", "-sha256", blob)}[name]))
        os.unlink(f"{top}/copy")
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(Server(name, f"{top}/{name}-large")) for name in REGISTRIES]
            for server in in_turn(number, servers):
                start = time.perf_counter()
                put_file(server, "large", blob, digest)
                note("put", server.name, time.perf_counter() - start)
            get_in_turn(stack.enter_context(Server("nginx", f"{top}/nginx")), "/blob", servers, f"/v2/large/blobs/{digest}")
        for name in REGISTRIES:
            shutil.rmtree(f"{top}/{name}-large")
    os.unlink(blob)


def get_in_turn(nginx, path, registries, registry_path):
    """The best of several, since one is short and anything that comes between makes it longer; a first one of each warms up."""
    times = {}
    for number in range(9):
        for server in in_turn(number, [nginx, *registries]):
            taken = seconds("curl", "-sf", "-o", "/dev/null", server.url + (path if server is nginx else registry_path))
            times.setdefault(server.name, []).append(taken)
    for name, several in times.items():
        note("get large", name, min(several[1:]))


def crowd(options, top):
    """16 clients push a blob of their own each, then pull it."""
    files = [(f"{top}/crowd-{number}", make_file(f"{top}/crowd-{number}", options.crowd, b"%d " % number)) for number in range(16)]
    for name in REGISTRIES:
        with Server(name, f"{top}/{name}-crowd") as server, concurrent.futures.ThreadPoolExecutor(16) as pool:
            server.forget_peak()
            list(pool.map(lambda file: put_file(server, "crowd", *file), files))
            list(pool.map(lambda file: run("curl", "-sf", "-o", "/dev/null", f"{server.url}/v2/crowd/blobs/{file[1]}"), files))
            note("peak", name, server.rss_mb("VmHWM"))
        shutil.rmtree(f"{top}/{name}-crowd")
    for path, _ in files:
        os.unlink(path)


# ---- many layers ----

def make_image(folder, layers):
    """skopeo's dir: format, so that its client compresses nothing."""
    os.makedirs(folder)

    def add(kind, data):
        digest = sha256(data)
        with open(f"{folder}/{digest[7:]}", "wb") as file:
            file.write(data)
        return {"mediaType": kind, "digest": digest, "size": len(data)}

    entries = [add(LAYER, os.urandom(16384)) for _ in range(layers)]
    config = {"architecture": "riscv64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [entry["digest"] for entry in entries]}, "config": {}}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": add(CONFIG, json.dumps(config).encode()), "layers": entries}
    with open(f"{folder}/version", "w") as file:
        file.write("Directory Transport Version: 1.1\n")
    with open(f"{folder}/manifest.json", "w") as file:
        json.dump(manifest, file)


def many_layers(options, top):
    make_image(f"{top}/image", 200)
    for number in range(options.rounds):
        for name in in_turn(number, REGISTRIES):
            with Server(name, f"{top}/{name}-layers") as server:
                cpu = server.cpu()
                image = f"docker://127.0.0.1:{server.port}/layers/image:1"
                note("push", name, seconds("skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false", f"dir:{top}/image", image))
                note("push cpu", name, server.cpu() - cpu)
            shutil.rmtree(f"{top}/{name}-layers")


# ---- many repositories, small answers ----

def catalog(server, page, note_pages=False):
    """Walks it as clients do, by the Link headers; returns the number of names."""
    client, path, found = Client(server.port), f"/v2/_catalog?n={page}", 0
    while path:
        start = time.perf_counter()
        answer, text = client.ask("GET", path)
        if note_pages:
            note("page", server.name, (time.perf_counter() - start) * 1000)
        found += len(json.loads(text)["repositories"])
        link = answer.headers.get("Link")
        path = re.search("<(?:https?://[^/]*)?([^>]*)>", link).group(1) if link else None
    client.close()
    return found


def wrk(url, what, name, duration):
    text = run("wrk", "-t2", "-c32", f"-d{duration}s", "-H", f"Accept: {MANIFEST}", url)
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"{name} does not serve {url}: {text}")
    note(what, name, float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)))


def small_answers(options, top):
    name = repository_name(options.repositories // 2)
    folders = {who: f"{top}/{who}-many" for who in REGISTRIES}
    with Server("sampan", folders["sampan"]) as server:
        fill_sampan(server, options.repositories)
        layer = json.loads(Client(server.port).ask("GET", f"/v2/{name}/manifests/1", headers={"Accept": MANIFEST})[1])["layers"][0]["digest"]
    with Server("docker-registry", folders["docker-registry"]) as server:
        fill_distribution(server, options.repositories)
        peer_layer = json.loads(Client(server.port).ask("GET", f"/v2/{name}/manifests/1", headers={"Accept": MANIFEST})[1])["layers"][0]["digest"]
    with open(f"{top}/nginx/small", "wb") as file:
        file.write(os.urandom(4096))
    targets = {"sampan": (f"/v2/{name}/manifests/1", f"/v2/{name}/blobs/{layer}"),
               "docker-registry": (f"/v2/{name}/manifests/1", f"/v2/{name}/blobs/{peer_layer}"), "nginx": ("/small", "/small")}
    for number in range(options.rounds):
        for who in in_turn(number, REGISTRIES + ("nginx",)):
            with Server(who, folders.get(who, f"{top}/nginx")) as server:
                if who != "nginx":
                    note("start", who, server.start_ms)
                    time.sleep(1)
                    note("idle", who, server.rss_mb())
                    start = time.perf_counter()
                    found = catalog(server, 1000)
                    note("walk", who, time.perf_counter() - start)
                    if found != options.repositories + 1:
                        sys.exit(f"{who} lists {found} repositories")
                    catalog(server, 100, note_pages=True)
                wrk(server.url + targets[who][0], "manifest", who, options.seconds)
                wrk(server.url + targets[who][1], "small blob", who, options.seconds)


# ---- gc under load ----

class Prober(threading.Thread):
    """GETs one after the other, with the time that each took."""

    def __init__(self, server, path):
        super().__init__()
        self.client, self.path, self.times, self.ended = Client(server.port), path, [], False

    def run(self):
        while not self.ended:
            start = time.perf_counter()
            self.client.ask("GET", self.path)
            self.times.append((start, time.perf_counter() - start))

    def p99_ms(self, start, end):
        times = sorted(took for at, took in self.times if start <= at < end)
        return times[len(times) * 99 // 100] * 1000


def collection(options, top):
    """What nothing leads to any more is taken away while 32 connections read: how long does a GET wait, before and meanwhile?"""
    with Server("sampan", f"{top}/sampan-gc") as server:
        small = Client(server.port).put_image("kept", "1")[0][1][1]
        for number in range(options.rounds):
            def fill(client, name):
                data = b"%d %d " % (number, name) + os.urandom(500)
                client.ask("POST", f"/v2/loose/blobs/uploads/?digest={sha256(data)}", data, {"Content-Type": "application/octet-stream"}, expect=(201,))

            in_parallel(options.collected, server, fill)
            path = f"/v2/kept/blobs/{small}"
            load = subprocess.Popen(["wrk", "-t1", "-c32", "-d600s", server.url + path], stdout=subprocess.DEVNULL)
            prober = Prober(server, path)
            prober.start()
            time.sleep(4)
            start = time.perf_counter()
            text = run(os.environ["SAMPAN"], "--root", server.folder, "--format", "json", "gc", "--grace", "0")
            end = time.perf_counter()
            load.terminate()
            load.wait()
            prober.ended = True
            prober.join()
            freed = json.loads(text)
            if freed["blobs"]["count"] < options.collected:
                sys.exit(f"gc took {freed}")
            note("gc", "sampan", end - start)
            note("p99", "before", prober.p99_ms(start - 3, start))
            note("p99", "meanwhile", prober.p99_ms(start, end))


# ---- the table ----

def median(what, who):
    return statistics.median(values[what, who])


def ratio(what, mine, other, inverse=False):
    """Of the medians of the rounds' own ratios."""
    pairs = zip(values[what, mine], values[what, other])
    return statistics.median(b / a if inverse else a / b for a, b in pairs)


def slower_of(what, names):
    values[what, "slower"] = [max(several) for several in zip(*(values[what, name] for name in names))]


def rows(options):
    """what, value, docker-registry's, and the bounds: (ratio or value, its text, whether it holds)."""
    slower_of("put", ("dd", "openssl"))

    def at_least(number, bound, text):
        return f"{number:.2f} {text} (≥ {bound})", number >= bound

    def at_most(number, bound, text):
        return f"{number:.2f} {text} (≤ {bound})", number <= bound

    def both(what, unit, digits=1):
        return [f"{median(what, who):.{digits}f} {unit}" for who in REGISTRIES]

    many = f"{options.repositories} repositories"
    yield f"idle memory, {many}", *both("idle", "MB"), [at_most(median("idle", "sampan"), 6, "MB")]
    yield f"peak memory, 16 clients push and pull {options.crowd} MiB", *both("peak", "MB"), [at_most(median("peak", "sampan"), 32, "MB")]
    yield f"start to the first answer, {many}", *both("start", "ms"), [at_most(median("start", "sampan"), 50, "ms")]
    for what, label, bound in (("manifest", "GET manifest by tag, 32 connections", 0.7), ("small blob", "GET blob of 4 KiB, 32 connections", 0.6)):
        yield label, *both(what, "/s", 0), [at_least(ratio(what, *REGISTRIES), 40, "× docker-registry"),
                                            at_least(ratio(what, "sampan", "nginx"), bound, f"× nginx ({median(what, 'nginx'):.0f} /s)")]
    yield f"GET blob of {options.size} MiB", *both("get large", "s", 2), [at_least(ratio("get large", "sampan", "nginx", True), 0.95,
                                                                              f"× nginx ({median('get large', 'nginx'):.2f} s)")]
    yield f"PUT blob of {options.size} MiB", *both("put", "s", 2), [
        at_least(ratio("put", *REGISTRIES, True), 1.3, "× docker-registry"),
        at_least(ratio("put", "sampan", "slower", True), 0.8, f"× the slower of dd ({median('put', 'dd'):.2f} s) and openssl ({median('put', 'openssl'):.2f} s)")]
    yield "push of 200 layers, skopeo", *both("push", "s"), []
    yield "– server's CPU", *both("push cpu", "s", 2), [at_most(ratio("push cpu", *REGISTRIES), 0.25, "× docker-registry")]
    yield f"_catalog, walk over {many}", *both("walk", "s", 3), [at_least(ratio("walk", *REGISTRIES, True), 20, "× docker-registry")]
    yield "– a page of 100", *both("page", "ms", 2), [at_most(median("page", "sampan"), 2, "ms")]
    yield (f"gc of {options.collected} blobs under load", f"{median('gc', 'sampan'):.1f} s", "–",
           [at_most(ratio("p99", "meanwhile", "before"), 2, f"× p99 of GETs before it ({median('p99', 'before'):.1f} ms)")])


def table(options):
    short = 0
    print(f"Medians of {options.rounds} rounds in turn, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}.\n")
    print("| | sampan | docker-registry | to reach | |\n|---|---|---|---|---|")
    for what, mine, theirs, bounds in rows(options):
        missed = sum(not holds for _, holds in bounds)
        short += missed > 0
        print(f"| {what} | {mine} | {theirs} | {'; '.join(text for text, _ in bounds)} | {'' if not bounds else '**short**' if missed else 'met'} |")
    return short


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024, help="of the large blob, in MiB (1024)")
    parser.add_argument("--crowd", type=int, default=128, help="of the 16 clients' blobs, in MiB (128)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="for each run of wrk (4)")
    parser.add_argument("--repositories", type=int, default=5000)
    parser.add_argument("--collected", type=int, default=10000, help="blobs for gc (10000)")
    options = parser.parse_args()
    top = tempfile.mkdtemp(prefix="sampan-bench.", dir=os.environ.get("TMPDIR", "/var/tmp"))
    try:
        for part in (large_blobs, crowd, many_layers, small_answers, collection):
            start = time.perf_counter()
            part(options, top)
            print(f"{part.__name__}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    sys.exit(1 if table(options) else 0)


main()
