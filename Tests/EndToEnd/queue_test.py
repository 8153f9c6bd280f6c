"""The queue channel end to end: an official VOD SDK submits, an official MNS SDK receives the event."""

import base64
import json

import pytest
from audit import events_known
from harness.admin import AdminError
from harness.mns import MNS_CLIENTS, MNSQueue, MNSSDK, MNSSDKError, body_of, text_of
from harness.ports import free_port
from harness.sdk import CLIENTS, SDK, Client, SDKError
from harness.waiting import eventually
from harness.web import Gate, Reply
from load import make_events

OTHER_ACCOUNT = "1000000000000002"
DURABLE = [
    "--delivery-policy", "durable", "--delivery-schedule", ",".join(["0.2"] * 60), "--delivery-breaker-pause-seconds",
    "0.1", "--delivery-breaker-max-pause-seconds", "0.2",
]


@pytest.fixture(scope="module")
def processes():
    made = {}
    yield made
    for process in made.values():
        process.stop()


@pytest.fixture
def mns(processes):
    """A queue at a stage's server by an official MNS SDK."""

    def make(stage, queue, name="mns-1.3.0", **options):
        if name not in processes:
            processes[name] = MNSSDK(name)
        return MNSQueue(processes[name], stage.server.api, queue, **options)

    return make


@pytest.fixture
def vod(processes):
    """An official VOD SDK at a stage's server."""

    def make(stage, name="vod-new"):
        if name not in processes:
            processes[name] = SDK(name)
        return Client(processes[name], stage.server.api)

    return make


def to_queue(stage, name, endpoint=None, **params):
    """The parameters of SetMessageCallback for a queue."""
    return {
        "CallbackType": "MNS", "MnsEndpoint": endpoint or stage.server.api, "MnsQueueName": name, "EventTypeList": "ALL",
        **params,
    }


def per_request(stage, name, endpoint=None):
    """The value of UserData that sends a request's events to a queue."""
    return json.dumps({
        "MessageCallback": {
            "CallbackType": "mns", "MnsEndpoint": endpoint or stage.server.api, "MnsQueueName": name,
        },
        "Extend": {"course": 7},
    })


def take(queue, count, wait=20):
    """So many messages, received and deleted."""
    taken = []
    while len(taken) < count:
        found = queue.receive_batch(16, wait=wait)
        queue.delete_batch(*(each["receipt_handle"] for each in found))
        taken += found
    assert len(taken) == count
    return taken


def is_empty(queue):
    with pytest.raises(MNSSDKError) as caught:
        queue.receive()
    return caught.value.code == "MessageNotExist"


def deliveries_of(stage, job):
    """The deliveries of the one event of a job that failed."""
    [event] = eventually(lambda: stage.admin.events(job=job), 20, f"the event of job {job}")
    return stage.admin.get(f"/events/{event['id']}")["deliveries"]


# -- Into the built-in queue


@pytest.mark.parametrize("encoding", ["base64", "plain"])
@pytest.mark.parametrize("mns_name", list(MNS_CLIENTS))
@pytest.mark.parametrize("vod_name", list(CLIENTS))
def test_an_official_client_submits_and_another_receives_the_event(
    started, origin, mns, vod, vod_name, mns_name, encoding
):
    stage = started("--queue-body-encoding", encoding)
    client = vod(stage, vod_name)
    queue = mns(stage, "video-events", mns_name, encoding=encoding == "base64")
    queue.create(maximum_message_size=65536)
    client.call("SetMessageCallback", to_queue(stage, "video-events"))
    configured = client.call("GetMessageCallback")["MessageCallback"]
    assert (configured["CallbackType"], configured["MnsEndpoint"], configured["MnsQueueName"]) == (
        "MNS", stage.server.api, "video-events")
    title = "第一课 – «naïve» & <1>"
    url = origin.sample_url("lesson", 20_000)
    metadata = json.dumps([{"SourceUrl": url, "Title": title}])
    [job] = client.submit(url, UploadMetadatas=metadata, UserData='{"Extend":{"course":"三"}}')
    [failing] = client.submit(origin.url + "/missing/x.mp4")
    taken = take(queue, 3)
    events = [json.loads(body_of(message)) for message in taken]
    by_job = {event.get("JobId"): event for event in events if event["EventType"] == "UploadByURLComplete"}
    assert by_job[job["JobId"]]["Status"] == "success"
    assert by_job[failing["JobId"]]["Status"] == "fail"
    [uploaded] = [event for event in events if event["EventType"] == "FileUploadComplete"]
    assert uploaded["VideoId"] == client.infos(job["JobId"])[job["JobId"]]["MediaId"]
    assert json.loads(by_job[job["JobId"]]["Extend"]) == {"course": "三"}
    assert is_empty(queue)
    for message in taken:
        assert (message["priority"], message["dequeue_count"]) == (8, 1)
        assert (message["message_body_md5"], len(message["message_id"])) != ("", 0)
    stored = set(events_known(stage.server.data).values())
    assert {body_of(message) for message in taken} == stored, "byte for byte what an HTTP callback would carry"
    # The jobs ended with their events on their way, not waiting for a delivery.
    infos = client.infos(job["JobId"], failing["JobId"])
    assert [infos[each["JobId"]]["Status"] for each in (job, failing)] == ["SUCCESS", "DOWNLOAD_FAIL"]


