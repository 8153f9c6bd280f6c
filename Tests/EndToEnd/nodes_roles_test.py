"""Nodes of one role each, the end of each by SIGTERM while it works, and the replacement of all nodes one after another.

Leases are ten minutes long where a node gives its work back: whoever takes it over within the test did not wait for them.
"""

import http.client
import socket
import threading
from urllib.parse import urlsplit

from harness.admin import Admin
from harness.origin import sample
from harness.waiting import eventually
from harness.web import Gate, Reply
from mnsclient import MNSRaw, Wire
from nodes import Caller, check, check_arrivals, wait_ended, wait_swept
from rawclient import RawClient

LONG = 600


def listens(url):
    place = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((place.hostname, place.port)) == 0


def ready(node):
    """The status of a readiness check; None when nobody answers."""
    connection = http.client.HTTPConnection(urlsplit(node.admin).netloc, timeout=20)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def begin_to_end(node):
    """Sends SIGTERM and waits on a thread; `join` it and look at `codes`."""
    codes = []
    thread = threading.Thread(target=lambda: codes.append(node.stop()), daemon=True)
    thread.start()
    return thread, codes


def ended_well(thread, codes):
    thread.join(40)
    assert codes == [0], codes


def test_each_node_does_only_its_own(nodes, origin, receiver):
    group = nodes(0, lease=LONG)
    api = group.add("--roles", "api,queue")
    client, admin = RawClient(api.api), Admin(api.admin)
    client.set_callback(receiver.url + "/hook", EventTypeList="UploadByURLComplete")
    [job] = client.submit(origin.sample_url("roles", 50_000))
    queues = MNSRaw(api.api)
    assert queues.create("roles").status == 201
    assert queues.send("roles", "text").status == 201

    # The delivering node has nothing to deliver, and the other nobody to pull: until the first transfer nothing can happen.
    assert admin.get(f"/jobs/{job}")["attempts"] == 0
    pull = group.add("--roles", "pull")
    eventually(lambda: admin.get(f"/jobs/{job}")["state"] == "stored", 30, "the pull")
    detail = admin.get(f"/jobs/{job}")
    assert [attempt["node"] for attempt in detail["attemptList"]] == ["node-1"]
    [delivery] = admin.deliveries()
    assert (delivery["state"], delivery["attempts"]) == ("pending", 0) and not receiver.received()

    deliver = group.add("--roles", "deliver")
    receiver.wait(1, "/hook")
    eventually(lambda: admin.get(f"/jobs/{job}")["state"] == "succeeded", 30, "the delivery")
    for node in (pull, deliver):
        assert not listens(node.api) and ready(node) == 200
        assert Admin(node.admin).get(f"/jobs/{job}")["state"] == "succeeded", "every node can show it"
    assert check_arrivals(receiver, check(group.place, admin)) == 0
    assert group.stop() == [0, 0, 0]


def test_queues_and_actions_can_be_kept_apart(nodes, origin):
    group = nodes(0)
    actions, queues = group.add("--roles", "api"), group.add("--roles", "queue")
    assert MNSRaw(queues.api).create("apart").status == 201
    assert MNSRaw(actions.api).attributes("apart").status != 200
    [job] = RawClient(actions.api).submit(origin.sample_url("apart", 1))
    assert RawClient(queues.api).call("GetURLUploadInfos", {"JobIds": job}).status != 200
    assert group.stop() == [0, 0]


def test_a_pull_under_way_is_given_back_and_taken_at_once(nodes, origin, database):
    body = sample("given", 3_000_000)
    gate = Gate()
    url = origin.put("/held/given/3000000.mp4", [
        Reply(200, body, [("ETag", '"1"')], gate=gate, gate_after=2_000_000), Reply(200, body)])
    group = nodes(0, lease=LONG)
    api = group.add("--roles", "api,deliver")
    for _ in range(2):
        group.add("--roles", "pull")
    [job] = RawClient(api.api).submit(url)
    admin = Admin(api.admin)
    eventually(lambda: admin.get(f"/jobs/{job}")["bytesReceived"], 30, "bytes")
    holder = group.number(database.query("SELECT node FROM runs WHERE lease IS NOT NULL"))
    ended_well(*begin_to_end(group.nodes[holder]))
    eventually(lambda: admin.get(f"/jobs/{job}")["state"] == "succeeded", 60, "the take-over")
    attempts = admin.get(f"/jobs/{job}")["attemptList"]
    assert [attempt["node"] for attempt in attempts] == [group.name(3 - holder)], "a shutdown is no failure"
    gate.open()
    wait_swept(database)
    assert group.stop() == [0, 0, 0]


def test_readiness_turns_false_before_the_listeners_close(nodes, origin):
    gate = Gate()
    url = origin.put("/held/drain/1000000.mp4", Reply(200, sample("drain", 1_000_000), gate=gate, gate_after=1000))
    group = nodes(0)
    api, pull = group.add("--roles", "api"), group.add("--roles", "pull")
    RawClient(api.api).submit(url)
    origin.wait_for_requests(1, "/held/drain/1000000.mp4")
    assert ready(pull) == 200
    ending = begin_to_end(pull)
    # The transfer, which does not end, keeps the node for a while.
    eventually(lambda: ready(pull) == 503, 20, "the node to say that it ends")
    ended_well(*ending)
    gate.open()
    assert api.stop() == 0


