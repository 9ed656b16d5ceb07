#!/usr/bin/env python3
"""The front of plain HTTP (src/registry/front.c), byte by byte: front.py HOST:PORT PID KIND… Each function is one kind."""
import hashlib
import json
import os
import re
import socket
import sys
import threading
import time

HOST, PORT = sys.argv[1].rsplit(":", 1)
PID = int(sys.argv[2])
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
NOT_PLAIN = "X-Other: 1\r\n"  # for the library


def threads():
    return len(os.listdir(f"/proc/{PID}/task"))


class Connection:
    def __init__(self):
        self.socket = socket.create_connection((HOST, int(PORT)), 20)
        self.file = self.socket.makefile("rb")

    def send(self, method, path, headers="", body=b""):
        length = f"Content-Length: {len(body)}\r\n" if method not in ("GET", "HEAD") else ""
        self.socket.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}{length}\r\n".encode() + body)

    def read(self, method="GET"):
        """(status, headers, body), or None at the end."""
        line = self.file.readline()
        if not line:
            return None
        headers = {}
        while (field := self.file.readline().decode().rstrip("\r\n")):
            name, value = field.split(": ", 1)
            assert name not in headers, field
            headers[name] = value
        body = b"" if method == "HEAD" else self.file.read(int(headers.get("Content-Length", 0)))
        return int(line.split()[1]), headers, body

    def ask(self, method, path, headers="", body=b""):
        self.send(method, path, headers, body)
        return self.read(method)

    def close(self):
        self.file.close()
        self.socket.close()


def send_many(connection, ask, count):
    """Doesn't wait for the registry to read them all, which it won't before its answers are read."""
    def work():
        try:
            connection.socket.sendall(ask * count)
        except OSError:
            pass

    threading.Thread(target=work, daemon=True).start()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def put_blob(connection, data):
    answer = connection.ask("POST", f"/v2/front/blobs/uploads/?digest={digest(data)}", "Content-Type: a/b\r\n", data)
    assert answer[0] == 201, answer
    return f"/v2/front/blobs/{digest(data)}"


def put_manifest(connection, tag, layer):
    put_blob(connection, layer)
    descriptor = {"mediaType": "application/x", "digest": digest(layer), "size": len(layer)}
    text = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor, "layers": [descriptor]}).encode()
    answer = connection.ask("PUT", f"/v2/front/manifests/{tag}", f"Content-Type: {MANIFEST}\r\n", text)
    assert answer[0] == 201, answer
    return text


def same():
    """Its answers are the library's, whatever is asked for; only the order of the headers may differ."""
    connection, small, large = Connection(), os.urandom(100), os.urandom(100000)
    text = put_manifest(connection, "same", small)
    paths = [put_blob(connection, data) for data in (small, large, b"")]
    paths += ["/v2/front/manifests/same", f"/v2/front/manifests/{digest(text)}", "/v2/front/manifests/none", "/v2/FRONT/manifests/same",
              "/v2/front/blobs/" + digest(b"none"), "/v2/front/blobs/x", "/v2/front/tags/list", "/v2/", "/v2/front/manifests/%", "/"]
    for path in paths:
        for method in ("GET", "HEAD"):
            answers = []
            for headers in ("", "", NOT_PLAIN):
                fresh = Connection()
                status, fields, body = fresh.ask(method, path, headers)
                fresh.close()
                assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", fields.pop("Date")), path
                answers.append((status, fields, body))
            assert answers[0] == answers[1] == answers[2], (method, path, answers)
    connection.close()


def threadless():
    """What is small and at hand costs no thread; what is more does, and the connection goes on all the same."""
    connection = Connection()
    path = put_blob(connection, os.urandom(4096))
    connection.close()
    time.sleep(0.5)
    before = threads()
    visitors = [Connection() for _ in range(64)]
    for visitor in visitors:
        assert visitor.ask("GET", path)[0] == 200
    assert threads() <= before + 1, (before, threads())
    for visitor in visitors:
        assert visitor.ask("GET", path, "Range: bytes=0-0\r\n")[0] == 206
    assert threads() >= before + 64, (before, threads())
    for visitor in visitors:
        assert visitor.ask("GET", path)[0] == 200
        visitor.close()