def test_an_event_in_the_queue_is_a_delivered_one_without_an_attempt_over_the_network(started, origin, mns):
    stage = started()
    queue = mns(stage, "events")
    queue.create()
    stage.api.must("SetMessageCallback", to_queue(stage, "events"))
    [job] = make_events(stage.api, origin, 1)
    [message] = take(queue, 1)
    [delivery] = deliveries_of(stage, job)
    assert delivery["state"] == "delivered"
    shown = stage.admin.get(f"/deliveries/{delivery['id']}")
    assert len(shown["attemptList"]) == 1
    log = json.dumps(shown["attemptList"][0])
    assert "events" in log and message["message_id"].lower() in log.lower()
    text = stage.must("deliveries", "show", delivery["id"])
    assert "events" in text and message["message_id"].lower() in text.lower()
    assert stage.documents("events", "list")[0]["deliveries"][0]["state"] == "delivered"


def test_the_form_of_one_request_goes_to_its_own_queue(started, origin, receiver, mns, vod):
    stage = started()
    stage.api.set_callback(receiver.url + "/configured")
    client = vod(stage)
    [job] = client.submit(origin.url + "/missing/own.mp4", UserData=per_request(stage, "of-one-request"))
    [event] = [json.loads(body_of(each)) for each in take(mns(stage, "of-one-request"), 1)]
    assert event["JobId"] == job["JobId"]
    assert json.loads(event["Extend"]) == {"course": 7}
    [other] = client.submit(origin.url + "/missing/other.mp4")
    [request] = receiver.wait(1, "/configured")
    assert json.loads(request.body)["JobId"] == other["JobId"]
    assert is_empty(mns(stage, "of-one-request"))


def test_a_list_of_types_holds_for_queues_too(started, origin, mns):
    stage = started()
    stage.api.must("SetMessageCallback", to_queue(stage, "files", EventTypeList="FileUploadComplete"))
    stage.api.submit(origin.sample_url("file", 1000))
    make_events(stage.api, origin, 1)
    [message] = take(mns(stage, "files"), 1)
    assert json.loads(body_of(message))["EventType"] == "FileUploadComplete"
    eventually(lambda: len(stage.admin.events()) == 3, 20, "all events")
    assert is_empty(mns(stage, "files"))


def test_applications_and_accounts_have_queues_of_their_own(started, origin, mns):
    stage = started()
    made = stage.admin.post("/keys", {"account": OTHER_ACCOUNT})
    stage.api.must("SetMessageCallback", to_queue(stage, "events"))
    stage.api.must("SetMessageCallback", to_queue(stage, "of-app", AppId="app-2000001"))
    [first] = make_events(stage.api, origin, 1, "first")
    [second] = make_events(stage.api, origin, 1, "second", AppId="app-2000001")
    stage.api.key, stage.api.secret = made["id"], made["secret"]
    stage.api.must("SetMessageCallback", to_queue(stage, "events"))
    [third] = make_events(stage.api, origin, 1, "third")

    def jobs(queue):
        return [json.loads(body_of(message))["JobId"] for message in take(queue, 1)]

    own = mns(stage, "events")
    assert jobs(own) == [first]
    assert jobs(mns(stage, "of-app")) == [second]
    assert jobs(own.varied(key=made["id"], secret=made["secret"])) == [third]
    assert is_empty(own)


