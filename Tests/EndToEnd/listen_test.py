"""`towline listen`: prints, forwards as the callback would be sent, and keeps its place over kills of either side."""

import json

from harness.ports import free_port
from harness.signatures import verify_vod, verify_webhook
from harness.waiting import eventually
from harness.web import Gate, Reply
from load import make_events

KEY = "Abc123xyz"


def printed(command):
    """The events that a `listen --json` has printed."""
    lines = [json.loads(line) for line in list(command.out) if line.startswith("{")]
    return [line for line in lines if line.get("id", "").startswith("evt_")]


def names(requests):
    return [request.header("webhook-id") for request in requests]


def jobs(requests):
    return [json.loads(request.body)["JobId"] for request in requests]


def test_listen_prints_events_and_ends_after_as_many_as_asked_for(started, origin, run):
    stage = started()
    made = make_events(stage.api, origin, 3, "before")
    eventually(lambda: len(stage.admin.events()) == 3, 20)
    listening = run(stage, "listen", "--from", "beginning", "--once", "5", "--json")
    eventually(lambda: len(printed(listening)) == 3, 20, "what was there before")
    made += make_events(stage.api, origin, 2, "after")
    assert listening.wait() == 0, listening.text()
    events = printed(listening)
    assert sorted(event["job"] for event in events) == sorted(made)
    assert [event["id"] for event in events] == [event["id"] for event in reversed(stage.admin.events())]
    assert {event["type"] for event in events} == {"UploadByURLComplete"}
    assert {event["body"]["JobId"] for event in events} == set(made)


def test_listen_begins_with_the_next_event_by_default_and_prints_for_people_too(started, origin, run):
    stage = started()
    make_events(stage.api, origin, 2, "before")
    eventually(lambda: len(stage.admin.events()) == 2, 20)
    listening = run(stage, "listen", "--once", "1", "--name", "people")
    eventually(lambda: [each for each in stage.admin.get("/listeners")["listeners"] if each["name"] == "people"], 20)
    [job] = make_events(stage.api, origin, 1, "after")
    assert listening.wait() == 0, listening.text()
    text = "\n".join(listening.out)
    assert job in text
    assert "UploadByURLComplete" in text
    assert "before-" not in text


def test_listen_forwards_as_the_callback_would_be_sent(started, origin, receiver, run):
    stage = started()
    configured = receiver.url + "/configured?env=dev"
    stage.api.set_callback(configured, AuthSwitch="on", AuthKey=KEY)
    listening = run(stage, "listen", "--forward", receiver.url + "/local", "--from", "beginning", "--once", "4")
    make_events(stage.api, origin, 4)
    forwarded = receiver.wait(4, "/local")
    called = {request.header("webhook-id"): request for request in receiver.wait(4, "/configured")}
    assert listening.wait() == 0, listening.text()
    for request in forwarded:
        original = called[request.header("webhook-id")]
        assert request.method == "POST"
        assert request.body == original.body
        assert request.header("content-type") == original.header("content-type")
        assert request.header("host") == receiver.url.removeprefix("http://")
        # The address that is configured signs, not the local one: the handler verifies with what it is configured for.
        verify_vod(request, configured, KEY)
        assert {name.lower() for name, _ in request.headers} == {name.lower() for name, _ in original.headers}
    assert "200" in "\n".join([*listening.out, *listening.err]), "the handler's answer is reported"


def test_listen_signs_for_the_url_that_it_is_told(started, origin, receiver, run):
    stage = started()
    stage.api.set_callback(receiver.url + "/configured", AuthSwitch="on", AuthKey=KEY)
    public = "https://hooks.example.com/vod?x=1"
    listening = run(
        stage, "listen", "--forward", receiver.url + "/local", "--sign-as", public, "--from", "beginning", "--once", "1")
    make_events(stage.api, origin, 1)
    [request] = receiver.wait(1, "/local")
    verify_vod(request, public, KEY)
    assert listening.wait() == 0, listening.text()


def test_listen_shows_the_answer_and_tries_again(started, origin, receiver, run):
    stage = started()
    receiver.script("/local", Reply(500, b"the handler says why"), Reply(200, b"fine now"))
    listening = run(stage, "listen", "--forward", receiver.url + "/local", "--from", "beginning", "--once", "1")
    make_events(stage.api, origin, 1)
    first, second = receiver.wait(2, "/local")
    assert (names([first]), first.body) == (names([second]), second.body)
    assert listening.wait() == 0, listening.text()
    text = "\n".join([*listening.out, *listening.err])
    assert "500" in text and "the handler says why" in text and "200" in text


