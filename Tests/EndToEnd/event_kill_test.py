"""`kill -9` at random moments while events flow to receivers of which each fails one in ten.

Jobs end all the time, most of them at once, and each event goes to the account's callback and to a subscription. Each
receiver answers 500 to one request in ten and resets the connection of one in fifty after it has read the body. The
server is killed again and again and started at once on the same folder; a kill may also hit a start. Then it runs until
nothing is left to do, and everything has to add up:

- every acknowledged job has its events, and each of them was accepted (status 200) at both endpoints: none is lost;
- every arrival of an event has the bytes that are stored, and an event of a job has one id, whatever came in between;
- an arrival after one that was accepted is explained by a kill: at most one for each attempt that was under way.

Kills are cheap (one folder for many, small batches, restart at once), so that a thousand take minutes.

As a test: `pytest event_kill_test.py` runs a seeded sample, `pytest event_kill_test.py -m torture` the full count.
By itself: `event_kill_test.py --kills N --seed S [--per-round K]` prints one line a round and a summary.
"""

import argparse
import collections
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Conformance"))

from audit import Audit, connect, event_id, open_work  # noqa: E402
from harness.admin import Admin  # noqa: E402
from harness.origin import Origin, sample  # noqa: E402
from harness.server import NotReady, Towline  # noqa: E402
from harness.waiting import eventually  # noqa: E402
from harness.web import Reply, WebServer  # noqa: E402
from load import PER_CALL, Submitter  # noqa: E402
from rawclient import RawClient  # noqa: E402

PER_ENDPOINT = 8
# Retries soon enough that a round ends; so many of them that one failure in ten uses none up.
FLAGS = [
    "--lease-seconds", "3", "--log-level", "warning", "--delivery-policy", "durable", "--delivery-schedule",
    ",".join(["0.1"] * 40), "--delivery-breaker-pause-seconds", "0.1", "--delivery-breaker-max-pause-seconds", "0.2",
    "--delivery-per-endpoint", str(PER_ENDPOINT),
]
PATHS = ("/callback", "/subscription")
CALLS_PER_KILL = 2


class Receivers(WebServer):
    """Both receivers: fails by a seeded plan, keeps what arrived and how it was answered."""

    def __init__(self, seed):
        self._lock = threading.Lock()
        self._plan = random.Random(seed)
        self.arrivals = []  # (path, request, whether it was accepted)
        super().__init__()

    def handle(self, request):
        with self._lock:
            fate = self._plan.random()
            accepted = fate >= 0.12
            self.arrivals.append((request.path, request, accepted))
        if accepted:
            return Reply(200, b"success")
        return Reply(reset=True) if fate < 0.02 else Reply(500, b"one in ten")


class EventLoad:
    """Jobs that end soon: two of three fail at once (one event), the others store a few bytes (two events)."""

    def __init__(self, origin, calls, seed):
        mix = random.Random(seed)
        self.expected = {}
        for number in range(calls * PER_CALL):
            name = f"{seed}-{number}"
            if mix.random() < 1 / 3:
                size = mix.randint(0, 3000)
                self.expected[origin.sample_url(name, size)] = sample(name, size)
            else:
                self.expected[f"{origin.url}/missing/{name}.mp4"] = None
        urls = list(self.expected)
        self.calls = [urls[start:start + PER_CALL] for start in range(0, len(urls), PER_CALL)]


