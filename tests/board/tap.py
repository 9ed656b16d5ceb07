"""What a tier's checks share: `check` runs one and prints its line of TAP, `end` the plan."""
import sys
import time
import traceback

count = failed = 0


def check(name, function, *arguments):
    """The function's result is shown behind the name. After a failure the rest is tried all the same; what needed it fails, too."""
    global count, failed
    count += 1
    began = time.time()
    try:
        result = function(*arguments)
        print(f"ok {count} - {name}{f': {result}' if result else ''} ({time.time() - began:.0f} s)", flush=True)
        return True
    except (Exception, SystemExit):
        failed += 1
        print(f"not ok {count} - {name}", *("# " + line for line in traceback.format_exc().splitlines()), sep="\n", flush=True)
        return False


def end():
    print(f"1..{count}")
    sys.exit(bool(failed))
