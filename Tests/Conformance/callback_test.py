"""Callbacks as receivers see them (vod-api.md 5 and 6)."""

import hashlib
import json
import re
import time
from urllib.parse import quote_plus

import pytest
from harness.origin import redirect
from harness.web import Gate, Reply

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
HEX32 = re.compile(r"[0-9a-f]{32}")


def of(kind):
    return lambda event: event["EventType"] == kind


@pytest.fixture
def hook(receiver, unique):
    """A path of the receiver for this test, and its URL."""
    return f"/{unique}", f"{receiver.url}/{unique}"


@pytest.fixture
def submit(raw, app):
    return lambda *urls, **params: raw.submit(*urls, AppId=app, **params)


def test_the_events_of_a_success(raw, app, submit, origin, receiver, hook, unique):
    path, url = hook
    raw.set_callback(url, app)
    source = origin.sample_url(unique, 12_345)
    [job] = submit(source)
    receiver.wait(2, path)
    events = {event["EventType"]: event for event in receiver.events(path)}
    media = raw.infos(job)[job]["MediaId"]

    upload = events["UploadByURLComplete"]
    assert TIME.fullmatch(upload.pop("EventTime"))
    assert upload == {
        "EventType": "UploadByURLComplete", "Status": "success", "VideoId": media, "JobId": job, "SourceURL": source,
        "Size": "12345",
    }
    file = events["FileUploadComplete"]
    assert TIME.fullmatch(file.pop("EventTime"))
    file_url = file.pop("FileUrl")
    assert file_url.startswith("http://") and media in file_url
    assert file == {"EventType": "FileUploadComplete", "Status": "success", "VideoId": media, "Size": 12345}


def test_the_event_of_a_failure(raw, app, submit, origin, receiver, hook, unique):
    path, url = hook
    raw.set_callback(url, app)
    source = f"{origin.url}/{unique}/missing.mp4"
    [job] = submit(source)
    receiver.wait(1, path)
    [event] = receiver.events(path)
    assert TIME.fullmatch(event.pop("EventTime"))
    assert event.pop("ErrorMessage")
    assert event == {
        "EventType": "UploadByURLComplete", "Status": "fail", "JobId": job, "SourceURL": source,
        "ErrorCode": "URLInvalidError",
    }


def test_the_request_that_brings_an_event(raw, app, submit, origin, receiver, hook, unique):
    path, url = hook
    raw.set_callback(url + "?env=dev&v=1", app)
    submit(origin.sample_url(unique, 1))
    for request in receiver.wait(2, path):
        assert request.method == "POST"
        assert request.target == f"/{unique}?env=dev&v=1"
        assert request.header("content-type").split(";")[0].strip() == "application/json"
        assert int(request.header("content-length")) == len(request.body)
        assert request.header("host") == receiver.url.removeprefix("http://")
        assert request.header("webhook-id")
        assert isinstance(json.loads(request.body), dict)
    assert len({request.header("webhook-id") for request in receiver.received(path)}) == 2


def test_signed_when_a_key_is_set(raw, app, submit, origin, receiver, hook, unique):
    path, url = hook
    url += "/?env=dev"
    raw.set_callback(url, app, AuthSwitch="on", AuthKey="Abc123xyz")
    submit(origin.sample_url(unique, 1))
    for request in receiver.wait(2, path + "/"):
        stamp = request.header("X-VOD-TIMESTAMP")
        assert re.fullmatch(r"\d{10}", stamp)
        assert abs(int(stamp) - time.time()) < 60
        assert request.header("X-VOD-SIGNATURE") == hashlib.md5(f"{url}|{stamp}|Abc123xyz".encode()).hexdigest()


@pytest.mark.parametrize("extra", [{}, {"AuthSwitch": "off"}, {"AuthSwitch": "off", "AuthKey": "Abc123xyz"}])
def test_not_signed_when_off(raw, app, submit, origin, receiver, hook, unique, extra):
    path, url = hook
    raw.set_callback(url, app, **extra)
    submit(origin.sample_url(unique, 1))
    for request in receiver.wait(2, path):
        assert request.header("X-VOD-TIMESTAMP") is None
        assert request.header("X-VOD-SIGNATURE") is None
        assert request.header("webhook-signature") is None