@pytest.mark.parametrize("form", ["{api}/", "http://localhost:{port}", "http://127.0.0.1:{port}/", "http://[::1]:{port}"])
def test_every_name_of_the_servers_own_address_means_the_built_in_queue(started, origin, mns, form):
    stage = started()
    port = stage.server.api.rsplit(":", 1)[1]
    endpoint = form.format(api=stage.server.api, port=port)
    stage.api.must("SetMessageCallback", to_queue(stage, "mine", endpoint))
    found = stage.api.must("GetMessageCallback")["MessageCallback"]
    assert found["MnsEndpoint"] == endpoint, "echoed as it was given"
    [job] = make_events(stage.api, origin, 1)
    [message] = take(mns(stage, "mine"), 1)
    assert json.loads(body_of(message))["JobId"] == job


def test_the_public_url_means_the_built_in_queue(started, origin, mns):
    port = free_port()
    stage = started("--api-public-url", "https://vod.example.com", api_port=port)
    # It says its public name when it is ready; what is in front of it is not there.
    stage.server.api = stage.api.api = f"http://127.0.0.1:{port}"
    stage.api.must("SetMessageCallback", to_queue(stage, "mine", "https://vod.example.com/"))
    queue = mns(stage, "mine")
    assert queue.create(visibility_timeout=30) == "https://vod.example.com/queues/mine"
    [job] = make_events(stage.api, origin, 1)
    [message] = take(queue, 1)
    assert json.loads(body_of(message))["JobId"] == job


# -- Queues that are missing, or do not take the message


def test_a_missing_queue_is_made_when_it_is_named(started, mns, vod):
    stage = started()
    vod(stage).call("SetMessageCallback", to_queue(stage, "made-by-naming"))
    assert mns(stage, "made-by-naming").get()["active_messages"] == 0


def test_a_missing_queue_is_named_in_the_error_where_none_is_made(started, origin, mns, vod):
    stage = started("--no-queue-create-missing")
    with pytest.raises(SDKError) as caught:
        vod(stage).call("SetMessageCallback", to_queue(stage, "nobody-made-it"))
    assert caught.value.status == 400
    assert "MnsQueueName" in caught.value.message and "nobody-made-it" in caught.value.message
    with pytest.raises(SDKError) as caught:
        vod(stage).submit(origin.url + "/missing/x.mp4", UserData=per_request(stage, "nobody-made-it"))
    assert caught.value.status == 400
    assert "UserData" in caught.value.code or "UserData" in caught.value.message
    assert "nobody-made-it" in caught.value.message
    mns(stage, "nobody-made-it").create()
    vod(stage).call("SetMessageCallback", to_queue(stage, "nobody-made-it"))


def test_a_queue_that_is_deleted_is_made_again_with_the_event(started, origin, mns):
    stage = started()
    stage.api.must("SetMessageCallback", to_queue(stage, "events"))
    mns(stage, "events").drop()
    [job] = make_events(stage.api, origin, 1)
    eventually(lambda: [each["state"] for each in deliveries_of(stage, job)] == ["delivered"], 20)
    [message] = take(mns(stage, "events"), 1)
    assert json.loads(body_of(message))["JobId"] == job


