#!/usr/bin/env python3
"""shell.py SHELL TEXT…: types TEXT into an interactive shell on a terminal, with a TAB behind it, and prints what the line became, for each TEXT.

The completed line is made a word of `printf` by going to its start and end, so that the shell itself tells it."""
import os, pty, select, sys, time

shell, texts = sys.argv[1], sys.argv[2:]
START = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; source <(sampan completion bash)"),
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -u -D; source <(sampan completion zsh); bindkey -e; unsetopt zle_bracketed_paste; setopt no_auto_list no_beep"),
}


def read_until(fd, mark, seconds=30):
    text, end = "", time.monotonic() + seconds
    while mark not in text:
        if time.monotonic() > end or not select.select([fd], [], [], 1)[0] and time.monotonic() > end:
            sys.exit(f"{shell}: no {mark!r} in {text!r}")
        if select.select([fd], [], [], 0.1)[0]:
            text += os.read(fd, 65536).decode(errors="replace")
    return text


def settle(fd):
    """Until the shell has been silent for a moment: completion prints no end mark."""
    while select.select([fd], [], [], 0.5)[0]:
        os.read(fd, 65536)


argv, setup = START[shell]
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(TERM="dumb", PS1="$ ", HISTFILE="/dev/null", COLUMNS="400")
    os.execvp(argv[0], argv)
os.write(fd, f"{setup}; printf 're%s\\n' ady\r".encode())
read_until(fd, "ready\r\n")
for text in texts:
    settle(fd)
    os.write(fd, text.encode() + b"\t")
    settle(fd)
    os.write(fd, b"\x01printf '<%s>%s\\n' '\x05' e\"\"nd\r")
    answer = read_until(fd, ">end")
    print(answer[answer.rindex("<") + 1 : answer.rindex(">end")], flush=True)
os.close(fd)
os.kill(pid, 9)
os.waitpid(pid, 0)
