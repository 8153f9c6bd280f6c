"""The queues: messages a second through send, receive and delete over signed HTTP, batches, wake-ups, and a full queue.

The load is queueload.c, which signs every request and runs beside the server on the same machine. Four figures:

- send + receive + delete, one message at a time, with as many connections as stated; in the same run, in turn with it,
  `redis-benchmark … XADD` against a `redis-server` with `appendfsync always` on the same disk, which is one command where
  a message here is three signed requests;
- the same by batches of 16;
- from the first byte of a send to the last byte of the answer of the receive that had been waiting for it;
- receive + delete out of a queue of a million messages, against a queue that holds no others, in turn.
"""

import json
import re
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import common
from mnsclient import MNSRaw

KEY, SECRET = "towline-dev", "towline-dev-secret"


def compiled(folder):
    """queueload.c as a program."""
    compiler = shutil.which("cc") or shutil.which("clang") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("the benchmarks need a C compiler: apt-get install gcc")
    program = Path(folder) / "queueload"
    if not program.exists():
        source = Path(__file__).with_name("queueload.c")
        subprocess.run([compiler, "-O2", "-o", str(program), str(source)], check=True)
    return program


class Load:
    """The load generator, pointed at one server."""

    def __init__(self, given, folder, server):
        self.given = given
        self.program = compiled(folder)
        self.port = server.api.rsplit(":", 1)[1]
        self.admin = common.Admin(server.admin)
        self.client = MNSRaw(server.api, KEY, SECRET)

    def queue(self, name, **attributes):
        answer = self.client.create(name, **attributes)
        if answer.status != 201:
            raise SystemExit(f"the queue {name} was not made: {answer}")
        return name

    def run(self, mode, queue, messages, batch=1, connections=None):
        """What the program prints, with `rate` in messages a second."""
        done = subprocess.run(
            [
                str(self.program), mode, self.port, KEY, SECRET, queue, str(messages),
                str(connections or self.given.connections), str(batch), str(self.given.body),
            ],
            capture_output=True, text=True, timeout=self.given.timeout,
        )
        if done.returncode != 0:
            raise SystemExit(f"queueload {mode}: {done.stderr.strip()}")
        result = json.loads(done.stdout)
        if result["messages"] < messages:
            raise SystemExit(f"{result['messages']} of {messages} messages: {result}")
        result["rate"] = result["messages"] / result["seconds"]
        return result

    def holds(self, queue, wanted):
        """Fails unless a queue holds exactly so many active messages and no others."""
        found = self.admin.get(f"/queues/{queue}")
        counts = found["activeMessages"], found["inactiveMessages"], found["delayedMessages"]
        if counts != (wanted, 0, 0):
            raise SystemExit(f"{queue} holds {counts}, not {wanted} active messages")


