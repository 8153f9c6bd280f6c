"""`kill -9` at random moments while jobs run; after restarts until nothing is left to do, everything adds up.

As a test: `pytest kill_test.py` runs a seeded sample, `pytest kill_test.py -m torture` the full count.
By itself: `kill_test.py --rounds N --seed S [--jobs J]` prints one line a round and a summary.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Conformance"))

from audit import Audit, open_work  # noqa: E402
from harness.origin import Origin  # noqa: E402
from harness.receiver import Receiver  # noqa: E402
from harness.server import Towline  # noqa: E402
from harness.waiting import eventually  # noqa: E402
from load import Load, Submitter  # noqa: E402
from rawclient import RawClient  # noqa: E402

# Short leases, so that what a killed process had begun is swept within the round.
FLAGS = ["--lease-seconds", "3", "--log-level", "warning"]
# Callbacks at once to one receiver, by default: only these may arrive twice because of a kill.
PER_ENDPOINT = 8


def kill_round(seed, jobs, folder, idle_timeout=180):
    """One round: 1 or 2 kills, restarts until idle, and the audit. Returns (problems, facts)."""
    plan = random.Random(seed)
    with Origin() as origin, Receiver() as receiver:
        load = Load(origin, jobs, seed)
        data = Path(folder) / f"round-{seed}"
        server = Towline(data, *FLAGS)
        problems = []
        submitter = None
        try:
            RawClient(server.api).set_callback(receiver.url + "/hook")
            submitter = Submitter(load)
            submitter.point(server.api)
            kills = plan.choice([1, 1, 2])
            # Progress rather than time says when, so that a seed means the same on a slow machine.
            total = len(load.calls) * 20 + jobs + load.total_events
            moments = sorted(plan.uniform(0.01, 0.97) * total for _ in range(kills))
            hit = []
            for moment in moments:
                deadline = time.monotonic() + idle_timeout

                def progress():
                    return submitter.calls_done * 20 + len(origin.requests()) + len(receiver.received())

                while progress() < moment and time.monotonic() < deadline and server.running:
                    time.sleep(0.002)
                if not server.running:
                    problems.append(f"the server ended by itself: {server.text()}")
                    break
                time.sleep(plan.uniform(0, 0.02))
                server.kill()
                hit.append(f"{progress() / total:.0%}")
                submitter.settle()
                server = Towline(data, *FLAGS)
                submitter.point(server.api)
            submitter.join(idle_timeout)
            if submitter.refused:
                problems.append(f"{len(submitter.refused)} calls were refused, first {submitter.refused[0]}")
            started = time.monotonic()
            try:
                eventually(lambda: open_work(data) == (0, 0, 0), idle_timeout, "everything to end", pause=0.1)
            except AssertionError as error:
                problems.append(f"{error}; open runs, deliveries, intents: {open_work(data)}")
            idle_after = time.monotonic() - started
            code = server.stop()
            if code != 0:
                problems.append(f"exit code {code} after SIGTERM\n{server.text()}")
            audit = Audit(
                data, submitter.acknowledged, load.expected, receiver.received(),
                duplicates_allowed=len(hit) * PER_ENDPOINT,
            )
            problems += audit.run()
            facts = {
                "seed": seed, "kills at": hit, "acknowledged": len(submitter.acknowledged),
                "calls in doubt": len(submitter.in_doubt), **audit.counts, "idle after s": round(idle_after, 1),
            }
            return problems, facts
        finally:
            if submitter is not None:
                submitter.stop()
            server.kill()
            shutil.rmtree(data, ignore_errors=True)


def rounds(count, seed, jobs, folder, report=print, totals=None):
    """Runs rounds with consecutive seeds; returns the problems of all of them, and adds up figures in `totals`."""
    found = []
    begun = time.monotonic()
    totals = {} if totals is None else totals
    totals.update({"rounds": count, "seeds from": seed, "jobs a round": jobs, "kills": 0})
    for number in range(count):
        started = time.monotonic()
        problems, facts = kill_round(seed + number, jobs, folder)
        report(f"round {number + 1}/{count} {facts} {time.monotonic() - started:.1f} s: {len(problems)} problems")
        for problem in problems[:20]:
            report(f"  seed {seed + number}: {problem}")
        found += [f"seed {seed + number}: {problem}" for problem in problems]
        totals["kills"] += len(facts["kills at"])
        for name in ("acknowledged", "calls in doubt", "jobs", "events", "arrivals", "duplicates", "bytes"):
            totals[name] = totals.get(name, 0) + facts.get(name, 0)
    totals.update({"problems": len(found), "seconds": round(time.monotonic() - begun)})
    return found


def test_nothing_is_lost_doubled_or_left_over_by_kills(folder, request):
    count = request.config.getoption("--rounds") or 5
    problems = rounds(count, request.config.getoption("--seed"), request.config.getoption("--jobs"), folder)
    assert not problems, "\n".join(problems[:50])


@pytest.mark.torture
def test_nothing_is_lost_doubled_or_left_over_by_many_kills(folder, request, record_result):
    count = request.config.getoption("--rounds") or 200
    totals = {}
    problems = rounds(
        count, request.config.getoption("--seed"), request.config.getoption("--jobs"), folder, totals=totals
    )
    record_result("kill -9 at random moments", totals.items())
    assert not problems, "\n".join(problems[:50])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=20260102)
    parser.add_argument("--jobs", type=int, default=2000)
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="towline-kill-") as folder:
        problems = rounds(options.rounds, options.seed, options.jobs, folder)
    print(
        f"{options.rounds} rounds of {options.jobs} jobs, seeds from {options.seed}: {len(problems)} problems, "
        f"{time.monotonic() - started:.0f} s"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
