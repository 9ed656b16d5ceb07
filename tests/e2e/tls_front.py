#!/usr/bin/env python3
"""tls_front.py PORT-FILE CERTIFICATE KEY CA TARGET: HTTPS in front of a registry that speaks HTTP on TARGET, as a reverse proxy would be; /ca.crt is the file CA."""
import http.client
import http.server
import ssl
import sys

port_file, certificate, key, authority, target = sys.argv[1:]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/ca.crt":
            status, headers, body = 200, [], open(authority, "rb").read()
        else:
            there = http.client.HTTPConnection(target)
            there.request("GET", self.path, headers={"Host": self.headers["Host"]})
            answer = there.getresponse()
            status, headers, body = answer.status, answer.getheaders(), answer.read()
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "connection", "date", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
with open(port_file, "w") as file:
    file.write(str(server.server_address[1]))
server.serve_forever()