@contextmanager
def redis(folder):
    """The port of a redis-server that writes every command to stable storage before it answers."""
    port = common.free_port()
    data = Path(folder) / "redis"
    data.mkdir()
    process = subprocess.Popen(
        common.dying_with_parent([
            shutil.which("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(data), "--save", "",
            "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0", "--daemonize", "no",
        ]),
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while subprocess.run(["redis-cli", "-p", str(port), "ping"], capture_output=True).stdout.strip() != b"PONG":
            if time.monotonic() > deadline or process.poll() is not None:
                raise SystemExit("redis-server did not start")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(data, ignore_errors=True)


def xadd(given, folder):
    """redis-benchmark's own requests a second."""
    with redis(folder) as port:
        done = subprocess.run(
            [
                "redis-benchmark", "-p", str(port), "-c", str(given.connections), "-P", "1", "-n", str(given.messages),
                "--csv", "XADD", "s", "*", "f", "x" * given.body,
            ],
            capture_output=True, text=True, timeout=given.timeout, check=True,
        )
        found = re.findall(r'^"XADD[^"]*","([0-9.]+)"', done.stdout, re.MULTILINE)
        if len(found) != 1:
            raise SystemExit(f"redis-benchmark printed something else: {done.stdout}{done.stderr}")
        stored = subprocess.run(["redis-cli", "-p", str(port), "XLEN", "s"], capture_output=True, text=True, check=True)
        if int(stored.stdout) != given.messages:
            raise SystemExit(f"redis holds {stored.stdout.strip()} of {given.messages} entries")
    return float(found[0])


def through(given, folder, messages, batch, run):
    """Messages a second through send, receive and delete, on a server of its own."""
    with common.Towline(folder / f"data-{batch}-{run}", "--log-level", "warning", program=given.bin) as server:
        load = Load(given, folder, server)
        queue = load.queue("through", VisibilityTimeout=300)
        load.run("cycle", queue, given.connections * batch * 4, batch)  # warms up
        result = load.run("cycle", queue, messages, batch)
        load.holds(queue, 0)
    shutil.rmtree(folder / f"data-{batch}-{run}", ignore_errors=True)
    return result


def woken(given, folder):
    with common.Towline(folder / "data-wake", "--log-level", "warning", program=given.bin) as server:
        load = Load(given, folder, server)
        load.queue("wake-idle")
        queue = load.queue("wake", VisibilityTimeout=300)
        load.run("wake", queue, 50, connections=2)
        result = load.run("wake", queue, given.wakes, connections=given.waiting + 2)
        load.holds(queue, 0)
    return result


def full(given, folder):
    """Receive rates out of a full and an otherwise empty queue, and the seconds that filling took."""
    rates = {"empty": [], "full": []}
    with common.Towline(folder / "data-full", "--log-level", "warning", program=given.bin) as server:
        load = Load(given, folder, server)
        queues = {name: load.queue(name, VisibilityTimeout=43200) for name in rates}
        started = time.monotonic()
        load.run("send", queues["full"], given.backlog, 16)
        filled_in = time.monotonic() - started
        for turn in range(given.runs + 1):
            for name, queue in queues.items():
                load.run("send", queue, given.drained, 16)
                rate = load.run("drain", queue, given.drained)["rate"]
                if turn > 0:  # the first warms up
                    rates[name].append(rate)
        load.holds("empty", 0)
        load.holds("full", given.backlog)
    size = sum(file.stat().st_size for file in (folder / "data-full").glob("towline.db*"))
    return rates, filled_in, size


def main():
    given = common.arguments(
        __doc__, messages=(60_000, "messages of a run, one by one"), batched=(320_000, "messages of a run by batches"),
        runs=(3, "measured runs of each"), connections=(64, "connections"), body=(300, "bytes of a body"),
        wakes=(1500, "wake-ups"), waiting=(1000, "other receives that wait meanwhile"),
        backlog=(1_000_000, "messages in the full queue"), drained=(20_000, "messages of a run out of either queue"),
        timeout=(600.0, "for one run"),
    )
    singles, batches, theirs = [], [], []
    with common.scratch(given) as folder:
        for run in range(given.runs):
            theirs.append(xadd(given, folder))
            singles.append(through(given, folder, given.messages, 1, run))
            batches.append(through(given, folder, given.batched, 16, run))
        wake = woken(given, folder)
        rates, filled_in, size = full(given, folder)

    def listed(values):
        return ", ".join(f"{value:.0f}" for value in values)

    def times(results, kind):
        return ", ".join(f"{each[kind]['p50']:.1f}/{each[kind]['p99']:.1f}" for each in results)

    one, many = [each["rate"] for each in singles], [each["rate"] for each in batches]
    ratio = common.median(one) / common.median(theirs)
    full_ratio = common.median(rates["full"]) / common.median(rates["empty"])
    receive = wake["receive"]
    common.report(
        given, f"queues: messages of {given.body} bytes over signed HTTP, {given.connections} connections",
        common.heading(given) + [
            ("redis-server", common.first_line("redis-server", "--version")),
            ("load", "queueload.c, one process beside the server; every request signed with HMAC-SHA1"),
            ("peer", f"redis-benchmark -c {given.connections} -P 1 XADD of {given.body} bytes, appendfsync always"),
        ],
        [
            ("redis XADD", f"median {common.median(theirs):.0f} commands/s ({listed(theirs)})", theirs),
            (
                "send + receive + delete",
                f"median {common.median(one):.0f} messages/s ({listed(one)}), three requests each; target 3000", one,
            ),
            ("  ms, half/99 %: send", times(singles, "send"), singles),
            ("  ms, half/99 %: receive", times(singles, "receive"), None),
            ("  ms, half/99 %: delete", times(singles, "delete"), None),
            ("ratio", f"{ratio:.2f} × of redis' commands/s in messages/s, {3 * ratio:.2f} × in requests/s", ratio),
            (
                "by batches of 16",
                f"median {common.median(many):.0f} messages/s ({listed(many)}); target 25000", many,
            ),
            (
                "wake of a waiting receive",
                f"half {receive['p50']:.2f} ms, 99 % {receive['p99']:.2f} ms, most {receive['max']:.2f} ms of "
                f"{receive['count']}, {given.waiting} others waiting; target 10 ms", wake,
            ),
            (
                "receive + delete, empty queue",
                f"median {common.median(rates['empty']):.0f} messages/s ({listed(rates['empty'])})", rates["empty"],
            ),
            (
                f"  among {given.backlog} messages",
                f"median {common.median(rates['full']):.0f} messages/s ({listed(rates['full'])}); filled in "
                f"{filled_in:.0f} s, {common.mib(size)}", rates["full"],
            ),
            ("ratio", f"{full_ratio:.2f} × of the empty queue's rate; target 0.9 ×", full_ratio),
        ],
    )


if __name__ == "__main__":
    for tool in ("redis-server", "redis-cli", "redis-benchmark"):
        if not shutil.which(tool):
            raise SystemExit(f"this needs {tool}: scripts/setup-venvs.sh --bench")
    main()