@pytest.mark.parametrize("flags", [[], DURABLE], ids=["exact", "durable"])
def test_an_event_for_a_deleted_queue_is_dead_until_it_is_sent_again(started, origin, mns, flags):
    stage = started("--no-queue-create-missing", *flags)
    queue = mns(stage, "events")
    queue.create()
    stage.api.must("SetMessageCallback", to_queue(stage, "events"))
    queue.drop()
    [job] = make_events(stage.api, origin, 1)
    [delivery] = deliveries_of(stage, job)
    found = stage.admin.wait_delivery(delivery["id"], "dead")
    assert "events" in found["reason"] and "events" in json.dumps(found["attemptList"])
    assert stage.api.infos(job)[job]["Status"] == "DOWNLOAD_FAIL", "the job ends all the same"
    queue.create()
    [again] = stage.documents("events", "redeliver", delivery["id"])
    stage.admin.wait_delivery(again["id"], "delivered")
    [message] = take(queue, 1)
    assert json.loads(body_of(message))["JobId"] == job
    assert is_empty(queue)


def test_an_event_that_is_too_large_for_the_queue_is_dead_until_it_is_sent_again(started, origin, mns):
    stage = started()
    queue = mns(stage, "small")
    queue.create(maximum_message_size=1024)
    stage.api.must("SetMessageCallback", to_queue(stage, "small"))
    # The event names its source, which makes it as long as need be.
    [job] = stage.api.submit(f"{origin.url}/missing/{'x' * 700}.mp4")
    [delivery] = deliveries_of(stage, job)
    found = stage.admin.wait_delivery(delivery["id"], "dead")
    assert found["attempts"] == 1, "another attempt could not end differently"
    assert "1024" in json.dumps(found["attemptList"])
    assert stage.api.infos(job)[job]["Status"] == "DOWNLOAD_FAIL"
    queue.set(maximum_message_size=65536)
    stage.must("events", "redeliver", delivery["id"])
    [message] = take(queue, 1)
    assert json.loads(body_of(message))["JobId"] == job


# -- Endpoints


def test_the_commands_set_a_queue_as_the_callback(started, origin, mns):
    stage = started()
    stage.must("callback", "set", "--mns-endpoint", stage.server.api, "--mns-queue-name", "by-command")
    [shown] = stage.documents("callback", "get")
    assert "by-command" in json.dumps(shown)
    assert "by-command" in stage.must("callback", "get")
    [job] = make_events(stage.api, origin, 1)
    [message] = take(mns(stage, "by-command"), 1)
    assert json.loads(body_of(message))["JobId"] == job


def test_a_disabled_queue_gets_its_events_once_it_is_enabled(started, origin, mns):
    stage = started()
    queue = mns(stage, "events")
    stage.api.must("SetMessageCallback", to_queue(stage, "events"))
    make_events(stage.api, origin, 1, "first")
    take(queue, 1)
    [endpoint] = stage.admin.endpoints()
    assert "events" in endpoint["url"]
    stage.must("endpoints", "disable", endpoint["id"], "--reason", "to see")
    made = make_events(stage.api, origin, 3, "second")
    eventually(lambda: len(stage.admin.deliveries(state="held")) == 3, 20, "three held deliveries")
    assert is_empty(queue)
    stage.must("endpoints", "enable", endpoint["id"])
    assert {json.loads(body_of(message))["JobId"] for message in take(queue, 3)} == set(made)
    eventually(lambda: not stage.admin.deliveries(state="held"), 20)
    assert is_empty(queue)


def test_a_subscription_may_be_a_queue(started, origin, receiver, mns, remote):
    other, access, flags = remote
    stage = started(*flags)
    stage.api.set_callback(receiver.url + "/hook")
    afar = mns(other, "afar", **access)
    afar.create()
    for url in ("queue:copies", f"mns+{other.server.api}/queues/afar"):
        made = stage.admin.post("/endpoints", {"url": url, "eventTypes": ["UploadByURLComplete"]})
        assert (made["kind"], made["hasAuthKey"]) == ("subscription", False)
    for extra in ({"authKey": "Abc123xyz"}, {"webhookSecret": "generate"}):
        with pytest.raises(AdminError) as caught:
            stage.admin.post("/endpoints", {"url": "queue:copies", **extra})
        assert caught.value.status == 400
    made = make_events(stage.api, origin, 2)
    called = {request.body for request in receiver.wait(2, "/hook")}
    for queue in (mns(stage, "copies"), afar):
        assert {body_of(message) for message in take(queue, 2)} == called
    assert {json.loads(body)["JobId"] for body in called} == set(made)


# -- Again