def test_a_delivery_under_way_is_finished_or_given_back(nodes, origin, receiver):
    gate, never = Gate(), Gate()
    url = receiver.script("/hook", Reply(200, gate=gate), Reply(200, gate=never), Reply(200))
    group = nodes(0, "--delivery-timeout-seconds", "200", lease=LONG)
    api = group.add("--roles", "api,pull")
    first = group.add("--roles", "deliver")
    client, admin = RawClient(api.api), Admin(api.admin)
    client.set_callback(url, EventTypeList="UploadByURLComplete")

    [job] = client.submit(origin.sample_url("finished", 1000))
    receiver.wait(1, "/hook")
    ending = begin_to_end(first)
    # The answer comes while the node drains.
    gate.open()
    ended_well(*ending)
    eventually(lambda: admin.get(f"/jobs/{job}")["state"] == "succeeded", 20, "the finished delivery")
    assert len(receiver.received("/hook")) == 1

    second = group.add("--roles", "deliver")
    [job] = client.submit(origin.sample_url("given", 1000))
    receiver.wait(2, "/hook")
    ending = begin_to_end(second)
    group.add("--roles", "deliver")
    ended_well(*ending)
    eventually(lambda: admin.get(f"/jobs/{job}")["state"] == "succeeded", 60, "the delivery by another node")
    arrivals = receiver.received("/hook")
    assert len(arrivals) == 3 and arrivals[1].body == arrivals[2].body
    assert arrivals[1].header("webhook-id") == arrivals[2].header("webhook-id")
    never.open()
    assert group.stop() == [0] * 4


def test_a_receive_that_waits_is_answered_when_its_node_ends(nodes):
    group = nodes(0)
    first, second = group.add("--roles", "queue"), group.add("--roles", "queue")
    assert MNSRaw(first.api).create("waiting").status == 201
    client, target = MNSRaw(first.api), "/queues/waiting/messages?waitseconds=30"
    with Wire(client.place, timeout=40) as wire:
        wire.send(client.head("GET", target, client.signed("GET", target)))
        eventually(lambda: has_read(first, wire.socket), 20, "the receive to be read by the node")
        ended_well(*begin_to_end(first))
        answer = wire.answer("GET")
    assert (answer.status, answer.code) == (404, "MessageNotExist"), answer
    assert MNSRaw(second.api).send("waiting", "text").status == 201
    assert MNSRaw(second.api).receive("waiting").status == 200
    assert second.stop() == 0


def has_read(node, client):
    """Whether the node has read everything that a client has sent: nothing lies in the kernel any more."""
    ports = urlsplit(node.api).port, client.getsockname()[1]
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    return [row[4].split(":")[1] for row in rows if (port(row[1]), port(row[2])) == ports] == ["0" * 8]


def port(place):
    return int(place.split(":")[1], 16)


def test_nodes_are_replaced_one_after_another_while_a_client_goes_on(nodes, origin, receiver, database):
    """There is one version of the tables so far, so the new processes run the binary of the old ones."""
    group = nodes(3, "--pull-per-origin", "8")
    RawClient(group.nodes[0].api).set_callback(receiver.url + "/hook", EventTypeList="UploadByURLComplete")
    caller = Caller(lambda: [node.api for node in group.nodes])
    going, failures = threading.Event(), []
    going.set()

    def submit_on():
        number = 0
        try:
            while going.is_set():
                caller.submit(*[origin.sample_url(f"roll{number}-{each}", 20_000) for each in range(5)])
                number += 1
        except AssertionError as error:
            failures.append(error)

    client = threading.Thread(target=submit_on, daemon=True)
    client.start()
    codes = []
    for number in range(3):
        seen = caller.calls
        eventually(lambda: caller.calls > seen + 5 or failures, 60, "calls before a node is replaced")
        codes.append(group.nodes[number].stop())
        seen = caller.calls
        eventually(lambda: caller.calls > seen + 5 or failures, 60, "calls while a node is away")
        group.again(number)
    going.clear()
    client.join(60)
    assert not failures and not client.is_alive(), failures
    assert codes == [0, 0, 0]
    admin = Admin(group.nodes[0].admin)
    ended = wait_ended(admin)
    wait_swept(database)
    events = check(group.place, admin)
    # A call that a closing listener cut off was not accepted: no job that nobody knows of.
    assert events.keys() == caller.jobs.keys(), f"{ended} jobs, {len(caller.jobs)} known; {caller.in_doubt} calls in doubt"
    again = check_arrivals(receiver, events)
    print(f"{caller.calls} calls, {caller.tries} tries, {caller.in_doubt} cut off, {ended} jobs, {again} events twice")
    assert again == 0, "a node that ends in order sends nothing twice"
    assert group.stop() == [0, 0, 0]
