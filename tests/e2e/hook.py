"""An endpoint for webhooks: hook.py PORT FILE [STATUS…]. Answers with these, then with 200; writes a line of JSON for each request."""
import http.server, json, sys


class Hook(http.server.BaseHTTPRequestHandler):
    statuses = [int(each) for each in sys.argv[3:]]

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        status = self.statuses.pop(0) if self.statuses else 200
        with open(sys.argv[2], 'a') as file:
            file.write(json.dumps({'status': status, 'type': self.headers.get_all('Content-Type'), 'signature': self.headers['X-Sampan-Signature'],
                                   'token': self.headers['X-Token'], 'body': body.decode()}) + '\n')
        self.send_response(status)
        self.send_header('Content-Length', '0')
        if 300 <= status < 400:
            self.send_header('Location', '/elsewhere')
        self.end_headers()

    def log_message(self, *args):
        pass


http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Hook).serve_forever()
