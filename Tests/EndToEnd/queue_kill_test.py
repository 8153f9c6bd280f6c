"""`kill -9` at random moments while producers and consumers work over signed HTTP and events arrive in a queue.

Producers send single messages and batches with bodies that are all different, some delayed, some urgent; consumers wait
for them, receive singly or by batches, and delete singly or by batches. Meanwhile jobs end, whose events go into a queue
of their own. The server is killed again and again and started at once on the same folder; a kill may also hit a start.
Then it runs until the queues are empty, and everything has to add up:

- every acknowledged message was received, with the bytes that were sent: none is lost;
- nothing that was deleted (the answer 204, or no entry in a batch's failures) came back: no receive counts further than
  the one that was deleted;
- a send that broke off has made one message or none, one that was acknowledged exactly one;
- every acknowledged job has exactly one event, and it made exactly one message;
- at the end the queues' counters are nought and the database is sound.

As a test: `pytest queue_kill_test.py` runs a seeded sample, `pytest queue_kill_test.py -m torture` the full count.
By itself: `queue_kill_test.py --kills N --seed S [--per-round K]` prints one line a round and a summary.
"""

import argparse
import base64
import collections
import http.client
import json
import random
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Conformance"))

from audit import events_known  # noqa: E402
from harness.admin import Admin  # noqa: E402
from harness.origin import Origin  # noqa: E402
from harness.server import NotReady, Towline  # noqa: E402
from harness.waiting import eventually  # noqa: E402
from load import PER_CALL, Submitter  # noqa: E402
from mnsclient import MNSRaw, document, element, message_xml  # noqa: E402
from rawclient import RawClient  # noqa: E402

FLAGS = ["--lease-seconds", "3", "--log-level", "warning"]
PRODUCERS, CONSUMERS = 4, 4
# Soon enough for a round to end; long enough for a consumer that is not hindered.
VISIBILITY = 2
QUEUE, EVENTS = "load", "events"


class Gone(Exception):
    """The connection broke off: what the request did is not known."""


class Peer:
    """Threads that talk to whatever server `point` named last, and stop when it goes."""

    def __init__(self):
        self._changed = threading.Condition()
        self._client = None
        self._stopping = False

    def point(self, api):
        """Everybody goes on at this address; None pauses."""
        with self._changed:
            self._client = MNSRaw(api, timeout=60) if api else None
            self._changed.notify_all()

    def stop(self):
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def wait_client(self, other_than=None):
        """The server to talk to; None at the end."""
        with self._changed:
            while not self._stopping and (self._client is None or self._client is other_than):
                self._changed.wait()
            return None if self._stopping else self._client


class Link:
    """One thread's kept connection."""

    def __init__(self, client):
        self.client = client
        self.connection = http.client.HTTPConnection(client.place, timeout=60)

    def call(self, method, target, body=b""):
        client = self.client
        try:
            return client.exchange(
                method, target, body, client.signed(method, target, body), connection=self.connection)
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            raise Gone(str(error)) from None