@pytest.mark.parametrize("answer", [
    Reply(500, b"no"), Reply(201, b"made"), Reply(204), Reply(404, b"where"), redirect("/other", 302),
    redirect("/other", 307), Reply(503, b"later", [("Retry-After", "30")]),
], ids=lambda reply: str(reply.status))
def test_only_200_counts_and_there_are_three_attempts_a_second_apart(
    raw, app, submit, origin, receiver, hook, unique, answer
):
    path, url = hook
    receiver.script(path, answer)
    raw.set_callback(url, app, EventTypeList="UploadByURLComplete", AuthSwitch="on", AuthKey="Abc123xyz")
    [job] = submit(origin.sample_url(unique, 1))
    attempts = receiver.wait(3, path)
    for earlier, later in zip(attempts, attempts[1:]):
        gap = later.at - earlier.at
        assert 1.0 <= gap < 3.0, gap
    assert len({request.body for request in attempts}) == 1
    assert len({request.header("webhook-id") for request in attempts}) == 1
    stamps = [int(request.header("X-VOD-TIMESTAMP")) for request in attempts]
    assert stamps[0] < stamps[1] < stamps[2], "each attempt is signed with its own time"
    # The job's end waits for the third attempt and does not care how it ended; then nothing more comes.
    from harness.waiting import eventually

    eventually(lambda: raw.infos(job)[job]["Status"] == "SUCCESS", 20, "SUCCESS after the third attempt")
    assert len(receiver.received(path)) == 3
    assert receiver.received("/other") == []


def test_a_receiver_that_comes_back_gets_no_third_attempt(raw, app, submit, origin, receiver, hook, unique):
    path, url = hook
    receiver.script(path, Reply(500), Reply(200))
    raw.set_callback(url, app, EventTypeList="UploadByURLComplete")
    [job] = submit(origin.sample_url(unique, 1))
    receiver.wait(2, path)
    from harness.waiting import eventually

    eventually(lambda: raw.infos(job)[job]["Status"] == "SUCCESS", 20, "SUCCESS")
    # Another event, delivered after the moment of a third attempt, shows that there was none.
    receiver.script(f"{path}-later", Reply(500), Reply(500), Reply(200))
    raw.set_callback(url + "-later", app, EventTypeList="UploadByURLComplete")
    submit(origin.sample_url(unique + "b", 1))
    receiver.wait(3, f"{path}-later")
    assert len(receiver.received(path)) == 2


def test_a_receiver_that_does_not_answer_in_time_is_tried_again(started, origin, receiver, hook, unique):
    from rawclient import RawClient

    server = started("--delivery-timeout-seconds", "0.5")
    raw = RawClient(server.api)
    path, url = hook
    gate = Gate()
    try:
        receiver.script(path, Reply(200, gate=gate), Reply(200, gate=gate), Reply(200))
        raw.set_callback(url, EventTypeList="UploadByURLComplete")
        [job] = raw.submit(origin.sample_url(unique, 1))
        first, second, third = receiver.wait(3, path)
        assert second.at - first.at >= 1.5
        assert third.at - second.at >= 1.5
        assert len({request.body for request in (first, second, third)}) == 1
    finally:
        gate.open()


def test_a_200_counts_although_its_body_never_ends(started, origin, receiver, hook, unique):
    from harness.waiting import eventually
    from rawclient import RawClient

    server = started("--delivery-timeout-seconds", "0.5")
    raw = RawClient(server.api)
    path, url = hook
    gate = Gate()
    try:
        receiver.script(path, Reply(200, b"x" * 100_000, gate=gate, gate_after=10))
        raw.set_callback(url, EventTypeList="UploadByURLComplete")
        [job] = raw.submit(origin.sample_url(unique, 1))
        eventually(lambda: raw.infos(job)[job]["Status"] == "SUCCESS", 20, "SUCCESS")
        assert len(receiver.received(path)) == 1
    finally:
        gate.open()


def test_a_receiver_that_is_not_there_costs_the_job_nothing(raw, app, submit, origin, unique):
    import socket

    from harness.waiting import eventually

    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        raw.set_callback(f"http://127.0.0.1:{nobody.getsockname()[1]}/x", app)
        [job] = submit(origin.sample_url(unique, 1))
        eventually(lambda: raw.infos(job)[job]["Status"] == "SUCCESS", 20, "SUCCESS")


@pytest.mark.parametrize("types, expected", [
    ("ALL", {"UploadByURLComplete", "FileUploadComplete"}),
    ("UploadByURLComplete", {"UploadByURLComplete"}),
    ("FileUploadComplete", {"FileUploadComplete"}),
    ("TranscodeComplete,FileUploadComplete", {"FileUploadComplete"}),
])
def test_only_the_chosen_types_are_sent(raw, app, submit, origin, receiver, hook, unique, types, expected):
    from harness.waiting import eventually

    path, url = hook
    raw.set_callback(url, app, EventTypeList=types)
    [job] = submit(origin.sample_url(unique, 1))
    receiver.wait(len(expected), path)
    eventually(lambda: raw.infos(job)[job]["Status"] == "SUCCESS", 20, "SUCCESS")
    # A later job of the same endpoint arrives after whatever the first one would still have sent.
    submit(origin.sample_url(unique + "b", 1))
    receiver.wait(2 * len(expected), path)
    assert {event["EventType"] for event in receiver.events(path)} == expected
    assert len(receiver.received(path)) == 2 * len(expected)