def test_events_are_sent_again_into_a_queue(started, origin, mns):
    stage = started()
    queue = mns(stage, "events")
    queue.create()
    stage.api.must("SetMessageCallback", to_queue(stage, "events"))
    made = make_events(stage.api, origin, 5)
    originals = {body_of(message) for message in take(queue, 5)}
    [event] = stage.admin.events(job=made[0])
    [again] = stage.documents("events", "redeliver", event["id"])
    assert again["origin"] == "redelivery"
    stage.admin.wait_delivery(again["id"], "delivered")
    [message] = take(queue, 1)
    assert body_of(message) in originals
    stage.must("events", "replay", "--yes", "--wait")
    assert {body_of(message) for message in take(queue, 5)} == originals
    assert is_empty(queue)
    [replay] = stage.admin.get("/replays")["replays"]
    assert (replay["created"], replay["delivered"], replay["dead"]) == (5, 5, 0)


# -- What a queue keeps


def test_messages_and_their_handles_outlive_a_restart(started, mns):
    api = free_port()
    stage = started(api_port=api)
    queue = mns(stage, "kept")
    queue.create(visibility_timeout=3600, polling_wait_seconds=2)
    queue.send_batch("a", "b", "c")
    queue.send("later", delay=3600)
    held = queue.receive()
    assert stage.server.stop() == 0
    stage = started(data=stage.server.data, api_port=api)
    found = queue.get()
    assert (found["active_messages"], found["inactive_messages"], found["delay_messages"]) == (2, 1, 1)
    assert (found["visibility_timeout"], found["polling_wait_seconds"]) in ((3600, 2), ("3600", "2"))
    changed = queue.change(held["receipt_handle"], 600)
    stage.server.kill()
    started(data=stage.server.data, api_port=api)
    queue.delete(changed["receipt_handle"])
    left = sorted(text_of(message) for message in queue.receive_batch(16))
    assert [text_of(held), *left] == ["a", "b", "c"]


def test_what_is_received_too_often_goes_to_the_dead_letters(started, mns):
    stage = started()
    stage.must("queues", "create", "dead")
    stage.must(
        "queues", "create", "work", "--dead-letter-queue", "dead", "--max-receives", "2", "--visibility-timeout", "1")
    queue = mns(stage, "work")
    sent = queue.send("poison")
    for count in (1, 2):
        message = queue.receive(wait=10)
        assert (text_of(message), message["dequeue_count"]) == ("poison", count)
    with pytest.raises(MNSSDKError) as caught:
        queue.receive(wait=2)  # whoever asks for it a third time gets nothing
    assert caught.value.code == "MessageNotExist"
    dead = mns(stage, "dead").receive(wait=10)
    assert (text_of(dead), dead["dequeue_count"]) == ("poison", 1)
    origin_id = dead["system_properties"].get("DLQOriginMessageId")
    assert origin_id is None or origin_id[1] == sent["message_id"]
    assert queue.get()["queue_name"] == "work"


# -- Another server's queue


def remote_flags(endpoint, key):
    return [
        "--queue-remote-endpoint", endpoint, "--queue-remote-access-key-id", key["id"],
        "--queue-remote-access-key-secret", key["secret"],
    ]


@pytest.fixture
def remote(started):
    """Another server that has an account for us, and the flags that let ours use it."""
    stage = started()
    made = stage.admin.post("/keys", {"account": OTHER_ACCOUNT})
    flags = remote_flags(stage.server.api, made)
    return stage, {"key": made["id"], "secret": made["secret"]}, flags


@pytest.mark.parametrize("encoding", ["base64", "plain"])
def test_an_event_goes_to_another_servers_queue(started, origin, mns, vod, remote, encoding):
    other, access, flags = remote
    stage = started("--queue-body-encoding", encoding, *flags)
    queue = mns(other, "from-afar", **access, encoding=encoding == "base64")
    queue.create()
    vod(stage).call("SetMessageCallback", to_queue(stage, "from-afar", other.server.api + "/"))
    [job] = make_events(stage.api, origin, 1)
    [message] = take(queue, 1)
    assert [body_of(message)] == list(events_known(stage.server.data).values())
    [delivery] = deliveries_of(stage, job)
    found = stage.admin.wait_delivery(delivery["id"], "delivered")
    [attempt] = found["attemptList"]
    assert attempt["httpStatus"] == 201
    assert "/queues/from-afar/messages" in attempt["requestHead"]
    shown = json.dumps(found)
    assert access["secret"] not in shown
    assert f"MNS {access['key']}:" not in shown, "the signature is masked"
    assert not [each for each in mns(stage, "x").list()["urls"] if each.endswith("from-afar")]


