#!/usr/bin/env python3
"""alpine.py MIRROR FOLDER: repositories and a root file system in the manner of Alpine's, served on loopback.

MIRROR is a Debian mirror with trixie for amd64 and riscv64 (tests/mirror.py): musl comes from its packages, bzip2 and a small busybox from their sources, built here for both
machines with musl. They become packages as abuild makes them: three gzip members, signed with a key of the architecture. Repositories beside the good one, /main, have one fault each:
  /stranger   x86_64's index signed by a key that the image has not, under the name of one that it has
  /swapped    another package, signed too, in bzip2's place: its checksum is not the index's
  /data       bzip2's data are others than its datahash says
  /newer      x86_64 has bzip2 in another revision
  /commit     x86_64 has it built from another commit
  /standalone x86_64's busybox calls its own applets where a program is named
FOLDER/root.tar is a riscv64 system of them, FOLDER/requests what was asked for. Prints the port and serves until it is ended."""
import base64, gzip, hashlib, http.server, io, lzma, os, re, shutil, subprocess, sys, tarfile, urllib.request

mirror, folder = sys.argv[1].rstrip("/"), os.path.realpath(sys.argv[2])
machines = {"x86_64": ("amd64", ["gcc"]), "riscv64": ("riscv64", ["riscv64-linux-gnu-gcc"])}
START = """
int main(int, char **, char **);
int __libc_start_main(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void));
__attribute__((used)) void start_c(long *at) { __libc_start_main(main, (int)at[0], (char **)(at + 1), 0, 0, 0); }
#ifdef __riscv
__asm__(".globl _start\\n_start:\\n.option push\\n.option norelax\\nlla gp, __global_pointer$\\n.option pop\\nmv a0, sp\\nandi sp, sp, -16\\ntail start_c\\n");
#else
__asm__(".globl _start\\n_start:\\nxor %rbp, %rbp\\nmov %rsp, %rdi\\nand $-16, %rsp\\ncall start_c\\n");
#endif
"""
APPLETS = "ASH ASH_PRINTF ASH_ECHO ASH_TEST ASH_CMDCMD SH_IS_ASH FEATURE_SH_MATH FEATURE_SH_MATH_64 CAT CP MKDIR LS RM SED GREP TAR FEATURE_TAR_CREATE GZIP FEATURE_GZIP_LEVELS SHA256SUM UNAME TR SORT WC FIND XARGS ENV AWK TOUCH FEATURE_TOUCH_SUSV3 TEE FEATURE_FIND_MAXDEPTH FEATURE_FIND_XDEV FEATURE_GZIP_DECOMPRESS FEATURE_LS_TIMESTAMPS FEATURE_SORT_BIG"
STANDALONE = "FEATURE_SH_STANDALONE FEATURE_PREFER_APPLETS"


def run(*words, **more):
    return subprocess.run([str(word) for word in words], check=True, **more)


def fetch(path, to):
    with urllib.request.urlopen(f"{mirror}/{path}") as source, open(to, "wb") as file:
        shutil.copyfileobj(source, file)


def packages_of(architecture):
    text = lzma.decompress(urllib.request.urlopen(f"{mirror}/dists/trixie/main/binary-{architecture}/Packages.xz").read()).decode()
    return {name: file for name, file in re.findall(r"^Package: (\S+)\n(?:.+\n)*?Filename: (\S+)", text, re.M)}


def source_of(name, end):
    """Debian's upstream tarball of a package, unpacked."""
    file = packages["amd64"][name]
    version = re.search(r"_(?:\d+%3a)?([^_-]+)", os.path.basename(file))[1]
    fetch(f"{os.path.dirname(file)}/{name}_{version}.orig.tar.{end}", f"{folder}/source.tar")
    os.makedirs(f"{folder}/{name}")
    run("tar", "-xf", f"{folder}/source.tar", "--strip-components=1", "-C", f"{folder}/{name}")
    return f"{folder}/{name}"


