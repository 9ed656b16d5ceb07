#!/usr/bin/env python3
"""tier_c.py SAMPAN FOLDER: the whole story. Twins build redis and nginx for riscv64 here; they are pushed to a registry here; the board joins it, pulls
and runs them, and they answer this machine's redis-cli and curl; the board is switched off and on, and both are back. See README.md.

FOLDER is what prepare.sh made; SAMPAN this machine's. The images are kept in FOLDER/host: the first run takes as long as their building."""
import os
import shutil
import sys
import tempfile

from board import Board, Failed
from disk import empty_ext4
from here import Registry, here, until
from tap import check, end

SAMPAN, FOLDER = sys.argv[1:]
HERE = os.path.dirname(os.path.abspath(__file__))
work = tempfile.mkdtemp(prefix="sampan-board.")
IMAGES = "riscv64/redis:1.1", "riscv64/nginx:1.1"


def build():
    here(f"{HERE}/images.sh", SAMPAN, limit=3000)


def publish(registry):
    for name in IMAGES:
        registry.publish(f"localhost/{name}", name)


def join(board, registry):
    board.run(f"sampan join --yes {registry.name}")
    again = board.run(f"sampan join --yes {registry.name}")
    if "nothing" not in again.lower() and "already" not in again.lower():
        raise Failed(f"joining twice: {again}")


def run(board, registry):
    redis, nginx = (f"{registry.name}/{name}" for name in IMAGES)
    board.run(f"sampan pull {redis} && sampan pull {nginx}")
    board.run(f"sampan run -d --name redis-test --restart=always -p 6379:6379 {redis}")
    board.run(f"sampan run -d --name nginx-test --restart=always -p 8080:80 {nginx}")
    machine = board.run("sampan exec redis-test uname -m").strip()
    if machine != "riscv64":
        raise Failed(f"it runs on {machine}")


def redis(board, *words):
    address = ["redis-cli", "-h", "127.0.0.1", "-p", str(board.ports[6379])]
    return here(*address, "--no-auth-warning", "-a", "password", *words).strip()


def redis_answers(board):
    refused = until(90, lambda: here("redis-cli", "-p", str(board.ports[6379]), "GET", "foo"), lambda text: "NOAUTH" in text)
    assert "NOAUTH" in refused
    assert here("redis-cli", "-p", str(board.ports[6379]), "AUTH", "password").strip() == "OK"
    assert redis(board, "SET", "foo", "bar") == "OK"
    value = redis(board, "GET", "foo")
    if value != "bar":
        raise Failed(f"foo is {value}")
    return value


def nginx_answers(board):
    page = until(90, lambda: here("curl", "-sSf", "-m", "20", f"http://{board.address(8080)}/"), lambda text: "built from source" in text)
    return f"{len(page)} bytes"


def came_back(board):
    """Of their own accord, with what redis had been told to save before."""
    until(300, lambda: redis(board, "PING"), lambda text: text == "PONG")
    value = redis(board, "GET", "foo")
    if value != "bar":
        raise Failed(f"foo is {value}")
    nginx_answers(board)
    lines = board.run("sampan ps --format json")
    if not ("redis-test" in lines and "nginx-test" in lines):
        raise Failed(lines)


def boot(disk):
    return Board(FOLDER, f"{FOLDER}/c.cpio", memory="1G", forward=[6379, 8080], disk=disk)


def story():
    if not check("twins build redis and nginx for riscv64 here", build):
        return
    disk = f"{work}/disk.img"
    with open(disk, "wb") as file:
        file.write(empty_ext4(work, 768))
    with Registry(SAMPAN, f"{FOLDER}/host", f"{work}/serve.log") as registry:
        check("they are pushed to the registry here", publish, registry)
        with boot(disk) as board:
            check("a board boots", lambda: f"{board.wait('MARK up'):.1f} s")
            check("it joins the registry", join, board, registry)
            check("it pulls and runs them", run, board, registry)
            check("redis answers", redis_answers, board)
            check("nginx answers", nginx_answers, board)
            check("redis saves", lambda: redis(board, "SAVE"))
            board.power_off()
    with boot(disk) as board:
        check("it boots again, with no registry to be seen", lambda: f"{board.wait('MARK up'):.1f} s")
        check("both are back", came_back, board)


try:
    story()
finally:
    shutil.rmtree(work)
end()