def test_an_event_that_was_received_and_not_acknowledged_comes_again_after_a_kill(started, origin, receiver, run):
    stage = started()
    gate = Gate()
    try:
        receiver.script("/local", Reply(200), Reply(200), Reply(200, gate=gate), Reply(200))
        arguments = ("listen", "--forward", receiver.url + "/local", "--name", "laptop", "--from", "beginning")
        listening = run(stage, *arguments)
        made = make_events(stage.api, origin, 5)
        receiver.wait(3, "/local")
        listening.kill()  # the third is with the handler, whose answer nobody has seen
    finally:
        gate.open()
    listening = run(stage, *arguments)
    arrived = receiver.wait(6, "/local")
    assert names(arrived)[3] == names(arrived)[2], "the same event again"
    assert arrived[3].body == arrived[2].body
    assert sorted(set(jobs(arrived))) == sorted(made)
    # What was acknowledged does not come again, not even after one more start.
    eventually(lambda: acknowledged(stage, "laptop") == names(arrived)[-1], 10, "the last to be acknowledged")
    listening.kill()
    run(stage, *arguments)
    make_events(stage.api, origin, 1, "last")
    arrived = receiver.wait(7, "/local")
    assert len(set(names(arrived))) == 6


def acknowledged(stage, name):
    [listener] = [each for each in stage.admin.get("/listeners")["listeners"] if each["name"] == name]
    return listener["acknowledged"]


def test_nothing_is_lost_when_the_server_is_killed_in_between(started, origin, receiver, run):
    api, admin = free_port(), free_port()
    stage = started(api_port=api, admin_port=admin)
    arguments = ("listen", "--forward", receiver.url + "/local", "--name", "laptop", "--from", "beginning")
    listening = run(stage, *arguments)
    made = make_events(stage.api, origin, 5, "first")
    receiver.wait(5, "/local")
    made += make_events(stage.api, origin, 20, "second")
    stage.server.kill()
    stage = started(data=stage.server.data, api_port=api, admin_port=admin)
    made += make_events(stage.api, origin, 5, "third")
    if not listening.running:  # it may end when the server is out of reach; its place stays
        assert listening.wait() == 3, listening.text()
        listening = run(stage, *arguments)

    def all_there():
        return len(set(names(receiver.received("/local")))) == 30

    eventually(all_there, 40, "every event")
    arrived = receiver.received("/local")
    assert set(jobs(arrived)) == set(made)
    # Only what was under way when the server went may have come twice.
    assert len(arrived) <= 31
    first_seen = list(dict.fromkeys(names(arrived)))
    assert first_seen == [event["id"] for event in reversed(stage.admin.events())], "in their order"


def test_listen_takes_only_the_types_and_the_account_it_is_asked_for(started, origin, run):
    stage = started()
    made = stage.admin.post("/keys", {"account": "1000000000000002"})
    listening = run(
        stage, "listen", "--from", "beginning", "--json", "--once", "1", "--type", "FileUploadComplete")
    other = run(
        stage, "listen", "--from", "beginning", "--json", "--once", "1", "--account", "1000000000000002", "--name", "two")
    [good] = stage.api.submit(origin.sample_url("good", 10))
    stage.api.key, stage.api.secret = made["id"], made["secret"]
    [foreign] = make_events(stage.api, origin, 1)
    assert listening.wait() == 0, listening.text()
    assert other.wait() == 0, other.text()
    assert [(event["job"], event["type"]) for event in printed(listening)] == [(good, "FileUploadComplete")]
    assert [event["job"] for event in printed(other)] == [foreign]


def test_a_subscriptions_secret_does_not_sign_what_listen_forwards(started, origin, receiver, run):
    stage = started()
    made = stage.admin.post("/endpoints", {"url": receiver.url + "/copy", "webhookSecret": "generate"})
    stage.api.set_callback(receiver.url + "/configured", AuthSwitch="on", AuthKey=KEY)
    run(stage, "listen", "--forward", receiver.url + "/local", "--from", "beginning", "--name", "x")
    make_events(stage.api, origin, 1)
    [copy] = receiver.wait(1, "/copy")
    assert verify_webhook(copy, made["webhookSecret"]) == [0]
    [request] = receiver.wait(1, "/local")
    assert request.header("webhook-signature") is None, "a subscription's secret is no business of the callback"
