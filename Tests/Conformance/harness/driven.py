"""A process that answers one JSON line with one JSON line, such as a driver of an SDK."""

import json
import selectors
import subprocess

from .server import clean_environment, dying_with_parent


class Driven:
    """A driver's process, used for many requests, one at a time."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(
            dying_with_parent([str(part) for part in command]), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=clean_environment(), text=True,
        )

    def begin(self, request):
        """Sends a request whose answer `finish` takes."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def finish(self, what, timeout=60):
        """The answer to the request that was begun last."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(timeout):
                raise AssertionError(f"{self.name} did not answer {what} within {timeout} s")
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the process of {self.name} ended with {self.process.wait(10)}")
        return json.loads(line)

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.process.stdout.close()
