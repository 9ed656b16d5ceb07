"""Connections to published ports: ports.py up|down|drop ADDRESS PORT FILE [CONNECTIONS [FLAG]].

up sends FILE, closes its half and prints what comes back; down prints the SHA-256 of what comes ("slow": with a small buffer, and pauses);
many opens that many at the same time, and only then asks on each; drop resets in the middle and prints nothing.
serve listens at PORT, by a queue longer than busybox' nc has, and sends back what comes, when its end has come."""
import hashlib, socket, socketserver, struct, sys, threading, time

what, address, port, path = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
count = int(sys.argv[5]) if len(sys.argv) > 5 else 1
slow = "slow" in sys.argv


def opened():
    client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    if slow:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    client.settimeout(50)
    client.connect((address, port))
    return client


def say(text):
    sys.stdout.write(text + "\n")  # at once: print writes the line's end by itself, and threads mix them


def everything(client):
    digest, last, pause = hashlib.sha256(), b"", 0
    while block := client.recv(65536):
        digest.update(block)
        last = block
        pause += 1
        if slow and pause % 500 == 0:
            time.sleep(0.01)
    return digest.hexdigest(), last


def up():
    with opened() as client, open(path, "rb") as source:
        client.sendfile(source)
        client.shutdown(socket.SHUT_WR)
        say(everything(client)[1].split()[0].decode())


def down():
    with opened() as client:
        say(everything(client)[0])


def drop():
    client = opened()
    client.recv(1000)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.read())


def serve():
    socketserver.ThreadingTCPServer.request_queue_size = 512
    socketserver.ThreadingTCPServer(("0.0.0.0", port), Echo).serve_forever()


def many():
    clients = [opened() for _ in range(count)]
    for client in clients:
        client.sendall(b"x")
        client.shutdown(socket.SHUT_WR)
    print(len({everything(client)[1] for client in clients}))


if what in ("many", "serve"):
    globals()[what]()
else:
    threads = [threading.Thread(target=globals()[what]) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
