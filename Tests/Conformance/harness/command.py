"""Commands that go on until they are ended, such as `towline listen`."""

import subprocess
import threading

from .server import binary, clean_environment, dying_with_parent
from .waiting import eventually


class Running:
    """A command under way, its outputs line by line."""

    def __init__(self, *arguments, env=None):
        self.command = [binary(), *[str(argument) for argument in arguments]]
        self.process = subprocess.Popen(
            dying_with_parent(self.command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=clean_environment(env), text=True, errors="replace",
        )
        self.out = []
        self.err = []
        self._readers = [
            threading.Thread(target=self._read, args=pair, daemon=True)
            for pair in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def running(self):
        return self.process.poll() is None

    def wait_line(self, text, timeout=20):
        """Waits for a line with this text in either output."""
        return eventually(
            lambda: next((line for line in [*self.out, *self.err] if text in line), None), timeout,
            f"{text!r} in the output of {self.command}",
        )

    def wait(self, timeout=30):
        """Its exit code, once it has ended by itself."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.command} still runs after {timeout} s\n{self.text()}") from None
        self._join()
        return self.process.returncode

    def stop(self, timeout=30):
        """Asks it to end, and returns its exit code."""
        if self.running:
            self.process.terminate()
        return self.wait(timeout)

    def kill(self):
        """Ends it as a crash would."""
        if self.running:
            self.process.kill()
        self.process.wait(30)
        self._join()

    def text(self):
        return "stdout: " + "\n".join(self.out[-40:]) + "\nstderr: " + "\n".join(self.err[-40:])

    def _join(self):
        for reader in self._readers:
            reader.join(5)

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))
        stream.close()
