"""Several nodes on one PostgreSQL: what one accepts another pulls, a dead node's job is taken over when its lease is over,
and what an origin can bear holds for all of them together."""

import asyncio
import time

from harness.admin import Admin
from harness.origin import Origin, sample
from harness.waiting import eventually
from harness.web import Gate, Reply
from nodes import LEASE, check, submit, wait_ended, wait_removed, wait_swept
from rawclient import RawClient


def test_what_one_node_accepts_another_pulls_and_all_can_show(nodes, origin):
    group = nodes(2)
    first, second = group.nodes
    [job] = RawClient(first.api).submit(origin.sample_url("shared", 300_000))
    admin = Admin(second.admin)
    eventually(lambda: admin.get(f"/jobs/{job}")["state"] == "succeeded", 30, "the job")
    assert list(check(group.place, admin)) == [job]
    assert group.stop() == [0, 0]


def test_a_killed_nodes_job_is_taken_over_when_its_lease_is_over(nodes, database):
    body = sample("held", 400_000)
    with Origin() as origin:
        gate = Gate()
        url = origin.put("/held.mp4", [Reply(200, body, gate=gate, gate_after=1000), Reply(200, body)])
        group = nodes(2)
        [job] = RawClient(group.nodes[0].api).submit(url)
        eventually(lambda: origin.requests("/held.mp4"), 20, "the first attempt")
        number = group.number(database.query("SELECT node FROM runs WHERE lease IS NOT NULL"))
        group.nodes[number].kill()
        killed = time.monotonic()
        admin = Admin(group.nodes[1 - number].admin)
        eventually(lambda: admin.get(f"/jobs/{job}")["state"] == "succeeded", LEASE + 20, "the take-over")
        print(f"taken over and done {time.monotonic() - killed:.1f} s after the kill; the lease is {LEASE} s")
        detail = admin.get(f"/jobs/{job}")
        assert len(detail["attemptList"]) == 2
        gate.open()


def test_a_frozen_node_that_wakes_after_everything_is_swept_changes_nothing(nodes, database, origin):
    body = sample("frozen", 400_000)
    gate = Gate()
    url = origin.put("/held/frozen/400000.mp4", [
        Reply(200, body, gate=gate, gate_after=200_000), Reply(200, body)])
    group = nodes(0)
    api, late = group.add("--roles", "api,deliver"), group.add("--roles", "pull")
    [job] = RawClient(api.api).submit(url)
    admin = Admin(api.admin)
    eventually(lambda: admin.get(f"/jobs/{job}")["bytesReceived"], 20, "bytes at the first node")
    late.freeze()
    other = group.add("--roles", "pull")
    eventually(lambda: admin.get(f"/jobs/{job}")["state"] == "succeeded", LEASE + 30, "the take-over")
    before = admin.get(f"/jobs/{job}")
    assert before["attemptList"][-1]["node"] == "node-2"
    assert other.stop() == 0
    wait_swept(database)
    other = group.add("--roles", "deliver")
    wait_removed(database)
    gate.open()
    late.thaw()
    [again] = RawClient(api.api).submit(origin.sample_url("awake", 1000))
    eventually(lambda: admin.get(f"/jobs/{again}")["state"] == "succeeded", 30, "another job at the node that woke")
    assert admin.get(f"/jobs/{again}")["attemptList"][-1]["node"] == "node-1"
    assert late.stop() == 0
    assert admin.get(f"/jobs/{job}") == before
    check(group.place, admin)
    assert [api.stop(), other.stop()] == [0, 0]


class Meter:
    """Stands in the way of each answer for a while, and counts how many wait there."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.now = self.most = 0

    async def passed(self):
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.now -= 1


def test_an_origin_limited_to_four_never_sees_five_from_twenty_workers(nodes):
    meter = Meter(0.05)
    with Origin() as origin:
        def answer(request):
            name = request.path.split("/")[2]
            return Reply(200, sample(name, 1000), gate=meter)

        urls = [origin.put(f"/limited/{number}/1000.mp4", answer) for number in range(200)]
        group = nodes(5, "--pull-concurrency", "4", "--pull-per-origin", "4")
        jobs = submit(RawClient(group.nodes[0].api), urls)
        # What dies gives its slots back when its leases run out, and not before.
        for number in (1, 3):
            eventually(lambda: len(origin.requests()) > 40 * number, 60, "some of the requests")
            group.kill(number)
        admin = Admin(group.nodes[0].admin)
        assert wait_ended(admin) == len(jobs)
        nodes_used = {admin.get(f"/jobs/{job}")["attemptList"][-1]["node"] for job in jobs}
        assert meter.most == 4, f"{meter.most} at once"
        assert len(nodes_used) > 1, nodes_used
        assert group.stop() == [0] * 5