def make_compiler(arch):
    """A script that compiles and links with musl alone: Debian's start files of trixie are too new for older linkers."""
    debian, cc = machines[arch]
    root, path = f"{folder}/musl-{arch}", f"{folder}/cc-{arch}"
    for name in ("musl", "musl-dev"):
        fetch(packages[debian][name], f"{folder}/deb")
        run("dpkg-deb", "-x", f"{folder}/deb", root)
    headers = run(*cc, "-print-file-name=include", stdout=subprocess.PIPE, text=True).stdout.strip()
    base = f"{root}/usr/lib/{arch}-linux-musl"
    with open(path, "w") as to:
        to.write(f"""#!/bin/sh
link=-pie start={folder}/start-{arch}.o
for word; do case $word in -c|-S|-E|-r|-M*) link= ;; -shared) link=-shared start= ;; esac; done
set -- "$@" -nostdinc -isystem {root}/usr/include/{arch}-linux-musl -isystem {headers} -fPIC -fno-stack-protector -U_FORTIFY_SOURCE
[ -n "$link" ] || exec {cc[0]} "$@"
exec {cc[0]} -nostdlib $link $start "$@" -Wl,-dynamic-linker,/lib/ld-musl-{arch}.so.1 -L{base} -l:libc.so -lgcc
""")
    os.chmod(path, 0o755)
    open(f"{folder}/start.c", "w").write(START)
    run(path, "-O1", "-c", f"{folder}/start.c", "-o", f"{folder}/start-{arch}.o")
    return path, f"{base}/libc.so"


def build_bzip2(arch, compiler):
    out = f"{folder}/built-{arch}"
    os.makedirs(out, exist_ok=True)
    library = [f"{bzip2}/{name}.c" for name in ("blocksort", "huffman", "crctable", "randtable", "compress", "decompress", "bzlib")]
    run(compiler, "-O1", "-w", "-fPIC", "-shared", "-Wl,-soname,libbz2.so.1", *library, "-o", f"{out}/libbz2.so.1")
    run(compiler, "-O1", "-w", f"{bzip2}/bzip2.c", f"{out}/libbz2.so.1", "-o", f"{out}/bzip2")
    return out


