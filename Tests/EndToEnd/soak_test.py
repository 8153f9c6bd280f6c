"""A soak: nodes under a steady load of pulls, callbacks and queue messages keep their memory and their open files.

`TOWLINE_SOAK_SECONDS` says how long (an hour by default). The first third is for caches and pools to fill; the median of the
last third may be above that of the second by a tenth and 8 MiB of anonymous memory, and by 8 open files."""

import os
import statistics
import threading
import time
from pathlib import Path

import pytest
from harness.admin import Admin
from harness.origin import Origin
from harness.s3 import Moto
from harness.waiting import eventually
from harness.web import Reply, WebServer
from mnsclient import MNSRaw
from nodes import Bucket, wait_ended
from rawclient import RawClient

MIB = 1 << 20
SECONDS = int(os.environ.get("TOWLINE_SOAK_SECONDS", "3600"))
EVERY = 3  # seconds between two looks
PER_CALL, CALLS_PER_SECOND = 5, 2
LARGE = 50  # one file in so many goes in parts
QUEUE = "soak"


class Files(Origin):
    """An origin that keeps no log."""

    def handle(self, request):
        reply = super().handle(request)
        with self._lock:
            self._log.clear()
        return reply


class Hook(WebServer):
    """A receiver that only counts."""

    count = 0

    def handle(self, request):
        self.count += 1
        return Reply(200, b"success")


def anonymous_memory(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no RssAnon")


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Load:
    """Calls at a steady rate, each to the next node, until stopped; what goes wrong is kept."""

    def __init__(self, group, origin):
        self.group, self.origin = group, origin
        self.stopping = threading.Event()
        self.problems = []
        self.jobs = self.sent = self.deleted = 0
        self.threads = [
            threading.Thread(target=self._guarded, args=(work,), daemon=True)
            for work in (self._pull, self._send, self._receive, self._empty)
        ]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a client hangs"

    def _guarded(self, work):
        try:
            work()
        except Exception as error:  # shown by the test, which ends because of it
            self.problems.append(repr(error))

    def _api(self, turn):
        return self.group.nodes[turn % len(self.group.nodes)].api

    def _turns(self, per_second):
        turn = 0
        begun = time.monotonic()
        while not self.stopping.wait(max(0, begun + turn / per_second - time.monotonic())):
            yield turn
            turn += 1

    def _pull(self):
        for turn in self._turns(CALLS_PER_SECOND):
            numbers = range(turn * PER_CALL, (turn + 1) * PER_CALL)
            self.jobs += len(RawClient(self._api(turn)).submit(*[
                self.origin.sample_url(f"soak{number}", 9 * MIB if number % LARGE == 0 else number % 50_000)
                for number in numbers]))

    def _send(self):
        for turn in self._turns(5):
            answer = MNSRaw(self._api(turn)).send_batch(QUEUE, f"{turn}-1", f"{turn}-2")
            assert answer.status == 201, answer
            self.sent += 2

    def _receive(self):
        turn = 0
        while not self.stopping.is_set() or self.deleted < self.sent:
            client = MNSRaw(self._api(turn))
            turn += 1
            answer = client.receive(QUEUE, wait=2, count=16)
            if answer.status == 404:
                continue
            assert answer.status == 200, answer
            handles = [message["ReceiptHandle"] for message in answer.entries("Message")]
            answer = client.delete_batch(QUEUE, *handles)
            assert answer.status == 204, answer
            self.deleted += len(handles)

    def _empty(self):
        """The bucket's owner takes out what is there, so that the store's own memory stays small."""
        place = self.group.place
        for _ in self._turns(0.2):
            keys = [{"Key": key} for key in list(place.moto.objects(place.bucket))[:1000]]
            if keys:
                place.moto.s3.delete_objects(Bucket=place.bucket, Delete={"Objects": keys})


@pytest.mark.torture
def test_memory_and_open_files_stay_under_a_steady_load(nodes, record_result):
    with Moto() as moto, Files() as origin, Hook() as hook:
        group = nodes(3, "--pull-per-origin", "8", place=Bucket(moto, moto))
        RawClient(group.nodes[0].api).set_callback(hook.url + "/hook")
        assert MNSRaw(group.nodes[0].api).create(QUEUE).status == 201
        load = Load(group, origin)
        looks = [[] for _ in group.nodes]
        begun = time.monotonic()
        try:
            while time.monotonic() < begun + SECONDS and not load.problems:
                for node, mine in zip(group.nodes, looks, strict=True):
                    mine.append((anonymous_memory(node.pid), open_files(node.pid)))
                load.stopping.wait(EVERY)
        finally:
            load.stop()
        assert not load.problems, load.problems
        admin = Admin(group.nodes[0].admin)
        assert wait_ended(admin) == load.jobs
        stats = admin.get("/stats")
        assert stats["jobs"]["succeeded"] == load.jobs, stats
        # Each job has two events, and the callback is for all of them.
        eventually(lambda: admin.get("/stats")["deliveries"]["delivered"] == 2 * load.jobs, 60, "every delivery")
        assert load.deleted == load.sent
        facts = {
            "seconds": SECONDS, "jobs": load.jobs, "callbacks": hook.count, "messages": load.deleted,
        }
        problems = []
        for number, mine in enumerate(looks):
            third = len(mine) // 3
            second, last = mine[third : 2 * third], mine[2 * third :]
            memory = [statistics.median(each for each, _ in part) for part in (second, last)]
            files = [statistics.median(each for _, each in part) for part in (second, last)]
            name = group.name(number)
            facts[f"{name}: anonymous memory in the second and the last third"] = " → ".join(
                f"{each / MIB:.1f} MiB" for each in memory)
            facts[f"{name}: open files"] = " → ".join(f"{each:.0f}" for each in files)
            if memory[1] > memory[0] * 1.1 + 8 * MIB:
                problems.append(f"{name} grows from {memory[0] / MIB:.1f} to {memory[1] / MIB:.1f} MiB")
            if files[1] > files[0] + 8:
                problems.append(f"{name} has {files[1]:.0f} open files after {files[0]:.0f}")
        print(facts)
        record_result("soak", facts.items())
        assert not problems, problems
        assert group.stop() == [0, 0, 0]