class EventAudit(Audit):
    """The audit of a folder whose events had to be accepted at several paths of receivers that fail now and then."""

    def __init__(self, data, accepted, by_url, arrivals, paths, duplicates_allowed):
        super().__init__(data, accepted, by_url, [request for _, request, _ in arrivals], duplicates_allowed=None)
        self.arrivals = arrivals
        self.paths = paths
        self.explained = duplicates_allowed

    def run(self):
        super().run()
        database = connect(self.data)
        try:
            self.ways(database)
        finally:
            database.close()
        return self.problems

    def ways(self, database):
        stored = {event_id(row[0]): bytes(row[1]) for row in database.execute("SELECT id, body FROM events")}
        accepted, again, names = set(), 0, collections.defaultdict(set)
        for path, request, was_accepted in self.arrivals:
            name = request.header("webhook-id")
            if (path, name) in accepted:
                again += 1
            if was_accepted:
                accepted.add((path, name))
            event = json.loads(request.body)
            names[event["EventType"], event.get("JobId") or event.get("VideoId")].add(name)
        lost = [(path, name) for path in self.paths for name in stored if (path, name) not in accepted]
        for path, name in lost[:20]:
            self.say(f"event {name} was never accepted at {path}: {stored[name].decode()}")
        for what, different in names.items():
            if len(different) > 1:
                self.say(f"{what} came under the ids {sorted(different)}")
        if again > self.explained:
            self.say(f"{again} arrivals came after one that was accepted; {self.explained} can be explained")
        twice = database.execute(
            "SELECT count(*) FROM (SELECT 1 FROM deliveries d JOIN lanes l ON l.id = d.lane_id WHERE d.origin = 0 "
            "GROUP BY d.event, l.group_id HAVING count(*) > 1)").fetchone()[0]
        if twice:
            self.say(f"{twice} events have several deliveries for one endpoint")
        wrong = database.execute(
            "SELECT count(*) FROM (SELECT e.seq FROM events e LEFT JOIN deliveries d ON d.event = e.seq "
            "GROUP BY e.seq HAVING count(d.id) != ?)", (len(self.paths),)).fetchone()[0]
        if wrong:
            self.say(f"{wrong} events do not have {len(self.paths)} deliveries")
        failed = sum(1 for _, _, was_accepted in self.arrivals if not was_accepted)
        interrupted = database.execute(
            "SELECT count(*) FROM delivery_attempts WHERE cause LIKE 'interrupted%'").fetchone()[0]
        self.counts.update({
            "attempts interrupted": interrupted, "failed on purpose": failed, "accepted twice": again, "lost": len(lost),
        })
        self.counts["wrong bytes"] = sum(
            stored.get(request.header("webhook-id")) != request.body for _, request, _ in self.arrivals)


def start_and_kill_at_once(data, moment):
    """A start that a kill hits somewhere between its first instruction and its first events."""
    server = Towline(data, *FLAGS, wait=False)
    time.sleep(moment)
    server.kill()


