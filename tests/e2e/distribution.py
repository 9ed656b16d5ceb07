#!/usr/bin/env python3
"""Plays the cases of tests/corpus/distribution against a running registry: distribution.py HOST:PORT FILE…

A file is a list of cases, each in a repository of its own. Lines:

  == what the case shows            begins a case; ${repo} and ${other} are names that nothing else uses
  let x = some bytes                a text; "let x = a * 1000" repeats; \\n, \\0 and \\xHH stand for what they do in Python
  image m = x {"more": 1}           an image manifest whose config and only layer are x, with more fields (null takes one away)
  index i = m1 m2 {"more": 1}       an index of manifests
  push x [REPOSITORY]               POSTs the blob in one request, which must work; put m REFERENCE [REPOSITORY]: so a manifest
  METHOD /path                      a request ("retry 50 METHOD /path": until the status is the right one), followed by indented lines:
    Name: value                       before the status a header that is sent, behind it one that must come ("-": mustn't; "+": whatever
                                      it says; "~ x": contains x)
    > text                            the body; ">> text" sends it chunked; "> *x" is the variable x as it is
    = 201                             the status ("200|404": one of them)
    code DENIED                       the error's code; "says word": its message holds that
    body *x                           the whole body
    json a.b [1]                      what is at that place of the JSON body
    save at Location                  a header becomes a variable

  ${x} is a text, ${x.sha256}, ${x.sha512} and ${x.size} are its digests and size. An answer of 5xx is always a failure, and so is an error without
  the specification's JSON."""
import hashlib, http.client, json, re, sys

OCI = 'application/vnd.oci.image.manifest.v1+json'
INDEX = 'application/vnd.oci.image.index.v1+json'
FACTS = {'oci': OCI, 'index': INDEX, 'docker': 'application/vnd.docker.distribution.manifest.v2+json',
         'list': 'application/vnd.docker.distribution.manifest.list.v2+json', 'octets': 'application/octet-stream'}


class Failed(Exception):
    pass


def facts(value):
    return {'sha256': 'sha256:' + hashlib.sha256(value).hexdigest(), 'sha512': 'sha512:' + hashlib.sha512(value).hexdigest(),
            'size': str(len(value)), 'hex': hashlib.sha256(value).hexdigest()}