def build_busybox(arch, compiler, more=""):
    out = f"{folder}/busybox-{arch}{more and '-standalone'}"
    os.makedirs(out)
    make = ["make", "-s", "-C", busybox, f"O={out}"]
    headers = f"{folder}/linux"
    os.makedirs(headers, exist_ok=True)
    for name, path in ("linux", "linux"), ("asm-generic", "asm-generic"), ("asm", "x86_64-linux-gnu/asm"):  # of the kernel: alike for what is built here
        if not os.path.lexists(f"{headers}/{name}"):
            os.symlink(f"/usr/include/{path}", f"{headers}/{name}")
    run(*make, "allnoconfig", stdout=subprocess.DEVNULL)
    config = open(f"{out}/.config").read()
    for name in f"PIE LFS LONG_OPTS BUSYBOX SHOW_USAGE {APPLETS} {more}".split():
        config = config.replace(f"# CONFIG_{name} is not set", f"CONFIG_{name}=y")
    config = re.sub("CONFIG_BUSYBOX_EXEC_PATH=.*", 'CONFIG_BUSYBOX_EXEC_PATH="/bin/busybox"', config)
    open(f"{out}/.config", "w").write(config)
    env = dict(os.environ, SOURCE_DATE_EPOCH="1700000000")
    run("sh", "-c", 'yes "" | "$@" oldconfig', "-", *make, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    run(*make, f"-j{os.cpu_count()}", f"CC={compiler} -idirafter {headers}", "HOSTCC=gcc", "busybox_unstripped", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    return f"{out}/busybox_unstripped"


# ---- as abuild and apk write it ----


def segment(files, end):
    """A gzip member that is a piece of a tar; the last one has its end. Files: path to bytes, or to the target of a link."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            if isinstance(data, str):
                info.type, info.linkname = tarfile.SYMTYPE, data
                tar.addfile(info)
                continue
            info.size, info.mode = len(data), 0o755
            if end:
                info.pax_headers = {"APK-TOOLS.checksum.SHA1": hashlib.sha1(data).hexdigest()}
            tar.addfile(info, io.BytesIO(data))
    bytes_ = raw.getvalue()
    return gzip.compress(bytes_ if end else re.sub(rb"\0+$", lambda zeros: b"\0" * ((len(zeros[0]) - 1024) % 512), bytes_), mtime=0)


def sign(data, key, name):
    signature = run("openssl", "dgst", "-sha1", "-sign", key, input=data, stdout=subprocess.PIPE).stdout
    return segment({f".SIGN.RSA.{name}": signature}, False) + data


def make_package(arch, name, version, files, depends, provides, commit="c0ffee"):
    """The package's bytes, and its part of the index."""
    data = segment(files, True)
    info = f"# made by a test\npkgname = {name}\npkgver = {version}\narch = {arch}\norigin = {name}\ncommit = {commit}\ndatahash = {hashlib.sha256(data).hexdigest()}\n"
    control = segment({".PKGINFO": info.encode()}, False)
    identity = base64.b64encode(hashlib.sha1(control).digest()).decode()
    lines = f"C:Q1{identity}\nP:{name}\nV:{version}\nA:{arch}\nS:{len(data)}\nI:1\nT:-\nU:-\nL:-\no:{name}\nt:1700000000\nc:{commit}\n"
    lines += (f"D:{' '.join(depends)}\n" if depends else "") + (f"p:{' '.join(provides)}\n" if provides else "")
    return sign(control, keys[arch], f"test-{arch}.rsa.pub") + data, lines


def installed(lines, files):
    for directory in sorted({os.path.dirname(path) for path in files}):
        lines += f"F:{directory}\n"
        for path, data in files.items():
            if os.path.dirname(path) == directory:
                digest = hashlib.sha1(data if isinstance(data, bytes) else data.encode()).digest()
                lines += f"R:{os.path.basename(path)}\na:0:0:755\nZ:Q1{base64.b64encode(digest).decode()}\n"
    return lines + "\n"


def write_repository(name, arch, made, key=None):
    to = f"{folder}/{name}/{arch}"
    os.makedirs(to)
    for package, (data, _) in made.items():
        open(f"{to}/{package}.apk", "wb").write(data)
    index = "\n".join(lines for _, lines in made.values()) + "\n"
    tar = segment({"DESCRIPTION": b"test", "APKINDEX": index.encode()}, True)
    open(f"{to}/APKINDEX.tar.gz", "wb").write(sign(tar, key or keys[arch], f"test-{arch}.rsa.pub"))


def contents(arch):
    built, read = built_in[arch], lambda path: open(path, "rb").read()
    libc = f"so:libc.musl-{arch}.so.1"
    yield "musl", "1.2.5-r1", {f"lib/ld-musl-{arch}.so.1": read(libcs[arch]), f"lib/libc.musl-{arch}.so.1": f"ld-musl-{arch}.so.1"}, [], [f"{libc}=1"]
    yield "libbz2", "1.0.8-r6", {"usr/lib/libbz2.so.1.0.8": read(f"{built}/libbz2.so.1"), "usr/lib/libbz2.so.1": "libbz2.so.1.0.8"}, [libc], ["so:libbz2.so.1=1.0.8"]
    yield "bzip2", "1.0.8-r6", {"usr/bin/bzip2": read(f"{built}/bzip2")}, [libc, "so:libbz2.so.1"], ["cmd:bzip2=1.0.8-r6"]
    yield "busybox", "1.37.0-r12", {"bin/busybox": read(build_busybox(arch, compilers[arch]))}, [libc], ["/bin/sh"]


def make_root(parts):
    root, database = f"{folder}/root", ""
    for path in ("etc/apk/keys", "usr/share/apk/keys", "lib/apk/db", "tmp", "var", "bin"):
        os.makedirs(f"{root}/{path}")
    for name, version, files, depends, provides in parts:
        database += installed(make_package("riscv64", name, version, files, depends, provides)[1], files)
        for path, data in files.items():
            os.makedirs(os.path.dirname(f"{root}/{path}"), exist_ok=True)
            if isinstance(data, str):
                os.symlink(data, f"{root}/{path}")
            else:
                open(f"{root}/{path}", "wb").write(data)
                os.chmod(f"{root}/{path}", 0o755)
    for applet in ("sh cat cp mkdir ls rm sed grep tar gzip sha256sum uname tr sort wc find xargs env awk touch tee".split()):
        os.symlink("/bin/busybox", f"{root}/bin/{applet}")
    open(f"{root}/lib/apk/db/installed", "w").write(database)
    open(f"{root}/etc/os-release", "w").write('NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.3\n')
    shutil.copy(f"{folder}/test-riscv64.rsa.pub", f"{root}/etc/apk/keys")
    for arch in machines:
        shutil.copy(f"{folder}/test-{arch}.rsa.pub", f"{root}/usr/share/apk/keys")
    with tarfile.open(f"{folder}/root.tar", "w") as to:
        to.add(root, ".")


class Handler(http.server.SimpleHTTPRequestHandler):
    def translate_path(self, path):
        with open(f"{folder}/requests", "a") as to:
            print(path, file=to)
        return super().translate_path(path)

    def log_message(self, *_):
        pass


packages = {debian: packages_of(debian) for debian, _ in machines.values()}
keys = {}
for name in (*machines, "stranger"):
    keys[name] = f"{folder}/test-{name}.rsa"
    run("openssl", "genrsa", "-out", keys[name], "2048", stderr=subprocess.DEVNULL)
    run("openssl", "rsa", "-in", keys[name], "-pubout", "-out", keys[name] + ".pub", stderr=subprocess.DEVNULL)
bzip2 = source_of("bzip2", "gz")
busybox = source_of("busybox", "bz2")
compilers, libcs, built_in, parts, good = {}, {}, {}, {}, {}
for arch in machines:
    compilers[arch], libcs[arch] = make_compiler(arch)
    built_in[arch] = build_bzip2(arch, compilers[arch])
    parts[arch] = list(contents(arch))
    good[arch] = {f"{part[0]}-{part[1]}": make_package(arch, *part) for part in parts[arch]}
for name in ("main", "stranger", "swapped", "data", "newer", "commit", "standalone"):
    made, key = dict(good["x86_64"]), None
    data, lines = made["bzip2-1.0.8-r6"]
    part = parts["x86_64"][2]
    if name == "stranger":
        key = keys["stranger"]
    if name == "swapped":
        made["bzip2-1.0.8-r6"] = made["libbz2-1.0.8-r6"][0], lines
    if name == "data":
        at = data.rindex(b"\x1f\x8b\x08")
        made["bzip2-1.0.8-r6"] = data[:at] + segment({"usr/bin/bzip2": b"\x7fELF, but not that one"}, True), lines
    if name == "newer":
        del made["bzip2-1.0.8-r6"]
        made["bzip2-1.0.8-r7"] = make_package("x86_64", "bzip2", "1.0.8-r7", *part[2:])
    if name == "commit":
        made["bzip2-1.0.8-r6"] = make_package("x86_64", *part, commit="decade")
    if name == "standalone":
        name_, version, files, *rest = parts["x86_64"][3]
        files = {"bin/busybox": open(build_busybox("x86_64", compilers["x86_64"], STANDALONE), "rb").read()}
        made["busybox-1.37.0-r12"] = make_package("x86_64", name_, version, files, *rest)
    write_repository(name, "riscv64", good["riscv64"])
    write_repository(name, "x86_64", made, key)
make_root(parts["riscv64"])
os.chdir(folder)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
