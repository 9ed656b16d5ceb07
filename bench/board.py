"""make bench-board: sampan serve beside Debian's docker-registry on an emulated riscv64 board (tests/board/), one after the other in one run.

Each round boots a board for each of them, with an empty disk, and starts it at once: seconds from power-on to the first 200, memory when idle and at its
peak, and one blob pushed and pulled. The best of the rounds counts. (Both boot the same,
but no two boots take the same time: what the server adds to it is a row of its own.) A board that is emulated is slow, and slower beside other work: compare the columns."""
import argparse
import os
import shutil
import sys
import tempfile
import time

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path.insert(0, os.path.join(TOP, "tests", "board"))
from board import Board
from disk import empty_ext4
from servers import Client, sha256

ask = argparse.ArgumentParser()
ask.add_argument("--size", type=int, default=32)
ask.add_argument("--rounds", type=int, default=2)
args = ask.parse_args()
FOLDER = os.path.join(os.environ.get("CROSS", os.path.join(TOP, "build-cross")), "board")
work = tempfile.mkdtemp(prefix="sampan-bench.")


def memory(board, name, key):
    return int(board.run(f"sed -n 's/^{key}: *//p' /proc/$(pidof {name})/status").split()[0]) / 1024


def measure(name, empty, blob):
    disk = f"{work}/{name}.img"
    with open(disk, "wb") as file:
        file.write(empty)
    result = {}
    with Board(FOLDER, f"{FOLDER}/bench.cpio", memory="512M", forward=[5000], disk=disk, append=f"server={name}") as board:
        start = board.wait("MARK start")
        result["first"] = board.fetch(5000, "/v2/")
        result["start"] = result["first"] - start
        board.wait("MARK up")
        time.sleep(5)
        result["idle"] = memory(board, name, "VmRSS")
        client = Client(board.ports[5000], timeout=600)
        address = client.upload_url("box", sha256(blob))
        began = time.time()
        client.ask("PUT", address, blob, {"Content-Type": "application/octet-stream"})
        result["push"] = args.size / (time.time() - began)
        result["pull"] = 0
        for _ in range(5):
            began = time.time()
            if client.ask("GET", f"/v2/box/blobs/{sha256(blob)}")[1] != blob:
                sys.exit(f"{name}: other bytes")
            result["pull"] = max(result["pull"], args.size / (time.time() - began))
        result["peak"] = memory(board, name, "VmHWM")
    return result


def row(name, ours, theirs, form, goal, met):
    print(f"| {name} | {ours:{form}} | {theirs:{form}} | {goal} | {('met' if met else '**short**') if goal else ''} |", flush=True)


def main():
    empty, blob, rounds = empty_ext4(work, 256), os.urandom(args.size << 20), {"sampan": [], "docker-registry": []}
    for _ in range(args.rounds):
        for name, results in rounds.items():
            results.append(measure(name, empty, blob))
            print(name, results[-1], file=sys.stderr, flush=True)
    best = {name: {key: (max if key in ("push", "pull") else min)(result[key] for result in results) for key in results[0]} for name, results in rounds.items()}
    ours, theirs = best["sampan"], best["docker-registry"]
    print("| | sampan | docker-registry | to reach | |\n|---|---|---|---|---|")
    row("idle memory, MB", ours["idle"], theirs["idle"], ".1f", f"{ours['idle'] / theirs['idle']:.2f} × (≤ 0.25)", ours["idle"] <= theirs["idle"] / 4)
    row("peak memory, MB", ours["peak"], theirs["peak"], ".1f", "", True)
    row("power-on to the first 200, s", ours["first"], theirs["first"], ".1f", "", True)
    row("– of these from the server's start on", ours["start"], theirs["start"], ".1f", f"{theirs['start'] - ours['start']:.1f} s earlier (≥ 2)",
        ours["start"] <= theirs["start"] - 2)
    for key in "push", "pull":
        row(f"{key} of {args.size} MiB, MiB/s", ours[key], theirs[key], ".1f", f"{ours[key] / theirs[key]:.2f} × (≥ 2)", ours[key] >= 2 * theirs[key])


try:
    main()
finally:
    shutil.rmtree(work)
