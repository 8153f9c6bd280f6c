"""Nodes in network namespaces of their own: one is cut off from the database, or from the bucket, in the middle of its work.

Packets are lost in silence, as when a switch fails: connections stay open on both sides and nobody is told."""

import subprocess
import time

import pytest
from harness.admin import Admin
from harness.origin import Origin, sample
from harness.postgres import Postgres
from harness.s3 import FaultProxy, Moto
from harness.server import clean_environment
from harness.waiting import eventually
from harness.web import Gate, Reply
from netspace import NETWORK, SERVICES, Network, why_not
from nodes import LEASE, Bucket, Nodes, check, wait_removed, wait_swept
from rawclient import RawClient

MIB = 1 << 20


@pytest.fixture
def network():
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with Network() as made:
        yield made


@pytest.fixture
def database(network):
    with Postgres(listen=SERVICES["database"], clients=NETWORK) as server:
        yield server


@pytest.fixture
def origin(network):
    with Origin(host=SERVICES["origin"]) as server:
        yield server


@pytest.fixture
def group(folder, database):
    with Moto() as moto, FaultProxy(moto.port, host=SERVICES["objects"]) as proxy:
        made = Nodes(folder, database, Bucket(moto, proxy), "--pull-connect-timeout-seconds", "1")
        try:
            yield made
        finally:
            made.end()


def pulling(group, space):
    """A node that pulls in a namespace."""
    return group.add("--roles", "pull", store=group.database.network_url, wrapper=space.wrapper)


# A small file and one in parts; whether what the late node may have written is looked for before the rest of its file comes.
CASES = {"small": (300_000, True), "in parts": (20 * MIB, False)}


@pytest.mark.parametrize(("size", "swept"), CASES.values(), ids=CASES.keys())
def test_a_node_cut_off_from_the_database_loses_its_job_and_changes_nothing(group, network, origin, size, swept):
    body = sample("cut", size)
    gate = Gate()
    url = origin.put(f"/held/cut/{size}.mp4", [Reply(200, body, gate=gate, gate_after=size // 2), Reply(200, body)])
    space = network.space()
    api = group.add("--roles", "api,deliver")
    late = pulling(group, space)
    [job] = RawClient(api.api).submit(url)
    admin = Admin(api.admin)
    origin.wait_for_requests(1, f"/held/cut/{size}.mp4")
    eventually(lambda: admin.get(f"/jobs/{job}")["state"] == "pulling", 20, "the attempt")

    space.cut("database")
    since = time.monotonic()
    other = group.add("--roles", "pull")
    eventually(lambda: admin.get(f"/jobs/{job}")["state"] == "succeeded", LEASE + 30, "the take-over")
    print(f"taken over and done {time.monotonic() - since:.1f} s after the cut; the lease is {LEASE} s")
    before = admin.get(f"/jobs/{job}")
    assert before["attemptList"][-1]["node"] == "node-2"
    assert other.stop() == 0

    if swept:
        # Nothing names the late node's key any more. Only now its file comes.
        wait_swept(group.database)
        group.add("--roles", "deliver")
        wait_removed(group.database)
    seen = writes(group.place)
    gate.open()
    eventually(
        lambda: "could not be recorded" in late.text() or (seen == writes(group.place) and not holds(space, origin)), 60,
        "the late node's end of its transfer")
    space.heal("database")

    # It works again, and what it did before has changed nothing.
    [again] = RawClient(api.api).submit(origin.sample_url("again", 1000))
    eventually(lambda: admin.get(f"/jobs/{again}")["state"] == "succeeded", 90, "another job at the healed node")
    assert admin.get(f"/jobs/{again}")["attemptList"][-1]["node"] == "node-1"
    assert admin.get(f"/jobs/{job}") == before
    wait_swept(group.database)
    group.add("--roles", "pull")
    check(group.place, admin)
    assert late.stop() == 0 and api.stop() == 0


def writes(place):
    """Objects and parts of them that were sent to a bucket."""
    return [line for line in place.proxy.lines if line.startswith(("PUT ", "POST "))]


def holds(space, origin):
    """Whether there are connections from a namespace to the origin."""
    listing = subprocess.run(
        [*space.wrapper, "cat", "/proc/net/tcp"], capture_output=True, text=True, check=True, timeout=20).stdout
    rows = [line.split() for line in listing.splitlines()[1:]]
    return any(row[2].endswith(f":{origin.port:04X}") and row[3] == "01" for row in rows)


def readiness(space, node):
    """The status of a node's readiness check, asked in its namespace."""
    script = (
        "import http.client, sys\n"
        "connection = http.client.HTTPConnection(sys.argv[1], timeout=150)\n"
        "connection.request('GET', '/readyz')\n"
        "print(connection.getresponse().status)\n")
    done = subprocess.run(
        [*space.wrapper, "python3", "-c", script, node.admin.split("://")[1]], capture_output=True, text=True, check=True,
        timeout=180, env=clean_environment())
    return int(done.stdout)


def test_a_node_cut_off_from_the_bucket_says_so_and_goes_on_when_it_is_back(group, network, origin):
    size = 300_000
    body = sample("away", size)
    gate = Gate()
    url = origin.put(f"/held/away/{size}.mp4", Reply(200, body, gate=gate, gate_after=1000))
    space = network.space()
    api = group.add("--roles", "api,deliver")
    node = pulling(group, space)
    assert readiness(space, node) == 200
    [job] = RawClient(api.api).submit(url)
    origin.wait_for_requests(1, f"/held/away/{size}.mp4")
    space.cut("objects")
    gate.open()
    begun = time.monotonic()
    assert readiness(space, node) == 503
    print(f"not ready after {time.monotonic() - begun:.1f} s")
    admin = Admin(api.admin)
    assert admin.get(f"/jobs/{job}")["state"] not in ("succeeded", "failed")
    space.heal("objects")
    eventually(lambda: admin.get(f"/jobs/{job}")["state"] == "succeeded", 150, "the job once the bucket is back")
    eventually(lambda: readiness(space, node) == 200, 60, "the node's readiness once the bucket is back")
    wait_swept(group.database, timeout=100)
    group.add("--roles", "pull")
    check(group.place, admin)
    assert node.stop() == 0 and api.stop() == 0
