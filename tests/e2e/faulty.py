#!/usr/bin/env python3
"""A registry that misbehaves, to see that a client stands it.

    faulty.py PORT OTHER-PORT LOG [CERTIFICATE KEY]

Serves on 127.0.0.1:PORT (HTTPS with a certificate) one image of two layers under many repositories: the first component of the name says what goes wrong
(`good`, `truncated`, `altered`, ...; see the methods; below `flaky` it is what the file LOG.mode says at the time). OTHER-PORT is another host, to which nothing secret must go: called as localhost:OTHER-PORT. Every
request is a line in LOG: which of the two, method, path, and the Authorization that came, if any.
"""
import base64, gzip, hashlib, io, json, os, ssl, sys, tarfile, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, OTHER, LOG = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
SECRET = "Basic " + base64.b64encode(b"bob:sesame").decode()
lock = threading.Lock()
counts = {}


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer(name, size, seed):
    data, block = b"", hashlib.sha256(seed).digest()
    while len(data) < size:
        block = hashlib.sha256(block).digest()
        data += block
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = size
        tar.addfile(info, io.BytesIO(data[:size]))
    return out.getvalue()


tars = [layer("one", 300000, b"1"), layer("two", 200000, b"2")]
layers = [gzip.compress(t, 1, mtime=0) for t in tars]
config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [digest(t) for t in tars]}}).encode()


def descriptor(data, kind, **more):
    return {"mediaType": kind, "digest": digest(data), "size": len(data), **more}


LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
image = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
         "layers": [descriptor(data, LAYER) for data in layers]}
manifest = json.dumps(image).encode()
FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
foreign = json.dumps({**image, "layers": [image["layers"][0], descriptor(layers[1], FOREIGN, urls=[f"http://localhost:{OTHER}/layer"])]}).encode()
index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
    descriptor(manifest, MANIFEST, platform={"os": "linux", "architecture": "s390x"}),
    descriptor(manifest, MANIFEST, platform={"os": "linux", "architecture": "arm", "variant": "v7"})]}).encode()
both = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "config": image["config"], "layers": [], "manifests": []}).encode()
blobs = {digest(data): data for data in [config, *layers]}
manifests = {digest(data): data for data in [manifest, foreign, index]}


