#!/usr/bin/env python3
"""man.py FOLDER: the pages of FOLDER (*.scd) against the program: a line 'ok …' or 'not ok …' for each check, as TAP.
man.py --page COMMAND: a page to begin with, for a new command.

A page says by its NAME which commands it is about. Options are compared with --help both ways, with letter and value, so that neither can change alone."""
import os, re, subprocess, sys, tempfile

SAMPAN = os.environ.get("SAMPAN", "sampan")
OPTION = re.compile(r"^  (?:-(.), |    )--([a-z0-9-]+)(?: (\S+(?:,src=FILE\])?))?(?:  +| )(\S.*)$")


def ask(*words):
    return subprocess.run([SAMPAN, *words], capture_output=True, text=True, check=True).stdout


def words(*line):
    return [answer.split("\t")[0] for answer in ask("__complete", "--", *line, "").splitlines()]


def ascii_of(text):
    return text.replace("…", "...")


def options_of_help(text, head):
    """{(letter, name, value)} below the line `head`. A flag has two blanks or more behind its name."""
    found, below = set(), False
    for line in text.splitlines():
        below = line == head or (below and line != "")
        if not below or not (match := OPTION.match(line)):
            continue
        letter, name, value, _ = match.groups()
        flag = re.match(r"^  (?:-., |    )--[a-z0-9-]+  ", line)
        found.add((letter or "", name, "" if flag else ascii_of(value)))
    return found


def options_of_command(command):
    text = ask(command, "--help")
    found = options_of_help(text, "Options:")
    for part in words(command):
        if ask(command, part, "--help").startswith(f"Usage: sampan {command} {part}"):  # a command of its own
            found |= options_of_help(ask(command, part, "--help"), "Options:")
    return found


def parts_of(command):
    """Those that are commands of their own: they have a --help of their own."""
    return [part for part in words(command) if re.fullmatch("[a-z]+", part) and ask(command, part, "--help") != ask(command, "--help")]


def unescape(text):
    return re.sub(r"\\(.)", r"\1", text)


def options_of_page(text):
    heads = re.findall(r"^(?:\*-(.)\*, )?\*--([a-z0-9-]+)\*(?: _(.*)_)?$", text, re.M)
    return {(letter, name, unescape(value)) for letter, name, value in heads}


def names_of_page(text):
    line = re.search(r"^# NAME\n\n(.*?) - ", text, re.M).group(1)
    return line.split(", ")


def show(options):
    return ", ".join(f"--{name} {value}".strip() + (f" (-{letter})" if letter else "") for letter, name, value in sorted(options)) or "none"


number = failures = 0


def check(what, problem):
    global number, failures
    number += 1
    failures += bool(problem)
    print(f"{'not ok' if problem else 'ok'} {number} - {what}" + (f"\n# {problem}" if problem else ""))


def check_options(name, page, program):
    missing, extra = program - page, page - program
    check(f"{name} has the options of --help, and no others", (missing or extra) and f"not in the page: {show(missing)}; not in the program: {show(extra)}")


def check_commands(pages):
    of_command = {}
    for name, text in pages.items():
        if name.endswith(".1") and name != "sampan.1":
            for command in names_of_page(text):
                of_command.setdefault(command.removeprefix("sampan-"), []).append(name)
    commands = words()
    check("every command has one page", ", ".join(c for c in commands if len(of_command.get(c, [])) != 1))
    check("every page is of a command", ", ".join(c for c in of_command if c not in commands))
    for name in sorted({of_command[c][0] for c in commands if c in of_command}):
        about = [c for c in commands if name in of_command.get(c, [])]
        check_options(name, options_of_page(pages[name]), set().union(*(options_of_command(c) for c in about)))
        check(f"{name} shows how to call it", ", ".join(c for c in about if f"*sampan {c}" not in pages[name]))
        check(f"{name} has the parts of its commands", ", ".join(p for c in about for p in parts_of(c) if f"*sampan {c} {p}*" not in pages[name]))
    overview = pages["sampan.1"]
    check_options("sampan.1", options_of_page(overview), options_of_help(ask("version", "--help"), "Every command takes:"))
    check("sampan.1 names every command", ", ".join(set(commands) ^ set(re.findall(r"^\*sampan-(.*)\*\(1\)$", overview, re.M))))


def check_format(name, text, folder):
    check(f"{name} is ASCII", "" if text.isascii() else "it isn't: …, × and their like are written out in pages")
    made = subprocess.run(["scdoc"], input=text, capture_output=True, text=True)
    if made.returncode:
        check(f"scdoc takes {name}", made.stderr.strip())
        return
    page = os.path.join(folder, name)
    open(page, "w").write(made.stdout)
    env = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"}
    shown = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True, env=env)
    check(f"man shows {name} without a warning", shown.stderr.strip().replace("\n", "; ") or ("" if shown.stdout else "it shows nothing"))
    whatis = subprocess.run(["lexgrog", page], capture_output=True, text=True)
    check(f"{name} has a line for apropos", "" if whatis.returncode == 0 and " - " in whatis.stdout else whatis.stdout.strip())


def check_references(pages):
    known = {f"{names}({name[-1]})" for name, text in pages.items() for names in names_of_page(text)} | {f"{n[:-2]}({n[-1]})" for n in pages}
    for name, text in pages.items():
        named = {f"{page}({section})" for page, section in re.findall(r"\*(sampan[a-z.-]*)\*\((\d)\)", text)}
        check(f"{name} names pages that are there", ", ".join(sorted(named - known)))


def check_settings(pages, top):
    """Each section of the settings file, as the program has them in a table."""
    source = open(os.path.join(top, "src/registry/config.c")).read()
    keys = re.findall(r'^\t\{ "([a-z_-]+)", \w+ \},$', source, re.M)
    page = pages["sampan-registry.json.5"]
    check("every section of the registry's settings is in its page", "no keys found" if not keys else ", ".join(k for k in keys if f"*{k}*" not in page))


def skeleton(command):
    text = ask(command, "--help")
    usage = text.splitlines()[0].removeprefix(f"Usage: sampan {command}").strip()
    escape = lambda s: re.sub(r"([*_~\\])", r"\\\1", ascii_of(s))
    print(f"sampan-{command}(1)\n\n# NAME\n\nsampan-{command} - {text.splitlines()[2][0].lower()}{text.splitlines()[2][1:]}\n\n# SYNOPSIS\n")
    print(f"*sampan {command}* {escape(usage)}\n\n# DESCRIPTION\n\n# OPTIONS\n")
    for line in text.split("\nEvery command takes:")[0].splitlines():
        if match := OPTION.match(line):
            letter, name, value, told = match.groups()
            flag = re.match(r"^  (?:-., |    )--[a-z0-9-]+  ", line)
            told = f"{value} {told}" if flag and value else told
            head = (f"*-{letter}*, " if letter else "") + f"*--{name}*" + ("" if flag else f" _{escape(value)}_")
            print(f"{head}\n\t{escape(told[0].upper() + told[1:])}.\n")
    print("# EXAMPLES\n\n# SEE ALSO\n\n*sampan*(1)")


if sys.argv[1] == "--page":
    skeleton(sys.argv[2])
    sys.exit()
folder = sys.argv[1]
pages = {file.removesuffix(".scd"): open(os.path.join(folder, file)).read() for file in sorted(os.listdir(folder)) if file.endswith(".scd")}
check_commands(pages)
check_settings(pages, os.path.join(folder, "../.."))
check_references(pages)
with tempfile.TemporaryDirectory() as made:
    for name, text in pages.items():
        check_format(name, text, made)
print(f"1..{number}")
sys.exit(failures > 0)
