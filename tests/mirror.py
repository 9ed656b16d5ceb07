#!/usr/bin/env python3
"""mirror.py UPSTREAM SUITE ARCHITECTURE…: a Debian mirror on loopback for tests, made of another one.

A mirror that is just being renewed has indices that don't match its signed Release, so that nothing can be installed from it for an hour or for days.
This one takes the indices as they are, makes an unsigned Release of exactly those (for `deb [trusted=yes] …`), and passes the packages on, keeping what it
fetched in --cache. With no UPSTREAM ('-') it takes the mirror of this machine's apt. Prints its port in a line and serves until it is ended."""
import argparse, hashlib, http.server, lzma, os, shutil, subprocess, sys, threading, urllib.request

ask = argparse.ArgumentParser()
ask.add_argument("--cache", required=True)
ask.add_argument("--port", type=int, default=0)
ask.add_argument("upstream")
ask.add_argument("suite")
ask.add_argument("architectures", nargs="+")
args = ask.parse_args()


def apt_mirror():
    """The first archive of Debian's own that apt has lists of."""
    form = "$(ORIGIN)|$(LABEL)|$(REPO_URI)"
    lines = subprocess.run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"], capture_output=True, text=True, check=True).stdout
    return next(line.split("|")[2] for line in lines.splitlines() if line.startswith("Debian|Debian|"))


upstream = (apt_mirror() if args.upstream == "-" else args.upstream).rstrip("/")
locks, locks_guard = {}, threading.Lock()


def fetch(path):
    """The file of the cache, fetched if it isn't there; one fetch at a time of each."""
    at = os.path.join(args.cache, path)
    with locks_guard:
        lock = locks.setdefault(path, threading.Lock())
    with lock:
        if not os.path.exists(at):
            os.makedirs(os.path.dirname(at), exist_ok=True)
            with urllib.request.urlopen(f"{upstream}/{path}", timeout=60) as source, open(at + ".part", "wb") as to:
                shutil.copyfileobj(source, to)
            os.rename(at + ".part", at)
    return at


def release():
    sums = []
    for architecture in args.architectures:  # apt wants the uncompressed one to be listed as well
        name = f"main/binary-{architecture}/Packages"
        data = open(fetch(f"dists/{args.suite}/{name}.xz"), "rb").read()
        for file, text in ((name + ".xz", data), (name, lzma.decompress(data))):
            sums.append(f" {hashlib.sha256(text).hexdigest()} {len(text)} {file}")
    return "\n".join([f"Origin: Debian", "Label: Debian", f"Suite: {args.suite}", f"Codename: {args.suite}", "Components: main",
                      "Architectures: " + " ".join(args.architectures), "Date: Sat, 01 Aug 2026 00:00:00 UTC", "SHA256:", *sums, ""]).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = os.path.normpath(self.path.split("?")[0]).lstrip("/")
        try:
            if path == f"dists/{args.suite}/Release":
                return self.answer(200, made)
            if not (path.startswith("pool/") or path.endswith("/Packages.xz")):
                return self.answer(404)
            self.answer(200, open(fetch(path), "rb").read())
        except OSError as error:
            self.answer(getattr(error, "code", 502))

    def answer(self, code, body=b""):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


made = release()
server = http.server.ThreadingHTTPServer(("127.0.0.1", args.port), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