def count(key):
    with lock:
        counts[key] = counts.get(key, 0) + 1
        return counts[key]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self):
        other = "other" if self.server.server_port == OTHER else "registry"
        with lock, open(LOG, "a") as log:
            print(other, self.command, self.path, self.headers.get("Authorization", "-"), self.headers.get("Range", "-"), file=log)
        return other

    def answer(self, status, body=b"", cut=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True

    def error(self, status, code, message, **headers):
        self.answer(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode(), **headers)

    def challenge(self, mode):
        """Answers 401 where the mode wants credentials; True if it did."""
        got = self.headers.get("Authorization")
        if mode == "basic" and got != SECRET:
            self.error(401, "UNAUTHORIZED", "who are you", WWW_Authenticate='Basic realm="x"')
        elif mode == "bearer" and got != "Bearer good-token":
            self.error(401, "UNAUTHORIZED", "no token", WWW_Authenticate=f'Bearer realm="http://127.0.0.1:{PORT}/token",service="s",scope="x"')
        elif mode == "realm" and got != "Bearer good-token":
            self.error(401, "UNAUTHORIZED", "no token", WWW_Authenticate=f'Bearer realm="http://localhost:{OTHER}/token",service="s"')
        elif mode == "malformed" and not got:
            self.error(401, "UNAUTHORIZED", "no token", WWW_Authenticate='Bearer realm="never closed')
        elif mode == "away" and got != SECRET:
            self.error(401, "UNAUTHORIZED", "who are you", WWW_Authenticate='Basic realm="x"')
        else:
            return False
        return True

    def token(self):
        if self.server.server_port == OTHER or self.headers.get("Authorization") == SECRET:
            self.answer(200, b'{"token": "good-token", "expires_in": 300}')
        else:
            self.error(401, "UNAUTHORIZED", "wrong password")

    def do_GET(self):
        other = self.note()
        path = self.path.split("?")[0]
        if path == "/token":
            return self.token()
        if other == "other":
            return self.answer(200, blobs.get(path.rsplit("/", 1)[1], b"?"))
        if path == "/v2/":
            return self.answer(200, b"{}")
        parts = path.split("/")
        mode, kind, name = parts[2], parts[-2], parts[-1]
        if mode == "flaky":
            mode = open(LOG + ".mode").read().strip() if os.path.exists(LOG + ".mode") else "good"
        if path.endswith("/tags/list"):
            return self.answer(200, json.dumps({"name": "x", "tags": ["1", "2", "no tag", 3]}).encode(), Link="</v2/x>; rel=\"next\"")
        if self.challenge(mode):
            return
        if kind == "manifests":
            self.get_manifest(mode, name)
        elif kind == "blobs" and name in blobs:
            self.get_blob(mode, name, blobs[name])
        else:
            self.error(404, "BLOB_UNKNOWN", "blob unknown to registry")

    do_HEAD = do_GET

    def get_manifest(self, mode, name):
        data = manifests.get(name) or {"foreign": foreign, "platforms": index, "confused": both}.get(mode, manifest)
        kind = json.loads(data)["mediaType"]
        if mode == "missing":
            self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        elif mode == "denied":
            self.error(403, "DENIED", "not for you")
        elif mode == "escape":
            self.error(403, "DENIED", "\x1b[31mred\r\nfake line")
        elif mode == "limit":
            self.error(429, "TOOMANYREQUESTS", "slow down", Retry_After="7200")
        elif mode == "failing":
            self.error(500, "UNKNOWN", "on fire")
        elif mode == "hasty":
            self.error(429, "TOOMANYREQUESTS", "slow down", Retry_After="2")
        elif mode == "silent":
            time.sleep(8)
        elif mode == "moved":
            self.answer(200, foreign, Content_Type=kind, Docker_Content_Digest=digest(foreign))
        elif mode == "nohead" and self.command == "HEAD":
            self.answer(405)
        elif mode == "manifest":
            self.answer(200, data.replace(b"schemaVersion", b"schemaversion"), Content_Type=kind, Docker_Content_Digest=digest(data))
        elif mode == "huge":
            self.answer(200, b"{" + b" " * (5 << 20) + b"}", Content_Type=kind)
        else:
            self.answer(200, data, Content_Type=kind, Docker_Content_Digest=digest(data))

    def get_range(self, data, shift=0):
        first, last = (int(n) for n in self.headers["Range"].removeprefix("bytes=").split("-"))
        self.answer(206, data[first + shift:last + 1 + shift], Content_Range=f"bytes {first + shift}-{last + shift}/{len(data) + shift}")

    def get_slowly(self, data):
        first, last = 0, len(data) - 1
        if "Range" in self.headers:
            first, last = (int(n) if n else last for n in self.headers["Range"].removeprefix("bytes=").split("-"))
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Content-Length", str(last + 1 - first))
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.end_headers()
        for at in range(first, last + 1, 30000) if self.command == "GET" else ():
            self.wfile.write(data[at:min(at + 30000, last + 1)])
            self.wfile.flush()
            time.sleep(0.2)

    def get_chunked(self, data):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in (data[:1000], data[1000:]):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def get_blob(self, mode, name, data):
        if data is config:
            return self.answer(200, data)
        ranged = "Range" in self.headers
        if mode == "truncated":
            self.answer(200, data, cut=1000)
        elif mode == "short":
            self.answer(200, data[:1000])
        elif mode == "altered":
            self.answer(200, data[:500] + bytes([data[500] ^ 1]) + data[501:])
        elif mode == "slow":
            self.get_slowly(data)
        elif mode == "chunked" and self.command == "GET":
            self.get_chunked(data)
        elif mode == "long":
            self.answer(200, data + b"more")
        elif mode in ("resume", "shifted", "restart", "lost"):
            if count((mode, name)) == 1:
                self.answer(200, data, cut=len(data) // 2)
            elif mode == "restart" or not ranged:
                self.answer(200, data)
            elif mode == "lost":
                self.error(416, "SIZE_INVALID", "no such range")
            else:
                self.get_range(data, 1 if mode == "shifted" else 0)
        elif mode == "stalled":  # breaks off after half, for ever: a killed pull leaves something to go on with
            self.answer(200, data, cut=len(data) // 2)
        elif mode == "busy" and count((mode, name)) < 3:
            self.error(429, "TOOMANYREQUESTS", "slow down", Retry_After="0")
        elif mode == "broken":
            self.error(503, "UNAVAILABLE", "on fire", Retry_After="0")
        elif mode in ("away", "redirect"):
            self.answer(307, Location=f"http://localhost:{OTHER}/blob/{name}?signature=topsecret")
        elif mode == "loop":
            self.answer(307, Location=self.path)
        elif mode == "file":
            self.answer(307, Location="file:///etc/passwd")
        else:
            self.answer(200, data)

    def do_POST(self):
        other = self.note()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/token":  # OAuth2: an identity token for an access token
            right = b"grant_type=refresh_token" in body and b"refresh_token=long-lived" in body and b"scope=repository%3Abearer%2Fimage%3Apull" in body
            self.answer(200, b'{"access_token": "good-token"}') if right else self.error(400, "INVALID", "no such identity")
        elif other == "registry" and not self.challenge(self.path.split("/")[2]):
            self.answer(202, Location=f"http://localhost:{OTHER}/upload")

    def do_PUT(self):
        self.note()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(201)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


server = Server(("127.0.0.1", PORT), Handler)
if len(sys.argv) > 4:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4], sys.argv[5])
    server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=Server(("127.0.0.1", OTHER), Handler).serve_forever, daemon=True).start()
server.serve_forever()
