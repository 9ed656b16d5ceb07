#!/usr/bin/env python3
"""Clients that mean no good: hostile.py HOST:PORT PID [KIND…]. Each function is one kind; after each, the registry must answer an honest one.
Requests are written byte by byte, because no HTTP library would send them."""
import hashlib
import os
import resource
import selectors
import socket
import sys
import threading
import time

HOST, PORT = sys.argv[1].rsplit(":", 1)
PID = int(sys.argv[2])
MEMORY_MAX = 96 * 1024  # kB, whatever is done to it
resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)


def connect(timeout=10):
    return socket.create_connection((HOST, int(PORT)), timeout)


def read_all(client):
    data = b""
    try:
        while piece := client.recv(65536):
            data += piece
    except (ConnectionResetError, TimeoutError, socket.timeout):
        pass
    return data


def send(raw, timeout=3):
    """All that comes back, until the registry closes or is silent."""
    with connect(timeout) as client:
        try:
            client.sendall(raw)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return read_all(client)


def status(data):
    return int(data.split(b" ", 2)[1]) if data.startswith(b"HTTP/1.1 ") else 0


def honest():
    started = time.time()
    data = send(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 5)
    assert status(data) == 200, data
    return time.time() - started


def memory():
    with open(f"/proc/{PID}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def smuggling():
    """Whatever is in doubt is answered with 4xx or by closing, and what follows is never taken for a second request."""
    post = b"POST /v2/smuggle/blobs/uploads/ HTTP/1.1\r\nHost: x\r\n"
    patch = post.replace(b"POST", b"PATCH").replace(b"uploads/", b"uploads/x")
    inner = b"GET /v2/_catalog HTTP/1.1\r\nHost: x\r\n\r\n"
    for name, raw in {
        "both lengths": post + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
        "both lengths, turned": post + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inner,
        "two lengths": post + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + inner,
        "two equal lengths": post + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + inner,
        "a list of lengths": post + b"Content-Length: 0, 44\r\n\r\n" + inner,
        "a negative length": post + b"Content-Length: -1\r\n\r\n" + inner,
        "a signed length": post + b"Content-Length: +0\r\n\r\n" + inner,
        "a huge length": post + b"Content-Length: 99999999999999999999999\r\n\r\n" + inner,
        "a hexadecimal length": post + b"Content-Length: 0x0\r\n\r\n" + inner,
        "another coding": post + b"Transfer-Encoding: gzip\r\n\r\n" + inner,
        "a list of codings": post + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + inner,
        "two codings": post + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + inner,
        "coding in 1.0": post.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
        "a bad chunk size": post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n" + inner,
        "a negative chunk": post + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + inner,
        "a huge chunk": post + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n\r\n" + inner,
        "a chunk of 2^64": post + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n" + inner,
        "a chunk with a prefix": post + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + inner,
        "a signed chunk": post + b"Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n" + inner,
        "an empty chunk size": post + b"Transfer-Encoding: chunked\r\n\r\n\r\n\r\n" + inner,
        "a chunk longer than it says": post + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabcdef\r\n0\r\n\r\n" + inner,
        "a chunk without its end": post + b"Transfer-Encoding: chunked\r\n\r\n1\r\na0\r\n\r\n" + inner,
        "endless chunk size": post + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 1000000 + b"\r\n\r\n" + inner,
        "endless extension": post + b"Transfer-Encoding: chunked\r\n\r\n0;" + b"a" * 1000000 + b"\r\n\r\n" + inner,
        "endless trailers": post + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 100000 + b"\r\n" + inner,
        "another coding, PATCH": patch + b"Transfer-Encoding: gzip\r\n\r\n" + inner,
        "a coding behind a vertical tab": post + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + inner,
        "twice chunked": post + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + inner,
        "two hosts": post.replace(b"\r\nHost", b"\r\nHost: y\r\nHost") + b"Content-Length: 0\r\n\r\n",
        "a bare CR": post + b"A: b\rContent-Length: 44\r\nContent-Length: 0\r\n\r\n",
        "a blank before the colon": post + b"Content-Length : 0\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + inner,
    }.items():
        started = time.time()
        data = send(raw, 10)
        assert time.time() - started < 9, (name, "it is left to wait")
        answers = [int(answer[:3]) for answer in data.split(b"HTTP/1.1 ")[1:]]
        # a line that doesn't fit its buffer, in the middle of a body, the library answers itself, with 500 and the end of the connection
        assert all(400 <= answer < (501 if name.startswith("endless") else 500) for answer in answers), (name, data)
        assert b"repositories" not in data, (name, data)
    assert send(b"GET /v2/ HTTP/1.1\r\n\r\n", 2).count(b"200 OK") == 0, "no Host"


def floods():
    get = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n"
    for name, raw in {
        "a long header": get + b"A: " + b"x" * 1000000 + b"\r\n\r\n",
        "many headers": get + b"A: b\r\n" * 100000 + b"\r\n",
        "a long target": b"GET /v2/" + b"a" * 1000000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        "a long method": b"G" * 1000000 + b" /v2/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "many parameters": b"GET /v2/_catalog?" + b"a&" * 3000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "no request": os.urandom(100000),
        "TLS": bytes.fromhex("160301020001000100") + os.urandom(500),
        "a NUL": b"GET /v2/\0/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "line ends in a value": b"GET /v2/_catalog?n=1&last=%0d%0aX-Evil:%201 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    }.items():
        data = send(raw, 2)
        assert status(data) < 500 and b"\nX-Evil" not in data, (name, data[:300])


def pipelined():
    data = send(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n" * 50, 2)
    assert data.count(b"200 OK") == 50, data.count(b"200 OK")


def slow():
    """200 that send a byte now and then must not slow the others."""
    clients = [connect() for _ in range(200)]
    ended = threading.Event()

    def drip():
        while not ended.wait(0.5):
            for client in clients:
                try:
                    client.send(b"G")
                except OSError:
                    pass

    thread = threading.Thread(target=drip)
    thread.start()
    worst = max(honest() for _ in range(20))
    ended.set()
    thread.join()
    for client in clients:
        client.close()
    assert worst < 2, worst


def idle():
    """A thousand that say nothing: the registry answers, and its memory stays bounded; afterwards it is small again."""
    before = memory()
    clients = [connect() for _ in range(1000)]
    for client in clients[:500]:
        client.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(1)
    worst, during = max(honest() for _ in range(10)), memory()
    for client in clients:
        client.close()
    time.sleep(1)
    honest()
    print(f"1000 idle connections: {before} kB before, {during} kB during, {memory()} kB after; slowest answer {worst * 1000:.0f} ms")
    assert worst < 2 and during < 64 * 1024, (worst, during)


def abandoned():
    """Uploads that are begun and dropped, many at once, leave neither descriptors nor memory."""
    before = len(os.listdir(f"/proc/{PID}/fd"))
    for _ in range(50):
        with connect() as client:
            client.sendall(b"POST /v2/gone/blobs/uploads/?digest=sha256:" + b"0" * 64 + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc")
    time.sleep(2)
    honest()
    after = len(os.listdir(f"/proc/{PID}/fd"))
    assert after <= before + 4, (before, after)


def many_floods():
    """The same headers from many at once: each costs what one connection may cost."""
    flood = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20000
    clients = [connect() for _ in range(256)]
    for client in clients:
        client.setblocking(False)
        try:
            client.send(flood)
        except OSError:
            pass
    worst, during = max(honest() for _ in range(5)), memory()
    for client in clients:
        client.close()
    assert worst < 2 and during < MEMORY_MAX, (worst, during)


def endless_bodies():
    """Bodies of a declared 100 GiB, and chunked ones without an end: refused at once where the limit is known, else held in little memory."""
    size = b"Content-Length: 107374182400\r\n"
    digest = b"sha256:" + b"0" * 64
    data = send(b"PUT /v2/huge/manifests/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\n" + size + b"\r\n", 3)
    assert status(data) == 413, data
    posts = [b"POST /v2/huge/blobs/uploads/?digest=" + digest + b" HTTP/1.1\r\nHost: x\r\n" + size + b"\r\n",
             b"POST /v2/huge/blobs/uploads/?digest=" + digest + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10000000\r\n",
             b"PUT /v2/huge/manifests/1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10000000\r\n"]
    clients = [connect() for _ in range(96)]
    for i, client in enumerate(clients):
        client.sendall(posts[i % 3])
    block = b"x" * 65536
    for _ in range(8):
        for client in clients:
            client.setblocking(False)
            try:
                client.send(block)
            except OSError:
                pass
    worst, during = max(honest() for _ in range(5)), memory()
    for client in clients:
        client.close()
    time.sleep(1)
    print(f"96 endless bodies: {during} kB during, slowest answer {worst * 1000:.0f} ms")
    assert worst < 2 and during < MEMORY_MAX, (worst, during)


def manifests():
    """Manifests of nearly 4 MiB on many connections at once: as many as there is memory for are looked at, the others are told to come again."""
    part = b'{"mediaType":"a/b","digest":"sha256:%s","size":1}' % (b"0" * 64)
    body = b'{"schemaVersion":2,"config":%s,"layers":[%s]}' % (part, b",".join([part] * 34000))
    head = b"PUT /v2/big/manifests/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\nConnection: close\r\n"
    head += b"Content-Length: %d\r\n\r\n" % len(body)
    seen, peak, ended = [], [0], threading.Event()

    def watch():
        while not ended.wait(0.05):
            peak[0] = max(peak[0], memory())

    def push():
        seen.append(status(send(head + body, 60)))

    pushers = [threading.Thread(target=push) for _ in range(48)]
    threads = pushers + [threading.Thread(target=watch)]
    for thread in threads:
        thread.start()
    for thread in pushers:
        thread.join()
    ended.set()
    print(f"48 manifests of {len(body)} bytes: {sorted(set(seen))}, {peak[0]} kB at the most")
    assert set(seen) <= {413, 429} and 413 in seen and peak[0] < MEMORY_MAX, (sorted(seen), peak)


def busy(count, seconds):
    """`count` connections that ask again as soon as they have their answer; returns how many answers came. None may fail."""
    ask = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"
    select, answers, left = selectors.DefaultSelector(), 0, {}
    for _ in range(count):
        client = connect()
        client.setblocking(False)
        client.send(ask)
        select.register(client, selectors.EVENT_READ)
        left[client] = b""
    ends = time.time() + seconds
    while time.time() < ends:
        for key, _ in select.select(0.5):
            client = key.fileobj
            piece = client.recv(65536)
            assert piece, "the registry closed a busy connection"
            left[client] += piece
            if left[client].endswith(b"{}"):
                assert left[client].startswith(b"HTTP/1.1 200 "), left[client]
                left[client] = b""
                answers += 1
                client.send(ask)
    for client in left:
        client.close()
    return answers


def crowd():
    """1,000 idle connections, 256 busy ones, and an honest one."""
    idlers = [connect() for _ in range(1000)]
    for client in idlers[:500]:
        client.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
    waits, peak, ended = [], [0], threading.Event()

    def watch():
        while not ended.wait(0.2):
            waits.append(honest())
            peak[0] = max(peak[0], memory())

    thread = threading.Thread(target=watch)
    thread.start()
    answers = busy(256, 4)
    ended.set()
    thread.join()
    for client in idlers:
        client.close()
    print(f"1000 idle and 256 busy connections: {answers / 4:.0f} answers a second, {peak[0]} kB, an honest one waited {max(waits) * 1000:.0f} ms")
    assert answers > 1000 and waits and max(waits) < 3 and peak[0] < MEMORY_MAX, (answers, max(waits), peak)


def besieged():
    """More connections than the registry has places for: those that only wait make room, and who asks is served."""
    clients = []
    for _ in range(25):
        clients += [connect() for _ in range(100)]
        assert honest() < 2
    during = memory()
    served = busy(64, 1)
    for client in clients:
        client.close()
    print(f"2500 idle connections: {during} kB")
    assert served > 64 and during < MEMORY_MAX, (served, during)


def ends_within(clients, seconds):
    """How many the registry has ended by then."""
    gone, deadline = 0, time.time() + seconds
    waiting = list(clients)
    while waiting and time.time() < deadline:
        for client in list(waiting):
            client.setblocking(False)
            try:
                client.send(b"")
                if client.recv(1) == b"":
                    waiting.remove(client)
            except BlockingIOError:
                pass
            except OSError:
                waiting.remove(client)
        time.sleep(0.3)
    return len(clients) - len(waiting)


def slow_bodies():
    """Uploads of a byte now and then. Needs short timeouts."""
    clients = [connect() for _ in range(50)]
    for client in clients:
        client.sendall(b"PUT /v2/slow/manifests/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
    ended = threading.Event()

    def drip():
        while not ended.wait(0.3):
            for client in clients:
                try:
                    client.send(b"x")
                except OSError:
                    pass

    thread = threading.Thread(target=drip)
    thread.start()
    gone = ends_within(clients, 20)
    ended.set()
    thread.join()
    assert gone == len(clients), gone


def slow_readers():
    """Answers that nobody takes, or a byte now and then: the connection is ended, and what an honest slow reader takes isn't. Needs short timeouts."""
    blob = os.urandom(16 << 20)
    digest = "sha256:" + hashlib.sha256(blob).hexdigest()
    head = f"POST /v2/slow/blobs/uploads/?digest={digest} HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nConnection: close\r\nContent-Length: {len(blob)}\r\n\r\n"
    assert status(send(head.encode() + blob, 20)) == 201
    clients = []
    for _ in range(51):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(10)
        client.connect((HOST, int(PORT)))
        client.sendall(f"GET /v2/slow/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        clients.append(client)
    patient, end, taken = clients.pop(), time.time() + 16, 0
    while time.time() < end:  # some 20 kB a second
        taken += len(patient.recv(2048))
        time.sleep(0.1)
    assert taken > 100000, taken
    patient.close()
    for client in clients:  # what was sent before the end is still there to be read
        client.settimeout(5)
        got = 0
        try:
            while piece := client.recv(65536):
                got += len(piece)
        except ConnectionResetError:
            pass
        assert got < len(blob), "the answer was not ended"


DEFAULT = (smuggling, floods, many_floods, pipelined, slow, idle, crowd, besieged, endless_bodies, manifests, abandoned)
for attack in [globals()[name] for name in sys.argv[3:]] or DEFAULT:
    attack()
    honest()
    assert memory() < MEMORY_MAX, memory()
    print("ok", attack.__name__, flush=True)
