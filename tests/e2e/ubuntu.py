#!/usr/bin/env python3
"""ubuntu.py MIRROR FOLDER: two archives and a root file system in the manner of Ubuntu's, made of packages of Debian's, served on loopback.

MIRROR is a Debian mirror with trixie for amd64 and riscv64 (tests/mirror.py). /ubuntu has the packages for amd64, /ubuntu-ports those for riscv64, both a Release that lists
both architectures, as Ubuntu's do; /odd is the first one under a name that nothing leads to. Versions end in ubuntu1, and one package lags behind in the second archive.
FOLDER/root.tar is a riscv64 system of them, FOLDER/requests what was asked for. Prints the port and serves until it is ended."""
import hashlib, http.server, lzma, os, re, subprocess, sys, tarfile, urllib.request

mirror, folder = sys.argv[1].rstrip("/"), os.path.realpath(sys.argv[2])
names = "dash sed grep findutils gzip bzip2 libc6 libselinux1 libpcre2-8-0 libacl1 libbz2-1.0 libgcc-s1 gcc-14-base".split()
archives = {"ubuntu": "amd64", "ubuntu-ports": "riscv64"}


def stanzas(architecture):
    text = lzma.decompress(urllib.request.urlopen(f"{mirror}/dists/trixie/main/binary-{architecture}/Packages.xz").read()).decode()
    for stanza in text.split("\n\n"):
        name = re.match("Package: (.*)", stanza)
        if name and name[1] in names:
            yield name[1], re.search("^Filename: (.*)", stanza, re.M)[1]


def repack(name, source, archive):
    """The package with a version of Ubuntu's, unpacked and packed again."""
    tree, file = f"{folder}/work", f"{folder}/{archive}/pool/{name}.deb"
    with open(f"{folder}/deb", "wb") as to:
        to.write(urllib.request.urlopen(f"{mirror}/{source}").read())
    subprocess.run(["rm", "-rf", tree], check=True)
    subprocess.run(["dpkg-deb", "-R", f"{folder}/deb", tree], check=True)
    control = open(f"{tree}/DEBIAN/control").read()
    older = name == "bzip2" and archive == "ubuntu-ports"
    control = re.sub("^Version: (.*)", r"Version: \1ubuntu" + ("0.9" if older else "1"), control, flags=re.M)
    open(f"{tree}/DEBIAN/control", "w").write(control)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", tree, file], check=True, stdout=subprocess.DEVNULL)
    data = open(file, "rb").read()
    return control.strip() + f"\nFilename: pool/{name}.deb\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"


def release(packages):
    sums = "".join(f" {hashlib.sha256(text).hexdigest()} {len(text)} main/binary-{architecture}/Packages\n" for architecture, text in packages.items())
    return f"Origin: Ubuntu\nLabel: Ubuntu\nSuite: noble\nCodename: noble\nComponents: main\nArchitectures: amd64 riscv64\nDate: Sat, 01 Aug 2026 00:00:00 UTC\nSHA256:\n{sums}"


def make_root():
    root = f"{folder}/root"
    for path in ("usr/bin", "usr/lib", "etc/apt/sources.list.d", "tmp", "var"):
        os.makedirs(f"{root}/{path}", exist_ok=True)
    for path in ("bin", "lib", "sbin"):
        os.symlink(f"usr/{path}", f"{root}/{path}")
    for name in names:
        subprocess.run(["dpkg-deb", "--fsys-tarfile", f"{folder}/ubuntu-ports/pool/{name}.deb"], check=True, stdout=open(f"{folder}/data.tar", "wb"))
        subprocess.run(["tar", "-C", root, "--keep-directory-symlink", "-xf", f"{folder}/data.tar"], check=True)
    if not os.path.lexists(f"{root}/usr/bin/sh"):
        os.symlink("dash", f"{root}/usr/bin/sh")
    open(f"{root}/etc/os-release", "w").write('NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n')
    with tarfile.open(f"{folder}/root.tar", "w") as to:
        to.add(root, ".")


class Handler(http.server.SimpleHTTPRequestHandler):
    def translate_path(self, path):
        with open(f"{folder}/requests", "a") as to:
            print(path, file=to)
        return super().translate_path(re.sub("^/odd/", "/ubuntu/", path))

    def log_message(self, *_):
        pass


packages = {}
for archive, architecture in archives.items():
    os.makedirs(f"{folder}/{archive}/pool")
    packages[architecture] = "\n".join(repack(name, file, archive) for name, file in stanzas(architecture)).encode()
for archive, architecture in archives.items():
    os.makedirs(f"{folder}/{archive}/dists/noble/main/binary-{architecture}")
    open(f"{folder}/{archive}/dists/noble/main/binary-{architecture}/Packages", "wb").write(packages[architecture])
    open(f"{folder}/{archive}/dists/noble/Release", "w").write(release(packages))
make_root()
os.chdir(folder)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