@pytest.mark.parametrize("types", ["", "TranscodeComplete"])
def test_no_chosen_type_means_silence_even_for_an_override(raw, app, submit, origin, receiver, hook, unique, types):
    from harness.waiting import eventually

    path, url = hook
    raw.set_callback(url, app, EventTypeList=types)
    [job] = submit(
        origin.sample_url(unique, 1), UserData=json.dumps({"MessageCallback": {"CallbackURL": url + "-own"}})
    )
    eventually(lambda: raw.infos(job)[job]["Status"] == "SUCCESS", 20, "SUCCESS")
    assert receiver.received(path) == []
    assert receiver.received(path + "-own") == []


def test_an_override_without_a_configuration_is_silent(raw, submit, origin, receiver, hook, unique):
    from harness.waiting import eventually

    path, url = hook
    [job] = submit(origin.sample_url(unique, 1), UserData=json.dumps({"MessageCallback": {"CallbackURL": url}}))
    eventually(lambda: raw.infos(job)[job]["Status"] == "SUCCESS", 20, "SUCCESS")
    assert receiver.received(path) == []


def user_data(form, url):
    callback = {"CallbackType": "http", "CallbackURL": url}
    extend = {"lesson": "01", "名": "课"}
    if form == "nested":
        return {"MessageCallback": callback, "Extend": extend}
    if form == "escaped":
        return {"MessageCallback": json.dumps(callback), "Extend": json.dumps(extend, ensure_ascii=False)}
    return {"MessageCallback": callback, "Extend": "plain text"}


@pytest.mark.parametrize("form", ["nested", "escaped", "text"])
def test_user_data_moves_the_callback_and_travels_along(sdk, app, origin, receiver, hook, unique, form):
    path, url = hook
    sdk.call("SetMessageCallback", {
        "CallbackType": "HTTP", "CallbackURL": url, "EventTypeList": "ALL", "AppId": app, "AuthSwitch": "on",
        "AuthKey": "Abc123xyz",
    })
    own = url + "-own"
    sdk.submit(
        quote_plus(origin.sample_url(unique, 1)), AppId=app,
        UserData=json.dumps(user_data(form, own), ensure_ascii=False),
    )
    for request in receiver.wait(2, path + "-own"):
        extend = json.loads(request.body)["Extend"]
        assert isinstance(extend, str)
        if form == "text":
            assert extend == "plain text"
        else:
            assert json.loads(extend) == {"lesson": "01", "名": "课"}
        # The address that is called and the account's key sign.
        stamp = request.header("X-VOD-TIMESTAMP")
        assert request.header("X-VOD-SIGNATURE") == hashlib.md5(f"{own}|{stamp}|Abc123xyz".encode()).hexdigest()
    assert receiver.received(path) == []


def test_the_source_url_of_an_event_is_what_the_caller_submitted(raw, app, submit, origin, receiver, hook, unique):
    path, url = hook
    raw.set_callback(url, app, EventTypeList="UploadByURLComplete")
    origin.put(f"/{unique}.mp4", b"x")
    source = f"{origin.url}/{unique}.mp4?token=s%2Fecret&x=a b"
    submit(source)
    receiver.wait(1, path)
    assert receiver.events(path)[0]["SourceURL"] == source


def test_a_key_changed_between_attempts_signs_the_next_one(raw, app, submit, origin, receiver, hook, unique):
    path, url = hook
    gate = Gate()
    try:
        receiver.script(path, Reply(500, gate=gate), Reply(200))
        raw.set_callback(url, app, EventTypeList="UploadByURLComplete", AuthSwitch="on", AuthKey="Abc123xyz")
        submit(origin.sample_url(unique, 1))
        receiver.wait(1, path)
        raw.set_callback(url, app, EventTypeList="UploadByURLComplete", AuthSwitch="on", AuthKey="New456uvw")
    finally:
        gate.open()
    second = receiver.wait(2, path)[1]
    stamp = second.header("X-VOD-TIMESTAMP")
    assert second.header("X-VOD-SIGNATURE") == hashlib.md5(f"{url}|{stamp}|New456uvw".encode()).hexdigest()


def test_file_url_serves_or_refuses_but_names_the_stored_file(raw, shared, app, submit, origin, receiver, hook, unique):
    path, url = hook
    raw.set_callback(url, app, EventTypeList="FileUploadComplete")
    submit(origin.sample_url(unique, 4000))
    receiver.wait(1, path)
    [event] = receiver.events(path)
    key = event["FileUrl"].split("/media/", 1)[1]
    from harness.origin import sample

    assert (shared.data / "media" / key).read_bytes() == sample(unique, 4000)


def test_a_hundred_jobs_bring_two_hundred_events_each_once(raw, app, submit, origin, receiver, hook, unique):
    path, url = hook
    raw.set_callback(url, app)
    jobs = []
    for batch in range(5):
        jobs += submit(*[origin.sample_url(f"{unique}-{batch}-{n}", 2000) for n in range(20)])
    received = receiver.wait(200, path, timeout=60)
    assert len({request.header("webhook-id") for request in received}) == 200
    ended = [event["JobId"] for event in receiver.events(path) if event["EventType"] == "UploadByURLComplete"]
    assert sorted(ended) == sorted(jobs)
