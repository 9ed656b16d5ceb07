#!/usr/bin/env python3
"""gc without grace against pushes, mounts and HEADs: gc_race.py HOST:PORT SECONDS. The server collects all the time.

What has no manifest yet may be collected any moment: a push is then told so (404 MANIFEST_BLOB_UNKNOWN) and begins anew. What must not be: a manifest that
was acknowledged and misses a part, a blob that is answered 'exists' and can't be read although a manifest names it, an answer of 5xx."""
import hashlib, http.client, json, random, sys, threading, time

address, seconds = sys.argv[1], float(sys.argv[2])
OCI = 'application/vnd.oci.image.manifest.v1+json'
deadline = time.time() + seconds
problems, counts, lock = [], {'pushed': 0, 'again': 0, 'mounted': 0, 'deleted': 0}, threading.Lock()


def digest(value):
    return 'sha256:' + hashlib.sha256(value).hexdigest()


class Client:
    def __init__(self, number):
        self.number, self.random, self.connection = number, random.Random(number), http.client.HTTPConnection(address, timeout=30)
        self.repository = 'race/%d' % number

    def ask(self, method, path, body=None, headers={}):
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        answer.bytes = answer.read()
        if answer.status >= 500:
            raise AssertionError('%s %s: %d %s' % (method, path, answer.status, answer.bytes))
        return answer

    def blob(self, value):
        """Exists, mounted or uploaded."""
        d = digest(value)
        if self.ask('HEAD', '/v2/%s/blobs/%s' % (self.repository, d)).status == 200:
            return
        if self.random.random() < 0.5:
            status = self.ask('POST', '/v2/%s/blobs/uploads/?mount=%s&from=race/%d' % (self.repository, d, 1 - self.number % 2)).status
            if status == 201:
                with lock:
                    counts['mounted'] += 1
                return
        status = self.ask('POST', '/v2/%s/blobs/uploads/?digest=%s' % (self.repository, d), value, {'Content-Type': 'application/octet-stream'}).status
        assert status == 201, status

    def push(self, turn):
        parts = [b'shared %d' % self.random.randrange(6) for _ in range(3)] + [b'own %d %d' % (self.number, turn)]
        manifest = json.dumps({'schemaVersion': 2, 'mediaType': OCI, 'config': self.part(parts[0]), 'layers': [self.part(each) for each in parts[1:]],
                               'annotations': {'turn': str(turn)}}).encode()
        for _ in range(200):
            for each in parts:
                self.blob(each)
            answer = self.ask('PUT', '/v2/%s/manifests/t%d' % (self.repository, turn % 3), manifest, {'Content-Type': OCI})
            if answer.status == 201:
                return manifest, parts
            assert answer.status == 404 and b'MANIFEST_BLOB_UNKNOWN' in answer.bytes, (answer.status, answer.bytes)
            with lock:
                counts['again'] += 1
        raise AssertionError('200 pushes were collected before they ended')

    @staticmethod
    def part(value):
        return {'mediaType': 'a/b', 'digest': digest(value), 'size': len(value)}

    def check(self, manifest, parts):
        for path, want in [('manifests/' + digest(manifest), manifest)] + [('blobs/' + digest(each), each) for each in parts]:
            if self.random.random() < 0.5:
                answer = self.ask('HEAD', '/v2/%s/%s' % (self.repository, path))
                assert answer.status == 200, ('lost', path, answer.status)
            answer = self.ask('GET', '/v2/%s/%s' % (self.repository, path))
            assert answer.status == 200 and answer.bytes == want, ('lost', path, answer.status)

    def run(self):
        try:
            turn = 0
            while time.time() < deadline:
                manifest, parts = self.push(turn)
                self.check(manifest, parts)
                time.sleep(self.random.random() * 0.05)
                self.check(manifest, parts)
                with lock:
                    counts['pushed'] += 1
                if self.random.random() < 0.5:
                    self.ask('DELETE', '/v2/%s/manifests/%s' % (self.repository, digest(manifest)))
                    with lock:
                        counts['deleted'] += 1
                turn += 1
        except Exception as problem:
            problems.append('client %d: %r' % (self.number, problem))


clients = [threading.Thread(target=Client(number).run) for number in range(6)]
for each in clients:
    each.start()
for each in clients:
    each.join()
print(counts)
print('\n'.join(problems))
sys.exit(bool(problems) or not counts['pushed'])