def test_a_request_of_its_own_may_name_another_servers_queue(started, origin, mns, remote):
    other, access, flags = remote
    stage = started(*flags)
    queue = mns(other, "of-one-request", **access)
    queue.create()
    stage.api.must("SetMessageCallback", to_queue(stage, "configured"))
    [job] = stage.api.submit(
        origin.url + "/missing/x.mp4", UserData=per_request(stage, "of-one-request", other.server.api))
    [message] = take(queue, 1)
    assert json.loads(body_of(message))["JobId"] == job


def test_another_servers_refusal_is_told_and_tried_again_by_hand(started, origin, mns, remote):
    other, access, flags = remote
    stage = started(*flags)
    stage.api.must("SetMessageCallback", to_queue(stage, "missing-there", other.server.api))
    [job] = make_events(stage.api, origin, 1)
    [delivery] = deliveries_of(stage, job)
    found = stage.admin.wait_delivery(delivery["id"], "dead")
    assert found["attempts"] == 3
    assert {attempt["httpStatus"] for attempt in found["attemptList"]} == {404}
    assert "QueueNotExist" in json.dumps(found["attemptList"])
    queue = mns(other, "missing-there", **access)
    queue.create()
    [again] = stage.documents("events", "redeliver", delivery["id"])
    stage.admin.wait_delivery(again["id"], "delivered")
    assert len(take(queue, 1)) == 1


def test_a_wrong_secret_for_the_other_server_shows_in_the_log(started, origin, mns, remote):
    other, access, flags = remote
    stage = started(*flags[:-1], "not-the-secret")
    mns(other, "events", **access).create()
    stage.api.must("SetMessageCallback", to_queue(stage, "events", other.server.api))
    [job] = make_events(stage.api, origin, 1)
    [delivery] = deliveries_of(stage, job)
    found = stage.admin.wait_delivery(delivery["id"], "dead")
    assert {attempt["httpStatus"] for attempt in found["attemptList"]} == {403}
    assert "SignatureDoesNotMatch" in json.dumps(found["attemptList"])
    assert "not-the-secret" not in json.dumps(found)


def test_an_event_waits_for_a_server_that_is_down(started, origin, mns, remote):
    _, access, flags = remote
    port = free_port()
    there = started(api_port=port)
    made = there.admin.post("/keys", {"account": OTHER_ACCOUNT})
    access = {"key": made["id"], "secret": made["secret"]}
    stage = started(*remote_flags(there.server.api, made), *DURABLE)
    queue = mns(there, "events", **access)
    queue.create()
    stage.api.must("SetMessageCallback", to_queue(stage, "events", there.server.api))
    there.server.kill()
    made = make_events(stage.api, origin, 3)
    eventually(lambda: stage.api.infos(*made), 20)
    [delivery] = deliveries_of(stage, made[0])
    eventually(lambda: stage.admin.get(f"/deliveries/{delivery['id']}")["attempts"] >= 1, 20, "an attempt in vain")
    started(data=there.server.data, api_port=port)
    arrived = {json.loads(body_of(message))["JobId"] for message in take(queue, 3)}
    assert arrived == set(made)


def test_without_credentials_another_server_is_refused_when_saved(started, origin, vod):
    stage = started()
    with pytest.raises(SDKError) as caught:
        vod(stage).call("SetMessageCallback", to_queue(stage, "q", "http://1234567.mns.cn-shanghai.aliyuncs.com/"))
    assert caught.value.status == 400
    assert "MnsEndpoint" in caught.value.message and "queue.remote-access-key-id" in caught.value.message
    assert stage.api.must("GetMessageCallback")["MessageCallback"].get("MnsQueueName", "") == ""