class Case:
    def __init__(self, address, title, number):
        self.address, self.title, self.connection = address, title, None
        self.values = {key: value.encode() for key, value in FACTS.items()}
        self.values['repo'], self.values['other'] = (('case/%s%s' % (kind, number)).encode() for kind in 'ro')

    def expand(self, text):
        def one(match):
            name, _, fact = match[1].partition('.')
            if name not in self.values:
                raise Failed('no variable ' + name)
            value = self.values[name]
            return facts(value)[fact] if fact else value.decode('latin-1')
        return re.sub(r'\$\{([\w.-]+)\}', one, text)

    def bytes_of(self, text):
        if text.startswith('*'):
            return self.values[text[1:]]
        return self.expand(text).encode('latin-1')

    # ---- what is made ----
    def let(self, name, text):
        times = re.fullmatch(r'(.*) \* (\d+)', text)
        value = self.expand(times[1] if times else text).encode('latin-1').decode('unicode_escape').encode('latin-1')
        self.values[name] = value * (int(times[2]) if times else 1)

    def descriptor(self, name, media_type):
        value = self.values[name]
        return {'mediaType': media_type, 'digest': facts(value)['sha256'], 'size': len(value)}

    def make(self, kind, name, text):
        parts, brace, more = text.partition('{')
        names = parts.split()
        if kind == 'image':
            value = {'schemaVersion': 2, 'mediaType': OCI, 'config': self.descriptor(names[0], 'application/x'),
                     'layers': [self.descriptor(names[0], 'application/y')]}
        else:
            value = {'schemaVersion': 2, 'mediaType': INDEX,
                     'manifests': [self.descriptor(each, json.loads(self.values[each])['mediaType']) for each in names]}
        value.update(json.loads(self.expand(brace + more)) if brace else {})
        self.values[name] = json.dumps({key: field for key, field in value.items() if field is not None}).encode()

    # ---- requests ----
    def ask(self, method, path, headers=(), body=None, chunked=False):
        if not self.connection:
            host, port = self.address.rsplit(':', 1)
            self.connection = http.client.HTTPConnection(host, int(port), timeout=30)
        connection = self.connection
        connection.putrequest(method, re.sub(r'^https?://[^/]+', '', path), skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if chunked:
            connection.putheader('Transfer-Encoding', 'chunked')
        elif (body is not None or method in ('POST', 'PUT', 'PATCH')) and not any(n.lower() == 'content-length' for n, _ in headers):
            connection.putheader('Content-Length', str(len(body or b'')))
        connection.endheaders()
        if body:
            for at in range(0, len(body), 60000):
                part = body[at:at + 60000]
                connection.send(b'%x\r\n%s\r\n' % (len(part), part) if chunked else part)
        if chunked:
            connection.send(b'0\r\n\r\n')
        answer = connection.getresponse()
        answer.bytes = answer.read()
        if answer.will_close:
            connection.close()
        if answer.status >= 500 and answer.status != 507:
            raise Failed('%s %s: %d %s' % (method, path, answer.status, answer.bytes[:300]))
        if answer.status >= 400 and method != 'HEAD':
            self.check_error(answer)
        return answer

    def check_error(self, answer):
        try:
            error = json.loads(answer.bytes)['errors'][0]
            ok = re.fullmatch('[A-Z_]+', error['code']) and error['message'] and answer.getheader('Content-Type') == 'application/json'
        except (ValueError, KeyError, IndexError):
            ok = False
        if not ok:
            raise Failed('%d without the error body of the specification: %s' % (answer.status, answer.bytes[:300]))

    def push(self, name, repository='${repo}'):
        value = self.values[name]
        answer = self.ask('POST', '/v2/%s/blobs/uploads/?digest=%s' % (self.expand(repository), facts(value)['sha256']),
                          [('Content-Type', FACTS['octets'])], value)
        if answer.status != 201:
            raise Failed('push %s: %d %s' % (name, answer.status, answer.bytes[:300]))

    def put(self, name, reference, repository='${repo}'):
        value = self.values[name]
        answer = self.ask('PUT', '/v2/%s/manifests/%s' % (self.expand(repository), self.expand(reference)),
                          [('Content-Type', json.loads(value)['mediaType'])], value)
        if answer.status != 201:
            raise Failed('put %s: %d %s' % (name, answer.status, answer.bytes[:300]))

    # ---- expectations ----
    def check(self, answer, line):
        word, _, rest = line.partition(' ')
        rest = rest.strip()
        if word == '=':
            if str(answer.status) not in rest.split('|'):
                raise Failed('%d, not %s: %s' % (answer.status, rest, answer.bytes[:300]))
        elif word in ('code', 'says'):
            error = json.loads(answer.bytes)['errors'][0]
            if (error['code'] != rest) if word == 'code' else (self.expand(rest) not in error['message']):
                raise Failed('the error is %s' % error)
        elif word == 'body':
            if answer.bytes != self.bytes_of(rest):
                raise Failed('the body is %s' % answer.bytes[:300])
        elif word == 'json':
            place, _, want = rest.partition(' ')
            got = json.loads(answer.bytes)
            for key in place.split('.'):
                got = got[int(key)] if isinstance(got, list) else got.get(key) if key else got
            if got != json.loads(self.expand(want)):
                raise Failed('%s is %s' % (place, json.dumps(got)))
        elif word == 'save':
            name, header = rest.split()
            self.values[name] = answer.getheader(header).encode()
        else:
            self.check_header(answer, *line.split(':', 1))

    def check_header(self, answer, name, want):
        got, want = answer.getheader(name), self.expand(want.strip())
        fits = got is None if want == '-' else got is not None and (want[2:] in got if want.startswith('~ ') else want in (got, '+'))
        if not fits:
            raise Failed('%s is %r, not %r' % (name, got, want))

    def request(self, line, block):
        times, line = (int(line.split()[1]), line.split(' ', 2)[2]) if line.startswith('retry ') else (1, line)
        method, path = line.split(' ', 1)
        headers, body, chunked, answer = [], None, False, None
        for each in block:
            if answer is None and each.startswith('='):
                for _ in range(times):
                    answer = self.ask(method, self.expand(path), headers, body, chunked)
                    if str(answer.status) in each[1:].strip().split('|'):
                        break
            if answer is not None:
                self.check(answer, each)
            elif each.startswith('>'):
                chunked = each.startswith('>>')
                body = self.bytes_of(each.lstrip('>').removeprefix(' '))
            else:
                name, value = each.split(':', 1)
                headers.append((name, self.expand(value.strip())))
        if answer is None:
            raise Failed('no status is expected')

    def run(self, lines):
        at = 0
        while at < len(lines):
            line, block = lines[at], []
            at += 1
            while at < len(lines) and lines[at].startswith(' '):
                block.append(lines[at].strip())
                at += 1
            try:
                word, _, rest = line.partition(' ')
                if word == 'let':
                    self.let(*rest.split(' = ', 1))
                elif word in ('image', 'index'):
                    self.make(word, *rest.split(' = ', 1))
                elif word in ('push', 'put'):
                    getattr(self, word)(*rest.split())
                else:
                    self.request(line, block)
            except Failed as failure:
                raise Failed('%s\n    at: %s' % (failure, line))


def play(address, path, number):
    failed = 0
    text = re.sub(r'(?m)^#.*\n|^\s*\n', '', open(path, encoding='latin-1').read())
    for part in re.split(r'(?m)^== ', text)[1:]:
        title, *lines = part.rstrip('\n').split('\n')
        number += 1
        try:
            Case(address, title, '%s-%d' % (path.rsplit('/', 1)[-1].split('-')[0], number)).run(lines)
        except (Failed, OSError, http.client.HTTPException) as failure:
            failed += 1
            print('%s: %s: %s' % (path.rsplit('/', 1)[-1], title, failure))
    return failed, number


if __name__ == '__main__':
    failures = cases = 0
    for file in sys.argv[2:]:
        failed, cases = play(sys.argv[1], file, cases)
        failures += failed
    print('%d cases, %d failed' % (cases, failures))
    sys.exit(failures > 0 or cases == 0)
