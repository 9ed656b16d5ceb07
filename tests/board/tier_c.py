#!/usr/bin/env python3
"""tier_c.py SAMPAN FOLDER: the whole story. Twins build redis and nginx for riscv64 here; they are pushed to a registry here; the board joins it, pulls
and runs them, and they answer this machine's redis-cli and curl; the board is switched off and on, and both are back. See README.md.

FOLDER is what prepare.sh made; SAMPAN this machine's. The images are kept in FOLDER/host: the first run takes as long as their building."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

from board import LIMIT, Board, Failed, free_port
from disk import empty_ext4
from tap import check, end

SAMPAN, FOLDER = sys.argv[1:]
HERE = os.path.dirname(os.path.abspath(__file__))
work = tempfile.mkdtemp(prefix="sampan-board.")
port = free_port()
HOST = f"10.0.2.2:{port}"  # this machine, as the board sees it


def here(*command, limit=LIMIT):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit)
    if result.returncode:
        raise Failed(f"{' '.join(command)}: exit code {result.returncode}\n{result.stdout}")
    return result.stdout


def until(seconds, what, is_so):
    """Asks again and again; the last answer if it never is so."""
    end_at, got = time.time() + seconds, None
    while time.time() < end_at:
        try:
            got = what()
            if is_so(got):
                return got
        except Failed as problem:
            got = problem
        time.sleep(1)
    raise Failed(f"after {seconds} s still: {got}")


def build():
    here(f"{HERE}/images.sh", SAMPAN, limit=3000)


def publish():
    """Into the store that the registry serves: no byte is moved."""
    for name in "redis", "nginx":
        target = f"127.0.0.1:{port}/riscv64/{name}:1.1"
        here(SAMPAN, "--root", f"{FOLDER}/host", "tag", f"localhost/riscv64/{name}:1.1", target)
        here(SAMPAN, "--root", f"{FOLDER}/host", "push", target)


def join(board):
    board.run(f"sampan join --yes {HOST}")
    again = board.run(f"sampan join --yes {HOST}")
    if "nothing" not in again.lower() and "already" not in again.lower():
        raise Failed(f"joining twice: {again}")


def run(board):
    board.run(f"sampan pull {HOST}/riscv64/redis:1.1 && sampan pull {HOST}/riscv64/nginx:1.1")
    board.run(f"sampan run -d --name redis-test --restart=always -p 6379:6379 {HOST}/riscv64/redis:1.1")
    board.run(f"sampan run -d --name nginx-test --restart=always -p 8080:80 {HOST}/riscv64/nginx:1.1")
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
    with open(f"{work}/serve.log", "w") as log:
        registry = subprocess.Popen([SAMPAN, "--root", f"{FOLDER}/host", "serve", "--listen", f"127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        check("they are pushed to the registry here", publish)
        disk = f"{work}/disk.img"
        with open(disk, "wb") as file:
            file.write(empty_ext4(work, 768))
        with boot(disk) as board:
            check("a board boots", lambda: f"{board.wait('MARK up'):.1f} s")
            check("it joins the registry", join, board)
            check("it pulls and runs them", run, board)
            check("redis answers", redis_answers, board)
            check("nginx answers", nginx_answers, board)
            check("redis saves", lambda: redis(board, "SAVE"))
            board.power_off()
    finally:
        registry.terminate()
        registry.wait()
    with boot(disk) as board:
        check("it boots again, with no registry to be seen", lambda: f"{board.wait('MARK up'):.1f} s")
        check("both are back", came_back, board)


try:
    story()
finally:
    shutil.rmtree(work)
end()