@pytest.mark.parametrize("change, named", [
    ({"MnsEndpoint": ""}, "MnsEndpoint"), ({"MnsQueueName": ""}, "MnsQueueName"), ({"MnsQueueName": "a_b"}, "MnsQueueName"),
    ({"MnsQueueName": "q" * 121}, "MnsQueueName"), ({"MnsEndpoint": "ftp://127.0.0.1/"}, "MnsEndpoint"),
    ({"MnsEndpoint": "nonsense"}, "MnsEndpoint"), ({"MnsEndpoint": "http://169.254.169.254/"}, "MnsEndpoint"),
])
def test_a_wrong_queue_callback_is_refused_by_its_name(started, vod, change, named):
    stage = started(*remote_flags("http://169.254.169.254", {"id": "k", "secret": "s"}))
    for name in ("vod-new", "vod-legacy"):
        with pytest.raises(SDKError) as caught:
            vod(stage, name).call("SetMessageCallback", {**to_queue(stage, "good"), **change})
        assert caught.value.status == 400
        assert named in caught.value.message or named in caught.value.code


def test_a_queues_callback_is_replaced_and_deleted_as_any_other(started, origin, receiver, mns, vod):
    stage = started()
    client = vod(stage)
    client.call("SetMessageCallback", to_queue(stage, "first"))
    stage.api.set_callback(receiver.url + "/hook")
    make_events(stage.api, origin, 1, "one")
    receiver.wait(1, "/hook")
    found = client.call("GetMessageCallback")["MessageCallback"]
    assert found["CallbackType"] == "HTTP" and not found.get("MnsQueueName")
    client.call("SetMessageCallback", to_queue(stage, "first"))
    make_events(stage.api, origin, 1, "two")
    assert len(take(mns(stage, "first"), 1)) == 1
    client.call("DeleteMessageCallback")
    [job] = make_events(stage.api, origin, 1, "three")
    eventually(lambda: stage.admin.events(job=job), 20)
    assert is_empty(mns(stage, "first"))
    assert len(receiver.received("/hook")) == 1


# -- Commands


def test_the_commands_and_the_official_client_see_the_same_queue(started, mns):
    stage = started()
    text = stage.must("queues", "create", "orders", "--visibility-timeout", "45", "--retention", "3600")
    assert "orders" in text
    queue = mns(stage, "orders")
    assert int(queue.get()["visibility_timeout"]) == 45
    queue.send("from the client – 你好")
    stage.must("queues", "send", "orders", "from the command – 你好", "--base64", "--priority", "1")
    [listed] = stage.documents("queues", "list")
    assert (listed["name"], listed["activeMessages"]) == ("orders", 2)
    assert "orders" in stage.must("queues", "list")
    assert "from the command – 你好" in stage.must("queues", "peek", "orders")
    assert text_of(queue.peek()) == "from the command – 你好"
    received = stage.documents("queues", "receive", "orders", "--count", "16", "--delete")
    assert [each["decodedBody"] for each in received] == ["from the command – 你好", "from the client – 你好"]
    assert is_empty(queue)
    queue.send_batch("a", "b", "c")
    queue.send("later", delay=60)
    assert "4" in stage.must("queues", "purge", "orders", "--yes")
    assert is_empty(queue)
    shown = stage.documents("queues", "show", "orders")[0]
    assert (shown["activeMessages"], shown["inactiveMessages"], shown["delayedMessages"]) == (0, 0, 0)
    stage.must("queues", "delete", "orders", "--yes")
    assert stage.documents("queues", "list") == []
    with pytest.raises(MNSSDKError) as caught:
        queue.get()
    assert caught.value.code == "QueueNotExist"


def test_raw_messages_are_shown_as_they_are_and_decoded_ones_readable(started, mns):
    stage = started()
    queue = mns(stage, "forms", encoding=False)
    queue.create()
    queue.send('{"a":1}')
    queue.send(base64.b64encode(b'{"b":2}').decode())
    assert [each.get("decodedBody") for each in stage.documents("queues", "peek", "forms", "--count", "16")] == [
        None, '{"b":2}']
    raw = stage.must("queues", "peek", "forms", "--count", "16", "--raw")
    assert '{"a":1}' in raw and base64.b64encode(b'{"b":2}').decode() in raw


