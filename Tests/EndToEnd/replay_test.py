"""Replays: counted first, each event once for an endpoint, no harm to new events, and none to them by a kill."""

import collections
import json
import re
import time

import pytest
from audit import connect, event_id
from harness.ports import free_port
from harness.waiting import eventually
from harness.web import Gate, Reply
from load import make_events

PER_ENDPOINT = 8


def ids(requests):
    return [request.header("webhook-id") for request in requests]


def stored_events(stage, count, timeout=60):
    """The ids of all events, once there are so many of them."""

    def events():
        database = connect(stage.server.data)
        try:
            rows = database.execute("SELECT id, body FROM events").fetchall()
        finally:
            database.close()
        return {event_id(row[0]): bytes(row[1]) for row in rows} if len(rows) >= count else None

    return eventually(events, timeout, f"{count} events")


def target(stage, url, **options):
    """A subscription that is made after the events: nothing goes there but what a replay sends."""
    return stage.admin.post("/endpoints", {"url": url, **options})["id"]


def prepare(stage, origin, count):
    make_events(stage.api, origin, count)
    return stored_events(stage, count)


def test_a_replay_is_counted_first_and_then_brings_each_event_once(started, origin, receiver):
    stage = started()
    events = prepare(stage, origin, 120)
    endpoint = target(stage, receiver.url + "/again", webhookSecret="generate")
    [counted] = stage.documents("events", "replay", "--to", endpoint, "--dry-run")
    assert (counted["events"], counted["deliveries"]) == (120, 120)
    assert re.search(r"\b120\b", stage.must("events", "replay", "--to", endpoint, "--dry-run"))
    assert stage.admin.deliveries() == [], "a dry run makes nothing"

    done = stage.cli("events", "replay", "--to", endpoint, "--wait", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    arrived = receiver.wait(120, "/again")
    assert collections.Counter(ids(arrived)) == collections.Counter(list(events))
    assert all(events[request.header("webhook-id")] == request.body for request in arrived)
    [replay] = stage.admin.get("/replays")["replays"]

    def counts():
        found = stage.admin.get(f"/replays/{replay['id']}")
        return found if found["delivered"] == 120 else None

    replay = eventually(counts, 20, "all to be counted as delivered")
    assert (replay["state"], replay["eventsInRange"], replay["eventsSeen"]) == ("done", 120, 120)
    assert (replay["created"], replay["dead"]) == (120, 0)
    deliveries = stage.admin.deliveries(replay=replay["id"])
    assert {(each["origin"], each["state"]) for each in deliveries} == {("replay", "delivered")}
    assert replay["id"] in stage.must("replays", "list")
    assert replay["id"] in stage.must("replays", "show", replay["id"])


def test_a_replay_takes_what_its_filter_says(started, origin, receiver):
    stage = started()
    url = receiver.script("/hook", *[Reply(500)] * 3, Reply(200))
    stage.api.set_callback(url, EventTypeList="UploadByURLComplete")
    [dead] = make_events(stage.api, origin, 1, "dead")
    receiver.wait(3)
    eventually(lambda: stage.admin.deliveries(state="dead"), 10, "a dead delivery")
    make_events(stage.api, origin, 4, "good")
    stage.api.set_callback(receiver.url + "/app", "app-2000009", EventTypeList="UploadByURLComplete")
    [file] = stage.api.submit(origin.sample_url("file", 10), AppId="app-2000009")
    receiver.wait(8)
    eventually(lambda: len(stage.admin.deliveries(state="delivered")) == 5, 10)

    def count(*arguments):
        [counted] = stage.documents("events", "replay", *arguments, "--dry-run")
        return counted["events"], counted["deliveries"]

    endpoint = target(stage, receiver.url + "/again")
    assert count("--state", "dead") == (1, 1)
    assert count("--status", "dead") == (1, 1)
    assert count("--state", "delivered") == (5, 5)
    assert count("--job", dead) == (1, 1)
    assert count("--type", "FileUploadComplete", "--to", endpoint) == (1, 1)
    assert count("--app", "app-2000009", "--to", endpoint) == (2, 2)
    assert count("--since", "1h", "--to", endpoint) == (7, 7)
    assert count("--until", "1h", "--to", endpoint) == (0, 0)

    # What was dead goes where it should have gone, and is no longer the latest word about that endpoint.
    stage.must("events", "replay", "--state", "dead", "--wait", "--yes")
    again = receiver.wait(9)[-1]
    assert json.loads(again.body)["JobId"] == dead
    eventually(lambda: count("--state", "dead") == (0, 0), 10, "nothing to be dead")
    assert count("--job", file)[1] == 1, "FileUploadComplete was for no endpoint"


def test_a_replay_leaves_the_health_of_the_endpoint_alone(started, origin, receiver):
    stage = started("--delivery-policy", "durable", "--delivery-breaker-failures", "2", "--delivery-schedule", "0.1,0.1")
    prepare(stage, origin, 10)
    endpoint = target(stage, receiver.script("/again", Reply(500)))
    before = stage.admin.get(f"/endpoints/{endpoint}")
    replay = stage.admin.post("/replays", {"to": endpoint})

    def ended():
        found = stage.admin.get(f"/replays/{replay['id']}")
        return found["dead"] == 10 and found

    assert eventually(ended, 20, "all to be dead")["delivered"] == 0
    after = stage.admin.get(f"/endpoints/{endpoint}")
    assert (after["state"], after["failures"]) == (before["state"], before["failures"]) == ("enabled", 0)


def test_new_events_pass_what_is_sent_again(started, origin, receiver):
    stage = started()
    events = prepare(stage, origin, 300)
    gate = Gate()
    try:
        # One at a time: whatever waits in the same queue arrives after all that waits before it.
        receiver.script("/again", Reply(200, gate=gate), Reply(200))
        endpoint = target(stage, receiver.url + "/again", maxConcurrency=1)
        stage.admin.post("/replays", {"to": endpoint})
        receiver.wait(1)
        eventually(lambda: stage.admin.get("/replays")["replays"][0]["created"] == 300, 20, "all deliveries to be made")
        [job] = make_events(stage.api, origin, 1, "new")
        stored_events(stage, 301)
    finally:
        gate.open()
    arrived = receiver.wait(301, timeout=60)
    place = next(number for number, name in enumerate(ids(arrived)) if name not in events)
    assert json.loads(arrived[place].body)["JobId"] == job
    assert place <= 10, f"the new event came at place {place} of 301"


def test_a_rate_is_kept(started, origin, receiver):
    stage = started()
    prepare(stage, origin, 60)
    endpoint = target(stage, receiver.url + "/again")
    stage.must("events", "replay", "--to", endpoint, "--rate", "20", "--yes")
    moments = sorted(request.at for request in receiver.wait(60, timeout=30))
    assert 1.9 <= moments[-1] - moments[0] <= 10
    for number, moment in enumerate(moments):
        assert sum(other < moment + 0.95 for other in moments[number:]) <= 40


def test_a_cancelled_replay_sends_nothing_more(started, origin, receiver):
    stage = started()
    events = prepare(stage, origin, 400)
    endpoint = target(stage, receiver.url + "/again")
    replay = stage.admin.post("/replays", {"to": endpoint, "perSecond": 20})
    receiver.wait(10)
    stage.must("replays", "cancel", replay["id"])
    found = stage.admin.wait_replay(replay["id"], "cancelled")
    # A new event comes after all that could still have come.
    make_events(stage.api, origin, 1, "after")
    receiver.wait(1, where=lambda event: "after-0" in event["SourceURL"])
    arrived = [name for name in ids(receiver.received()) if name in events]
    assert 10 <= len(arrived) < 200
    assert len(set(arrived)) == len(arrived)

    def settled():
        found = stage.admin.get(f"/replays/{replay['id']}")
        return found["created"] == found["delivered"] + found["dead"] and found

    found = eventually(settled, 10, "all that was made to have ended")
    assert found["delivered"] == len(arrived)
    for each in stage.admin.deliveries(replay=replay["id"], state="dead"):
        assert "cancel" in each["reason"]
    assert stage.cli("replays", "cancel", replay["id"]).returncode == 1, "it has ended"
    assert stage.cli("events", "replay", "--to", "ep_" + "0" * 32, "--yes").returncode == 1


def test_a_cancel_goes_on_after_a_kill(started, origin, receiver):
    stage = started()
    prepare(stage, origin, 1200)
    endpoint = target(stage, receiver.url + "/again", maxPerSecond=20)
    replay = stage.admin.post("/replays", {"to": endpoint, "perSecond": 100})["id"]
    receiver.wait(10)
    stage.admin.post(f"/replays/{replay}/cancel")
    stage.server.kill()
    stage = started(data=stage.server.data)
    stage.admin.wait_replay(replay, "cancelled")

    def settled():
        found = stage.admin.get(f"/replays/{replay}")
        return found["created"] == found["delivered"] + found["dead"] and found

    found = eventually(settled, 30, "all that was made to have ended")
    assert 10 <= len(receiver.received()) <= 200
    assert len(set(ids(receiver.received()))) == found["delivered"]
    assert stage.admin.get("/stats")["deliveries"]["pending"] == 0


def test_a_cancel_is_seen_by_the_command_that_waits(started, origin, receiver, run):
    stage = started()
    prepare(stage, origin, 200)
    endpoint = target(stage, receiver.url + "/again")
    waiting = run(stage, "events", "replay", "--to", endpoint, "--rate", "10", "--yes", "--wait")
    receiver.wait(5)
    [replay] = stage.admin.get("/replays")["replays"]
    stage.must("replays", "cancel", replay["id"])
    assert waiting.wait(20) == 1, waiting.text()


@pytest.mark.parametrize("shares", [[0.0], [0.5], [0.1, 0.3, 0.5, 0.7, 0.9]], ids=["at once", "at half", "five times"])
def test_a_killed_replay_goes_on_and_makes_exactly_one_delivery_for_each_event(started, origin, receiver, shares):
    admin = free_port()
    stage = started(admin_port=admin)
    count = 1200  # more than two steps of the server
    make_events(stage.api, origin, count)
    events = stored_events(stage, count)
    endpoint = target(stage, receiver.url + "/again")
    replay = stage.admin.post("/replays", {"to": endpoint})["id"]
    for share in shares:
        deadline = time.monotonic() + 60
        while len(receiver.received()) < share * count and time.monotonic() < deadline:
            time.sleep(0.001)
        stage.server.kill()
        stage = started(data=stage.server.data, admin_port=admin)

    def ended():
        found = stage.admin.get(f"/replays/{replay}")
        return found["state"] == "done" and found["delivered"] == count and found

    found = eventually(ended, 120, "the replay to end")
    assert (found["created"], found["dead"], found["eventsSeen"]) == (count, 0, count)
    assert stage.server.stop() == 0
    database = connect(stage.server.data)
    try:
        rows = database.execute("SELECT event, count(*) FROM deliveries WHERE origin = 2 GROUP BY event").fetchall()
        assert len(rows) == count
        assert {number for _, number in rows} == {1}
    finally:
        database.close()
    arrivals = collections.Counter(ids(receiver.received()))
    assert set(arrivals) == set(events)
    assert sum(arrivals.values()) - count <= len(shares) * PER_ENDPOINT
    assert all(request.body == events[request.header("webhook-id")] for request in receiver.received())
