"""The built binary as a child process."""

import collections
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
KEY_ID = "towline-dev"
KEY_SECRET = "towline-dev-secret"
_READY = re.compile(r"\bready api=(\S+) admin=(\S+)")


def binary():
    """Path of the binary under test: `TOWLINE_BIN`, or the debug build."""
    return str(Path(os.environ.get("TOWLINE_BIN") or ROOT / ".build" / "debug" / "towline").absolute())


def clean_environment(extra=None):
    """The environment without settings that would reach the binary by accident."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOWLINE_")}
    kept.pop("http_proxy", None)
    kept.pop("HTTP_PROXY", None)
    kept.update(extra or {})
    return kept


def dying_with_parent(command):
    """The command, wrapped so that the kernel ends it should the test process be killed.

    The process keeps its id. Start it from a thread that lives as long as it should.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--", *command] if setpriv else list(command)


class NotReady(AssertionError):
    """The server ended, or said nothing, before its ready line."""


class Towline:
    """One running `towline dev` or `towline serve` on free ports.

    `data` is given by the caller so that a test can look into it and start another process on it; ports are given by
    one that starts it again at the same address. `wrapper` is a command that becomes the server, such as `nsenter`.
    """

    def __init__(
        self, data, *flags, command="dev", env=None, ready_timeout=60, wait=True, program=None, api_port=0,
        admin_port=0, wrapper=(),
    ):
        self.data = Path(data)
        self.command = [*wrapper, program or binary(), command]
        if command == "dev":
            self.command += ["--data", str(self.data)]
        self.command += ["--api-listen", f"127.0.0.1:{api_port}", "--admin-listen", f"127.0.0.1:{admin_port}", *flags]
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            dying_with_parent(self.command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=clean_environment(env), text=True, errors="replace",
        )
        self.api = None
        self.admin = None
        self.out = collections.deque(maxlen=4000)
        self.err = collections.deque(maxlen=4000)
        self._ready = threading.Event()
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.out), daemon=True),
            threading.Thread(target=self._read, args=(self.process.stderr, self.err), daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        if wait:
            try:
                self.wait_ready(ready_timeout)
            except BaseException:
                self.kill()
                raise

    @property
    def pid(self):
        return self.process.pid

    @property
    def running(self):
        return self.process.poll() is None

    def wait_ready(self, timeout=60):
        """Waits for the line `ready api=URL admin=URL`."""
        deadline = time.monotonic() + timeout
        while not self._ready.wait(0.02):
            if self.process.poll() is not None:
                for reader in self._readers:
                    reader.join(5)
                if self._ready.is_set():
                    return self
                raise NotReady(f"{self.command} ended with {self.process.returncode} before it was ready\n{self.text()}")
            if time.monotonic() > deadline:
                raise NotReady(f"{self.command} was not ready within {timeout} s\n{self.text()}")
        return self

    def stop(self, timeout=30):
        """Asks it to end, and returns its exit code; fails if it does not end in time."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"still running {timeout} s after SIGTERM\n{self.text()}") from None
        self._join()
        return self.process.returncode

    @property
    def has_crashed(self):
        """Whether it ended by a signal that nobody sends: a fault of its own."""
        return -(self.process.poll() or 0) in (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGTRAP, signal.SIGABRT)

    def kill(self):
        """Ends it as a crash would."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        self._join()

    def signal(self, number):
        os.kill(self.process.pid, number)

    def freeze(self):
        """Stops it in its tracks; `thaw` lets it go on."""
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def text(self, lines=40):
        """The last lines of both outputs, for messages."""
        return "stdout: " + "\n".join(list(self.out)[-lines:]) + "\nstderr: " + "\n".join(list(self.err)[-lines:])

    def admin_json(self, path, method="GET"):
        """(status, parsed body) of an admin API call."""
        request = urllib.request.Request(self.admin + path, method=method, data=b"" if method == "POST" else None)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            text = error.read()
            try:
                return error.code, json.loads(text)
            except ValueError:
                return error.code, text

    def media_files(self, media):
        """The stored files of a media id."""
        return sorted((self.data / "media").glob(f"*/{media}-*"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.running:
            self.thaw()
        self.stop()

    def _join(self):
        for reader in self._readers:
            reader.join(5)

    def _read(self, stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))
            if stream is self.process.stdout and not self._ready.is_set():
                found = _READY.search(line)
                if found:
                    self.api, self.admin = found.groups()
                    self._ready.set()
        stream.close()


def towline(*arguments, env=None, timeout=60, stdin=None):
    """Runs a command of the binary to its end and returns the completed process, outputs as text."""
    return subprocess.run(
        [binary(), *[str(argument) for argument in arguments]], env=clean_environment(env), timeout=timeout,
        input=stdin, stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True, text=True,
        errors="replace",
    )
