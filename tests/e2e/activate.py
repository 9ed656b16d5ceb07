#!/usr/bin/env python3
"""Starts a program as systemd would: activate.py NOTIFY-FILE NAME=ADDRESS… -- PROGRAM…. ADDRESS is HOST:PORT or a path. What the program
sends to NOTIFY_SOCKET is appended to NOTIFY-FILE; ends when it ends."""
import os
import socket
import sys

split = sys.argv.index("--")
log, sockets, argv = sys.argv[1], sys.argv[2:split], sys.argv[split + 1:]
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(log + ".socket")
notify.settimeout(0.2)
opened = []
for entry in sockets:
    name, address = entry.split("=", 1)
    family = socket.AF_UNIX if address.startswith("/") else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(address if family == socket.AF_UNIX else (address.rsplit(":", 1)[0], int(address.rsplit(":", 1)[1])))
    server.listen(16)
    opened.append((name, server))
pid = os.fork()
if pid == 0:
    spare = [os.dup(server.fileno()) for _, server in opened]
    spare = [os.dup2(fd, 100 + i) for i, fd in enumerate(spare)]
    for i, fd in enumerate(spare):
        os.dup2(fd, 3 + i)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(opened)), LISTEN_FDNAMES=":".join(name for name, _ in opened),
                      NOTIFY_SOCKET=log + ".socket")
    os.execvp(argv[0], argv)
with open(log + ".pid", "w") as out:
    out.write(str(pid))
while True:
    try:
        message = notify.recv(4096)
        with open(log, "ab") as out:
            out.write(message + b"\n")
    except TimeoutError:
        if os.waitpid(pid, os.WNOHANG)[0]:
            break
