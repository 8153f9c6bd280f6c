"""Nodes whose clocks are five minutes ahead and behind: the database's time counts, so nobody takes a living node's job, a
dead node's is taken over when its lease is over, and events are made once.

The clocks of nodes that answer clients are right here: a request is signed for a quarter of an hour around its time."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from harness.admin import Admin
from harness.origin import sample
from harness.waiting import eventually
from harness.web import Gate, Reply
from nodes import LEASE, check, check_arrivals, submit, wait_ended, wait_swept
from rawclient import RawClient

SKEW = 300


@pytest.fixture(scope="session")
def skewed(tmp_path_factory):
    """The environment of a node whose clock is so many seconds ahead."""
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler for the clock that is wrong")
    library = tmp_path_factory.mktemp("skew") / "skew.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", library, Path(__file__).with_name("skew.c")], check=True, timeout=60)
    return lambda seconds: {"LD_PRELOAD": str(library), "SKEW_SECONDS": str(seconds)}


@pytest.mark.parametrize("ahead", [SKEW, -SKEW], ids=["the holder is ahead", "the holder is behind"])
def test_a_wrong_clock_neither_takes_nor_keeps_a_job(nodes, origin, receiver, database, skewed, ahead):
    body = sample("skew", 400_000)
    gates = Gate(), Gate()
    held = [Reply(200, body, gate=gate, gate_after=1000) for gate in gates]
    alive = origin.put("/held/skew/400000.mp4", [held[0], Reply(200, body)])
    group = nodes(0)
    api = group.add("--roles", "api")
    group.add("--roles", "pull,deliver", environment=skewed(ahead))
    client, admin = RawClient(api.api), Admin(api.admin)
    client.set_callback(receiver.url + "/hook", EventTypeList="UploadByURLComplete")

    # Leases are longer than any claim made by the wrong clock would let them be: the holder renews, the other waits.
    [job] = client.submit(alive)
    origin.wait_for_requests(1, "/held/skew/400000.mp4")

    def until():
        return int(database.query("SELECT lease_until FROM runs") or 0)

    begun = until()
    group.add("--roles", "pull,deliver", environment=skewed(-ahead))
    eventually(lambda: until() >= begun + 2 * LEASE * 1000, 60, "renewals past two leases")
    assert len(origin.requests("/held/skew/400000.mp4")) == 1, "a living node's job was taken"
    gates[0].open()
    eventually(lambda: admin.get(f"/jobs/{job}")["state"] == "succeeded", 30, "the holder's end")
    assert [attempt["node"] for attempt in admin.get(f"/jobs/{job}")["attemptList"]] == ["node-1"]
    [event] = receiver.wait(1, "/hook")
    assert abs(abs(int(event.header("webhook-timestamp")) - time.time()) - SKEW) < 60, "the clock was right"

    # The same with a holder that dies.
    dying = origin.put("/held/skew2/400000.mp4", [held[1], Reply(200, sample("skew2", 400_000))])
    client.submit(dying)
    origin.wait_for_requests(1, "/held/skew2/400000.mp4")
    number = group.number(database.query("SELECT node FROM runs WHERE lease IS NOT NULL"))
    group.nodes[number].kill()
    killed = time.monotonic()
    origin.wait_for_requests(2, "/held/skew2/400000.mp4", timeout=LEASE + 20)
    print(f"taken over {time.monotonic() - killed:.1f} s after the kill; the lease is {LEASE} s")
    gates[1].open()
    group.again(number)

    # And much work for both at once.
    submit(client, [origin.sample_url(f"skew{number}", 5000) for number in range(100)])
    assert wait_ended(admin) == 102
    wait_swept(database)
    group.kill(0)
    admin = Admin(group.nodes[0].admin)
    assert check_arrivals(receiver, check(group.place, admin)) == 0
    assert group.stop() == [0, 0, 0]