def event_kill_round(seed, kills, folder, idle_timeout=120):
    """One folder and so many kills, then the audit. Returns (problems, facts)."""
    plan = random.Random(seed)
    data = Path(folder) / f"round-{seed}"
    problems = []
    submitter = None
    server = None
    done = 0
    with Origin() as origin, Receivers(seed) as receivers:
        load = EventLoad(origin, (kills + 1) * CALLS_PER_KILL, seed)
        try:
            server = Towline(data, *FLAGS)
            RawClient(server.api).set_callback(receivers.url + PATHS[0])
            Admin(server.admin).post("/endpoints", {"url": receivers.url + PATHS[1]})
            submitter = Submitter(load, held=True)
            while done < kills:
                submitter.point(server.api)
                submitter.release(CALLS_PER_KILL)
                # Progress rather than time says when, so that a seed means the same on a slow machine. A batch brings
                # about 110 arrivals; some kills hit its submission, some its end, some what earlier ones left over.
                until = len(receivers.arrivals) + plan.choice([0, plan.uniform(0, 20), plan.uniform(0, 130)])
                deadline = time.monotonic() + 2
                while len(receivers.arrivals) < until and time.monotonic() < deadline and server.running:
                    time.sleep(0.001)
                time.sleep(plan.uniform(0, 0.01))
                if not server.running:
                    problems.append(f"the server ended by itself: {server.text()}")
                    break
                server.kill()
                done += 1
                submitter.settle()
                if done < kills and plan.random() < 0.1:
                    start_and_kill_at_once(data, plan.uniform(0, 0.1))
                    done += 1
                server = Towline(data, *FLAGS)
            if not problems:
                submitter.release(len(load.calls))
                submitter.point(server.api)
                submitter.join(idle_timeout)
                begun = time.monotonic()
                try:
                    eventually(lambda: open_work(data) == (0, 0, 0), idle_timeout, "everything to end", pause=0.1)
                except AssertionError as error:
                    problems.append(f"{error}; open runs, deliveries, intents: {open_work(data)}")
                idle_after = time.monotonic() - begun
                code = server.stop()
                if code != 0:
                    problems.append(f"exit code {code} after SIGTERM\n{server.text()}")
            if submitter.refused:
                problems.append(f"{len(submitter.refused)} calls were refused, first {submitter.refused[0]}")
            facts = {"seed": seed, "kills": done}
            if not problems:
                audit = EventAudit(
                    data, submitter.acknowledged, load.expected, receivers.arrivals, PATHS,
                    duplicates_allowed=done * PER_ENDPOINT * len(PATHS),
                )
                problems += audit.run()
                facts.update({
                    "acknowledged": len(submitter.acknowledged), "calls in doubt": len(submitter.in_doubt),
                    **audit.counts, "idle after s": round(idle_after, 1),
                })
            return problems, facts
        except NotReady as error:
            return [*problems, f"it did not start after a kill: {error}"], {"seed": seed, "kills": done}
        finally:
            if submitter is not None:
                submitter.stop()
            if server is not None:
                server.kill()
            shutil.rmtree(data, ignore_errors=True)


def rounds(kills, per_round, seed, folder, report=print, totals=None):
    """Rounds with consecutive seeds until so many kills are made; returns all problems, adds up figures in `totals`."""
    found = []
    begun = time.monotonic()
    totals = {} if totals is None else totals
    totals.update({"kills": 0, "seeds from": seed, "kills a round": per_round})
    number = 0
    while totals["kills"] < kills:
        started = time.monotonic()
        problems, facts = event_kill_round(seed + number, min(per_round, kills - totals["kills"]), folder)
        report(f"round {number + 1} {facts} {time.monotonic() - started:.1f} s: {len(problems)} problems")
        for problem in problems[:20]:
            report(f"  seed {seed + number}: {problem}")
        found += [f"seed {seed + number}: {problem}" for problem in problems]
        totals["kills"] += max(1, facts["kills"])
        for name in (
            "acknowledged", "calls in doubt", "jobs", "events", "arrivals", "attempts interrupted", "failed on purpose",
            "accepted twice", "lost", "wrong bytes",
        ):
            totals[name] = totals.get(name, 0) + facts.get(name, 0)
        number += 1
    totals.update({"problems": len(found), "seconds": round(time.monotonic() - begun)})
    return found


def test_no_event_is_lost_or_changed_by_kills(folder, request):
    count = request.config.getoption("--event-kills") or 24
    problems = rounds(count, 24, request.config.getoption("--seed"), folder)
    assert not problems, "\n".join(problems[:50])


@pytest.mark.torture
def test_no_event_is_lost_or_changed_by_a_thousand_kills(folder, request, record_result):
    count = request.config.getoption("--event-kills") or 1000
    totals = {}
    problems = rounds(count, 50, request.config.getoption("--seed"), folder, totals=totals)
    record_result("kill -9 while events flow, receivers failing one in ten", totals.items())
    assert not problems, "\n".join(problems[:50])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--per-round", type=int, default=50)
    parser.add_argument("--seed", type=int, default=20260102)
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="towline-event-kill-") as folder:
        problems = rounds(options.kills, options.per_round, options.seed, folder)
    print(
        f"{options.kills} kills, seeds from {options.seed}: {len(problems)} problems, "
        f"{time.monotonic() - started:.0f} s"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