def mixed():
    """Many requests in one go, plain ones and others, are answered in their order; and what is new is seen at once."""
    connection = Connection()
    texts = [put_manifest(connection, "mixed", os.urandom(50)) for _ in range(2)]
    layer = os.urandom(60)
    visitor = Connection()
    assert visitor.ask("GET", "/v2/front/manifests/mixed")[2] == texts[1]
    texts.append(put_manifest(connection, "mixed", os.urandom(50)))
    assert visitor.ask("GET", "/v2/front/manifests/mixed")[2] == texts[2]
    get = b"GET /v2/front/manifests/mixed HTTP/1.1\r\nHost: x\r\n\r\n"
    post = f"POST /v2/front/blobs/uploads/?digest={digest(layer)} HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nContent-Length: 60\r\n\r\n".encode()
    visitor.socket.sendall(get * 3 + post + layer + get * 2)
    assert [visitor.read()[0] for _ in range(6)] == [200, 200, 200, 201, 200, 200]
    for byte in get:  # byte by byte
        visitor.socket.sendall(bytes([byte]))
    assert visitor.read()[2] == texts[2]
    fresh = Connection()
    fresh.socket.sendall(get[:20])
    time.sleep(0.2)
    fresh.socket.sendall(get[20:])
    assert fresh.read()[2] == texts[2]
    for one in (connection, visitor, fresh):
        one.close()


def patient():
    """Answers that are taken late wait for their reader, whole, and nobody else waits."""
    connection, data = Connection(), os.urandom(8000)
    path = put_blob(connection, data)
    visitor = Connection()
    count = 2000
    send_many(visitor, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), count)
    time.sleep(1)
    started = time.time()
    assert Connection().ask("GET", path)[2] == data and time.time() - started < 2
    for _ in range(count):
        assert visitor.read()[2] == data
    visitor.close()
    connection.close()


def ended(connection, seconds):
    connection.socket.settimeout(seconds)
    started = time.time()
    assert connection.file.read(1) == b"", "not ended"
    return time.time() - started


def silent():
    """Needs short time-outs: one that says nothing, one that was answered and says nothing, and one that takes nothing are ended."""
    connection = Connection()
    path = put_blob(connection, os.urandom(8000))
    waiting, answered, deaf = Connection(), Connection(), Connection()
    assert answered.ask("GET", path)[0] == 200
    deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    send_many(deaf, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), 3000)
    ended(waiting, 20)
    ended(answered, 20)
    files = f"/proc/{PID}/fd"
    until, many = time.time() + 25, 0
    while time.time() < until and (many := sum(os.readlink(f"{files}/{fd}").startswith("socket:") for fd in os.listdir(files))) > 2:
        time.sleep(0.5)
    assert many <= 2, f"{many} sockets are left"


def stop():
    """SIGTERM ends those that wait at once."""
    connection = Connection()
    path = put_blob(connection, os.urandom(100))
    visitors = [Connection() for _ in range(20)]
    for visitor in visitors[:10]:
        assert visitor.ask("GET", path)[0] == 200
    time.sleep(1.5)  # so that those that have said nothing are accepted
    os.kill(PID, 15)
    assert max(ended(visitor, 5) for visitor in visitors) < 3


def refused():
    """Where one has to log in, nothing is given to who has not, though it is remembered."""
    connection, data = Connection(), b"secret"
    log_in = "Authorization: Basic YWxpY2U6c2VzYW1l\r\n"  # alice:sesame
    path = f"/v2/front/blobs/{digest(data)}"
    answer = connection.ask("POST", f"/v2/front/blobs/uploads/?digest={digest(data)}", "Content-Type: a/b\r\n" + log_in, data)
    assert answer[0] == 201, answer
    for _ in range(2):
        assert connection.ask("GET", path, log_in)[2] == data
        status, headers, _ = Connection().ask("GET", path)
        assert status == 401 and "WWW-Authenticate" in headers, (status, headers)
    connection.close()


for kind in sys.argv[3:]:
    globals()[kind]()
    print("ok", kind, flush=True)
