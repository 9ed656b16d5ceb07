"""This machine's side of a tier: programs that run here, and the registry that the board asks."""
import subprocess
import time

from board import LIMIT, Failed, free_port


def here(*command, limit=LIMIT, **options):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit, **options)
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


class Registry:
    """`sampan serve` over the store `root`; with tls also with HTTPS. Leaving the block ends it."""

    def __init__(self, sampan, root, log, tls=False):
        self.sampan, self.root, self.log = sampan, root, log
        self.port, self.tls_port = free_port(), free_port() if tls else None
        # as the board sees them
        self.name, self.tls_name = f"10.0.2.2:{self.port}", f"10.0.2.2:{self.tls_port}"

    def __enter__(self):
        command = [self.sampan, "--root", self.root, "serve", "--listen", f"http://127.0.0.1:{self.port}"]
        if self.tls_port:
            command += ["--listen", f"https://127.0.0.1:{self.tls_port}", "--tls", "auto", "--tls-name", "10.0.2.2"]
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until(60, lambda: here("curl", "-sf", f"http://127.0.0.1:{self.port}/v2/"), lambda _: True)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def publish(self, image, name):
        """An image of the store under a name of this registry: no byte is moved."""
        target = f"127.0.0.1:{self.port}/{name}"
        here(self.sampan, "--root", self.root, "tag", image, target)
        here(self.sampan, "--root", self.root, "push", target)