class Book:
    """What the clients know: sends, receives, deletes."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sent = {}  # message id -> body
        self.bodies = collections.Counter()  # acknowledged bodies
        self.in_doubt = set()  # bodies
        self.received = collections.defaultdict(list)  # message id -> [(body, dequeue count)]
        self.deleted = {}  # message id -> the dequeue count of the receive that was deleted
        self.deletes_in_doubt = 0
        self.handles_refused = 0
        self.problems = []
        self.progress = 0

    def say(self, text):
        with self.lock:
            if len(self.problems) < 100:
                self.problems.append(text)


class Traffic(Peer):
    """Producers and consumers over one book."""

    def __init__(self, seed):
        super().__init__()
        self.book = Book()
        self.seed = seed
        self.producing = True
        self.threads = [
            *(threading.Thread(target=self._produce, args=(number,), daemon=True) for number in range(PRODUCERS)),
            *(threading.Thread(target=self._consume, args=(number, QUEUE), daemon=True) for number in range(CONSUMERS)),
            threading.Thread(target=self._consume, args=(CONSUMERS, EVENTS), daemon=True),
        ]
        for thread in self.threads:
            thread.start()

    def join(self, timeout=120):
        self.stop()
        for thread in self.threads:
            thread.join(timeout)
            assert not thread.is_alive(), "a client hangs"

    def _links(self):
        """A link for each server in turn, until the end."""
        client = None
        while (client := self.wait_client(other_than=client)) is not None:
            link = Link(client)
            yield link
            link.connection.close()

    # Producers

    def _produce(self, number):
        plan = random.Random(f"{self.seed} producer {number}")
        made = 0
        for link in self._links():
            try:
                while self.producing and not self._stopping:
                    count = plan.choice([1, 1, 1, 4, 16])
                    bodies = [f"{self.seed}-{number}-{made + each}-" + "x" * plan.randint(0, 400) for each in range(count)]
                    made += count
                    values = [self._values(plan) for _ in bodies]
                    self._send(link, bodies, values)
            except Gone:
                continue

    @staticmethod
    def _values(plan):
        values = {"Priority": plan.choice([1, 8, 16])} if plan.random() < 0.3 else {}
        if plan.random() < 0.1:
            values["DelaySeconds"] = 1
        return values

    def _send(self, link, bodies, values):
        book = self.book
        inner = [message_xml(body, **each) for body, each in zip(bodies, values, strict=True)]
        if len(inner) == 1:
            xml = document("Message", inner[0])
        else:
            xml = document("Messages", "".join(f"<Message>{each}</Message>" for each in inner))
        try:
            answer = link.call("POST", f"/queues/{QUEUE}/messages", xml)
        except Gone:
            with book.lock:
                book.in_doubt.update(bodies)
            raise
        if answer.status != 201:
            return book.say(f"a send was answered with {answer}")
        entries = [answer.values] if len(inner) == 1 else answer.entries("Message")
        with book.lock:
            for body, entry in zip(bodies, entries, strict=True):
                if entry["MessageId"] in book.sent:
                    book.problems.append(f"the id {entry['MessageId']} was given twice")
                book.sent[entry["MessageId"]] = body
                book.bodies[body] += 1
            book.progress += len(bodies)

    # Consumers

    def _consume(self, number, queue):
        plan = random.Random(f"{self.seed} consumer {number}")
        for link in self._links():
            try:
                while not self._stopping:
                    self._receive(link, queue, plan)
            except Gone:
                continue

    def _receive(self, link, queue, plan):
        book = self.book
        count = plan.choice([0, 1, 8, 16])
        query = "waitseconds=1" + (f"&numOfMessages={count}" if count else "")
        answer = link.call("GET", f"/queues/{queue}/messages?{query}")
        if (answer.status, answer.code) == (404, "MessageNotExist"):
            return
        if answer.status != 200:
            return book.say(f"a receive was answered with {answer}")
        entries = answer.entries("Message") if count else [answer.values]
        with book.lock:
            for entry in entries:
                name, times = entry["MessageId"], int(entry["DequeueCount"])
                if name in book.deleted and times > book.deleted[name]:
                    book.problems.append(f"{name} came back after it was deleted: received {times} times")
                book.received[queue, name].append((entry["MessageBody"], times))
            book.progress += len(entries)
        if plan.random() < 0.03:
            return  # a consumer that forgets: the messages come again
        if plan.random() < 0.1:
            self._change(link, queue, entries[0])
        self._delete(link, queue, entries, one_by_one=plan.random() < 0.3)

    def _change(self, link, queue, entry):
        handle = entry["ReceiptHandle"]
        answer = link.call("PUT", f"/queues/{queue}/messages?ReceiptHandle={handle}&VisibilityTimeout={VISIBILITY}")
        if answer.status == 200:
            entry["ReceiptHandle"] = answer.values["ReceiptHandle"]
        elif (answer.status, answer.code) != (404, "MessageNotExist"):
            self.book.say(f"a change of visibility was answered with {answer}")

    def _delete(self, link, queue, entries, one_by_one):
        book = self.book
        groups = [[entry] for entry in entries] if one_by_one or len(entries) == 1 else [entries]
        for group in groups:
            try:
                if len(group) == 1:
                    answer = link.call("DELETE", f"/queues/{queue}/messages?ReceiptHandle={group[0]['ReceiptHandle']}")
                else:
                    handles = "".join(element("ReceiptHandle", entry["ReceiptHandle"]) for entry in group)
                    answer = link.call("DELETE", f"/queues/{queue}/messages", document("ReceiptHandles", handles))
            except Gone:
                with book.lock:
                    book.deletes_in_doubt += len(group)
                raise
            refused = {}
            if answer.status == 404 and len(group) == 1:
                refused = {group[0]["ReceiptHandle"]: answer.code}
            elif answer.status == 404:
                refused = {each["ReceiptHandle"]: each["ErrorCode"] for each in answer.entries("Error")}
            elif answer.status != 204:
                book.say(f"a delete was answered with {answer}")
                continue
            with book.lock:
                for entry in group:
                    code = refused.get(entry["ReceiptHandle"])
                    if code is None:
                        self._note_deleted(queue, entry)
                    elif code == "MessageNotExist":  # its time was over
                        book.handles_refused += 1
                    else:
                        book.problems.append(f"a delete was refused with {code}")
                book.progress += len(group)

    def _note_deleted(self, queue, entry):
        book, name, times = self.book, entry["MessageId"], int(entry["DequeueCount"])
        if name in book.deleted:
            book.problems.append(f"{name} was deleted twice")
        book.deleted[name] = times
        later = [other for _, other in book.received[queue, name] if other > times]
        if later:
            book.problems.append(f"{name} was received again ({later}) before the delete of receive {times} was taken")


class FailingJobs:
    """Calls of jobs that end at once with one event each."""

    def __init__(self, origin, calls, seed):
        urls = [f"{origin.url}/missing/{seed}-{number}.mp4" for number in range(calls * PER_CALL)]
        self.expected = dict.fromkeys(urls)
        self.calls = [urls[start:start + PER_CALL] for start in range(0, len(urls), PER_CALL)]


def audit(book, submitter, data):
    """Everything that does not add up, and figures."""
    problems = list(book.problems)

    def say(kind, items):
        problems.extend(f"{kind}: {item}" for item in items[:20])
        if len(items) > 20:
            problems.append(f"{kind}: {len(items) - 20} more")

    received = {name: found for (queue, name), found in book.received.items() if queue == QUEUE}
    lost = [name for name in book.sent if name not in received]
    say("acknowledged and never received", [f"{name} {book.sent[name][:60]}" for name in lost])
    say("not deleted", [name for _, name in book.received if name not in book.deleted and not book.deletes_in_doubt])
    wrong = [
        name for name, found in received.items()
        if len({body for body, _ in found}) > 1 or (name in book.sent and found[0][0] != book.sent[name])
    ]
    say("other bytes than were sent", wrong)
    by_body = collections.defaultdict(set)
    for name, found in received.items():
        by_body[found[0][0]].add(name)
    say("several messages for one send", [body[:60] for body, names in by_body.items() if len(names) > 1])
    say("messages that nobody sent", [
        body[:60] for body in by_body if body not in book.bodies and body not in book.in_doubt])

    by_job = collections.defaultdict(set)
    stored = set(events_known(data).values())
    for (queue, name), found in book.received.items():
        if queue != EVENTS:
            continue
        body = base64.b64decode(found[0][0])
        by_job[json.loads(body)["JobId"]].add(name)
        if body not in stored:
            problems.append(f"the message {name} is no event that is stored")
    say("acknowledged jobs without a message", [job for job in submitter.acknowledged if job not in by_job])
    say("jobs with several messages", [f"{job} {names}" for job, names in by_job.items() if len(names) > 1])
    say("events without a message", [None] * max(0, len(stored) - len(by_job)))

    database = sqlite3.connect(f"file:{data / 'towline.db'}?mode=ro", uri=True)
    try:
        [check] = database.execute("PRAGMA integrity_check").fetchone()
    finally:
        database.close()
    if check != "ok":
        problems.append(f"the database is damaged: {check}")
    counts = {
        "sent": len(book.sent), "sends in doubt": len(book.in_doubt), "received": len(received),
        "received again": sum(max(times for _, times in found) > 1 for found in received.values()),
        "deleted": len(book.deleted), "deletes in doubt": book.deletes_in_doubt, "events": len(by_job), "lost": len(lost),
        "back": sum("came back" in text or "received again" in text for text in book.problems),
    }
    return problems, counts


def open_messages(admin):
    """Messages in all states and queues, and jobs that have not ended."""
    found = 0
    for queue in admin.all("/queues"):
        found += queue["activeMessages"] + queue["inactiveMessages"] + queue["delayedMessages"]
    jobs = admin.get("/stats")["jobs"]
    return found + sum(jobs.get(state, 0) for state in ("pending", "pulling", "storing", "stored"))


def queue_kill_round(seed, kills, folder, idle_timeout=120):
    """One folder and so many kills, then the audit. Returns (problems, facts)."""
    plan = random.Random(seed)
    data = Path(folder) / f"round-{seed}"
    problems, facts = [], {"seed": seed, "kills": 0}
    server = submitter = traffic = None
    with Origin() as origin:
        try:
            server = Towline(data, *FLAGS)
            client = MNSRaw(server.api)
            for queue in (QUEUE, EVENTS):
                assert client.create(queue, VisibilityTimeout=VISIBILITY).status == 201
            RawClient(server.api).must("SetMessageCallback", {
                "CallbackType": "MNS", "MnsEndpoint": server.api, "MnsQueueName": EVENTS, "EventTypeList": "ALL"})
            submitter = Submitter(FailingJobs(origin, kills + 2, seed), held=True)
            traffic = Traffic(seed)
            while facts["kills"] < kills:
                traffic.point(server.api)
                submitter.point(server.api)
                submitter.release(1)
                # Progress rather than time says when, so that a seed means the same on a slow machine.
                until = traffic.book.progress + plan.choice([plan.uniform(0, 20), plan.uniform(0, 400)])
                deadline = time.monotonic() + 3
                while traffic.book.progress < until and time.monotonic() < deadline and server.running:
                    time.sleep(0.0005)
                time.sleep(plan.uniform(0, 0.005))
                if not server.running:
                    problems.append(f"the server ended by itself: {server.text()}")
                    break
                server.kill()
                facts["kills"] += 1
                traffic.point(None)
                submitter.settle()
                if facts["kills"] < kills and plan.random() < 0.1:
                    started = Towline(data, *FLAGS, wait=False)
                    time.sleep(plan.uniform(0, 0.1))
                    started.kill()
                    facts["kills"] += 1
                server = Towline(data, *FLAGS)
            if not problems:
                traffic.producing = False
                traffic.point(server.api)
                submitter.release(len(submitter.load.calls))
                submitter.point(server.api)
                submitter.join(idle_timeout)
                admin = Admin(server.admin)
                begun = time.monotonic()
                try:
                    eventually(lambda: open_messages(admin) == 0, idle_timeout, "the queues to be empty", pause=0.1)
                except AssertionError as error:
                    problems.append(f"{error}; {admin.all('/queues')}")
                facts["idle after s"] = round(time.monotonic() - begun, 1)
                traffic.join()
                code = server.stop()
                if code != 0:
                    problems.append(f"exit code {code} after SIGTERM\n{server.text()}")
                found, counts = audit(traffic.book, submitter, data)
                problems += found
                if submitter.refused:
                    problems.append(f"{len(submitter.refused)} calls were refused, first {submitter.refused[0]}")
                facts.update(counts)
            return problems, facts
        except NotReady as error:
            return [*problems, f"it did not start after a kill: {error}"], facts
        finally:
            if server is not None:
                server.kill()
            if traffic is not None:
                traffic.stop()
            if submitter is not None:
                submitter.stop()
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
        problems, facts = queue_kill_round(seed + number, min(per_round, kills - totals["kills"]), folder)
        report(f"round {number + 1} {facts} {time.monotonic() - started:.1f} s: {len(problems)} problems")
        for problem in problems[:20]:
            report(f"  seed {seed + number}: {problem}")
        found += [f"seed {seed + number}: {problem}" for problem in problems]
        totals["kills"] += max(1, facts["kills"])
        for name in (
            "sent", "sends in doubt", "received", "received again", "deleted", "deletes in doubt", "events", "lost", "back",
        ):
            totals[name] = totals.get(name, 0) + facts.get(name, 0)
        number += 1
    totals.update({"problems": len(found), "seconds": round(time.monotonic() - begun)})
    return found


def test_no_message_is_lost_and_none_comes_back_over_kills(folder, request):
    kills = (request.config.getoption("--rounds") or 2) * 10
    problems = rounds(kills, 10, request.config.getoption("--seed"), folder)
    assert not problems, "\n".join(problems[:50])


@pytest.mark.torture
def test_no_message_is_lost_and_none_comes_back_over_a_thousand_kills(folder, request, record_result):
    kills = (request.config.getoption("--rounds") or 20) * 50
    totals = {}
    problems = rounds(kills, 50, request.config.getoption("--seed"), folder, totals=totals)
    record_result("kill -9 while producers and consumers work on queues", totals.items())
    assert not problems, "\n".join(problems[:50])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--per-round", type=int, default=50)
    parser.add_argument("--seed", type=int, default=20260102)
    options = parser.parse_args()
    started = time.monotonic()
    totals = {}
    with tempfile.TemporaryDirectory(prefix="towline-queue-kill-") as folder:
        problems = rounds(options.kills, options.per_round, options.seed, folder, totals=totals)
    print(totals)
    print(
        f"{options.kills} kills, seeds from {options.seed}: {len(problems)} problems, "
        f"{time.monotonic() - started:.0f} s"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
