"""What the benchmark scripts share: the server, the peer, measurements and the way in which results are printed.

Everything runs on loopback. Processes are started and ended by id, files live in temporary folders.
"""

import argparse
import http.client
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests" / "Conformance"))

from harness.admin import Admin  # noqa: E402
from harness.ports import free_port  # noqa: E402
from harness.server import Towline, clean_environment, dying_with_parent  # noqa: E402
from rawclient import RawClient  # noqa: E402

__all__ = [
    "Admin", "Peer", "RawClient", "Towline", "arguments", "binary", "clean_environment", "dying_with_parent",
    "free_port", "heading", "memory", "median", "mib", "quantile", "report", "scratch",
    "wait_for_delivered",
]


def arguments(description, **options):
    """The options of a script: `name=(default, help)`; numbers keep their type."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--bin", default=os.environ.get("TOWLINE_BIN") or str(ROOT / ".build" / "release" / "towline"))
    parser.add_argument("--folder", default=None, help="where data folders are made (default: the temporary folder)")
    parser.add_argument("--json", action="store_true", help="prints one JSON object instead of text")
    for name, (default, text) in options.items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(default), default=default, help=text)
    given = parser.parse_args()
    if not os.access(given.bin, os.X_OK):
        parser.error(f"{given.bin} is missing: build it with `swift build -c release`, or name it with --bin")
    return given


def binary(given):
    return given.bin


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0].replace("\t", " ") if lines else ""


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def heading(given, *tools):
    """What was measured with what, as (name, text) pairs."""
    facts = [
        ("command", " ".join(["python3", *sys.argv])),
        ("machine", f"{os.cpu_count()} × {processor()}, Linux {platform.release()}"),
        ("towline", f"{first_line(given.bin, 'version')} ({given.bin})"),
    ]
    versions = {name: (name, "--version") for name in ("curl", "aria2c", "cc")}
    versions["rclone"] = ("rclone", "version")
    versions["hey"] = ("dpkg-query", "--show", "hey")  # it does not tell its version itself
    return facts + [(tool, first_line(*versions[tool])) for tool in tools]


def report(given, title, facts, results):
    """Prints a result: `results` are (name, text, machine-readable value) triples."""
    if given.json:
        print(json.dumps({
            "title": title, "facts": dict(facts), "results": {name: value for name, _, value in results},
        }, ensure_ascii=False))
        return
    width = max(len(name) for name, *_ in [*facts, *results])
    print(f"## {title}")
    for name, text in facts:
        print(f"{name:<{width}}  {text}")
    for name, text, _ in results:
        print(f"{name:<{width}}  {text}")


def median(values):
    return statistics.median(values)


def quantile(values, share):
    """The smallest value that this share of the values does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def mib(count):
    return f"{count / (1 << 20):.1f} MiB"


@contextmanager
def scratch(given):
    """A temporary folder in --folder."""
    with tempfile.TemporaryDirectory(prefix="towline-bench-", dir=given.folder) as path:
        yield Path(path)


def wait_for_delivered(admin, wanted, timeout):
    """When the store counted that many deliveries as delivered, on the clock of time.monotonic().

    Asks rarely until near the end, so as not to take part in what is measured.
    """
    begun = time.monotonic()
    first = None
    while True:
        found = admin.get("/stats")["deliveries"]["delivered"]
        now = time.monotonic()
        if found >= wanted:
            return now
        if now - begun > timeout:
            raise SystemExit(f"{wanted - found} deliveries were left after {timeout} s")
        first = found if first is None else first
        time.sleep(0.25 if wanted - found > (wanted - first) / 10 else 0.02)


def memory(pid):
    """(resident, anonymous) bytes of a process, from smaps_rollup."""
    values = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, rest = line.split(":", 1)
        values[name] = int(rest.split()[0]) * 1024
    return values["Rss"], values["Anonymous"]


class Peer:
    """The origin and receiver of peer.c, compiled when needed."""

    def __init__(self, folder, file=None, port=0):
        compiler = shutil.which("cc") or shutil.which("clang") or shutil.which("gcc")
        if compiler is None:
            raise SystemExit("the benchmarks need a C compiler: apt-get install gcc")
        program = Path(folder) / "peer"
        if not program.exists():
            subprocess.run([compiler, "-O2", "-o", str(program), str(Path(__file__).with_name("peer.c"))], check=True)
        self.process = subprocess.Popen(
            dying_with_parent([str(program), "-p", str(port), *([str(file)] if file else [])]), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )
        self.port = int(self.process.stdout.readline().split()[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def count(self):
        """(callbacks so far, time.monotonic() of the last one)."""
        count, last = self.get("/count").split()
        return int(count), float(last)

    def marks(self):
        """What `/marks` says, by names."""
        values = self.get("/marks").split()
        names = ("count", "empty", "first", "last", "last_wall", "served")
        return {name: (int if name in names[:2] else float)(value) for name, value in zip(names, values)}

    def wait_for(self, count, timeout):
        """When the callback number `count` arrived, on the clock of time.monotonic()."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            found, last = self.count()
            if found >= count:
                return last
            time.sleep(0.01 if count - found < 100 else 0.05)
        raise SystemExit(f"{self.count()[0]} of {count} callbacks within {timeout} s")

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
