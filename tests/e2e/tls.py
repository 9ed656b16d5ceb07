#!/usr/bin/env python3
"""Clients that speak TLS in ways that curl doesn't: tls.py keep HOST:PORT CA COMMAND, tls.py halfopen HOST:PORT CA PID."""
import os
import socket
import ssl
import subprocess
import sys
import threading
import time

HOST, PORT = sys.argv[2].rsplit(":", 1)
CA = sys.argv[3]


def connect(timeout=20):
    context = ssl.create_default_context(cafile=CA)
    return context.wrap_socket(socket.create_connection((HOST, int(PORT)), timeout), server_hostname="localhost")


def receive(client):
    """An answer with a JSON body: head and body come in records of their own."""
    data = b""
    while not data.rstrip().endswith(b"}"):
        piece = client.recv(65536)
        if not piece:
            break
        data += piece
    return data


def get(client):
    client.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
    return receive(client)


def keep():
    """One connection, and a slow upload on another, outlast what COMMAND does."""
    one, slow = connect(), connect()
    serial = one.getpeercert()["serialNumber"]
    assert b"200 OK" in get(one)
    slow.sendall(b"POST /v2/kept/blobs/uploads/?digest=sha256:" + b"0" * 64 + b" HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nContent-Length: 10\r\n\r\nhello")
    subprocess.run(sys.argv[4], shell=True, check=True)
    assert b"200 OK" in get(one)
    slow.sendall(b"world")
    answer = receive(slow)
    assert answer.startswith(b"HTTP/1.1 400 ") and b"DIGEST_INVALID" in answer, answer  # it was read whole, and is not what it says
    print(serial, connect().getpeercert()["serialNumber"])


def memory(pid):
    with open(f"/proc/{pid}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def halfopen():
    """Handshakes that never end: some silent, some a byte at a time, some with a whole hello. Others are served meanwhile, memory is bounded, and
    the server ends them by itself."""
    pid = int(sys.argv[4])
    before = memory(pid)
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        hello.do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = outgoing.read()
    clients = [socket.create_connection((HOST, int(PORT)), 10) for _ in range(300)]
    for client in clients[:100]:
        client.sendall(hello)
    ended, dead = threading.Event(), set()

    def drip():
        at = 0
        while not ended.wait(0.3):
            for client in clients[100:200]:
                try:
                    client.send(hello[at:at + 1])
                except OSError:
                    dead.add(client)
            at += 1

    thread = threading.Thread(target=drip)
    thread.start()
    time.sleep(1)
    started = time.time()
    for _ in range(5):
        assert b"200 OK" in get(connect())
    took, during = (time.time() - started) / 5, memory(pid)
    deadline, gone = time.time() + 25, []
    for client in clients:
        client.settimeout(max(0.1, deadline - time.time()))
        try:
            while client.recv(65536):
                pass
            gone.append(client)
        except ConnectionResetError:
            gone.append(client)
        except TimeoutError:
            pass
    ended.set()
    thread.join()
    print(f"300 half-open handshakes: {before} kB before, {during} kB during; an answer took {took * 1000:.0f} ms; {len(gone)} ended")
    assert took < 2 and during < 64 * 1024 and len(gone) == len(clients), (took, during, len(gone))


{"keep": keep, "halfopen": halfopen}[sys.argv[1]]()