@pytest.mark.parametrize("arguments, said", [
    (("queues", "show", "nothing"), "nothing"), (("queues", "send", "nothing", "x"), "nothing"),
    (("queues", "create", "a_b"), "hyphens"), (("queues", "receive", "nothing"), "nothing"),
    (("queues", "delete", "nothing", "--yes"), "nothing"),
])
def test_what_is_wrong_with_a_queue_is_told(started, arguments, said):
    done = started().cli(*arguments)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3


def test_a_message_comes_to_a_command_that_waits(started, run, mns):
    stage = started()
    queue = mns(stage, "late")
    queue.create()
    waiting = run(stage, "queues", "receive", "late", "--wait", "30", "--delete", "--json")
    with pytest.raises(MNSSDKError):
        queue.receive(wait=1)
    queue.send("at last")
    assert waiting.wait() == 0, waiting.text()
    [message] = [json.loads(line) for line in waiting.out if line.startswith("{")]
    assert message["decodedBody"] == "at last"
    assert is_empty(queue)


def test_listen_forwards_from_a_queue_and_deletes_what_was_accepted(started, origin, receiver, run, mns):
    stage = started()
    stage.api.must("SetMessageCallback", to_queue(stage, "events"))
    made = make_events(stage.api, origin, 3)
    listening = run(stage, "listen", "--queue", "events", "--forward", receiver.url + "/local", "--once", "3")
    arrived = receiver.wait(3, "/local")
    assert listening.wait() == 0, listening.text()
    assert sorted(json.loads(request.body)["JobId"] for request in arrived) == sorted(made)
    assert {request.body for request in arrived} == set(events_known(stage.server.data).values())
    assert all(request.method == "POST" for request in arrived)
    found = mns(stage, "events").get()
    assert (found["active_messages"], found["inactive_messages"]) == (0, 0)


def test_a_message_that_was_forwarded_and_not_deleted_comes_again_after_a_kill(started, origin, receiver, run, mns):
    stage = started()
    queue = mns(stage, "events")
    queue.create()
    stage.api.must("SetMessageCallback", to_queue(stage, "events"))
    arguments = ("listen", "--queue", "events", "--forward", receiver.url + "/local", "--attempts", "1")
    gate = Gate()
    try:
        receiver.script("/local", Reply(200), Reply(200, gate=gate), Reply(200))
        listening = run(stage, *arguments)
        made = make_events(stage.api, origin, 3)
        receiver.wait(2, "/local")
        listening.kill()  # the second is with the handler: received, and not deleted
    finally:
        gate.open()
    found = queue.get()
    assert (found["active_messages"], found["inactive_messages"]) == (1, 1)
    run(stage, *arguments)
    # The message stays hidden for as long as handling one may take, which is more than half a minute.
    arrived = receiver.wait(4, "/local", timeout=60)
    assert sorted({json.loads(request.body)["JobId"] for request in arrived}) == sorted(made)
    second = arrived[1]
    assert [request.body for request in arrived].count(second.body) == 2, "the same event again"

    def done():
        found = queue.get()
        return (found["active_messages"], found["inactive_messages"]) == (0, 0)

    eventually(done, 20, "the queue to be empty")
    assert len(receiver.received("/local")) == 4


def test_a_message_whose_handler_fails_stays_in_the_queue(started, origin, receiver, run, mns):
    stage = started()
    queue = mns(stage, "events")
    queue.create(visibility_timeout=1)
    stage.api.must("SetMessageCallback", to_queue(stage, "events"))
    receiver.script("/local", Reply(500, b"not yet"), Reply(200))
    make_events(stage.api, origin, 1)
    listening = run(stage, "listen", "--queue", "events", "--forward", receiver.url + "/local", "--once", "1")
    first, second = receiver.wait(2, "/local", timeout=30)
    assert first.body == second.body
    assert listening.wait() == 0, listening.text()
    assert is_empty(queue)
