"""Events from their making to their end, through the built binary: policies, endpoints, signatures, the log, addresses."""

import base64
import email.utils
import json
import re
import time

import pytest
from harness.admin import AdminError
from harness.dns import NameServer
from harness.ports import free_port
from harness.receiver import Receiver
from harness.signatures import Refused, sign_webhook, verify_vod, verify_webhook
from harness.trap import Trap
from harness.waiting import eventually
from harness.web import Gate, Reply, Request
from load import make_events

KEY = "Abc123xyz"
# Retries soon enough for a test, and no pause that a test did not ask for.
DURABLE = [
    "--delivery-policy", "durable", "--delivery-schedule", ",".join(["0.2"] * 20), "--delivery-breaker-pause-seconds",
    "0.1", "--delivery-breaker-max-pause-seconds", "0.2",
]


def name_of(request):
    return request.header("webhook-id")


def latest_event(stage, job):
    """The one event of a job that failed."""
    [event] = eventually(lambda: stage.admin.events(job=job), 20, f"the event of job {job}")
    return event


# -- Policies


def test_exact_gives_up_after_three_attempts_and_a_redelivery_brings_the_same_event(started, origin, receiver):
    stage = started()
    url = receiver.script("/hook", Reply(500, b"no"), Reply(404), Reply(204), Reply(200))
    stage.api.set_callback(url, AuthSwitch="on", AuthKey=KEY)
    [job] = make_events(stage.api, origin, 1)
    attempts = receiver.wait(3, "/hook")
    for earlier, later in zip(attempts, attempts[1:]):
        assert 1.0 <= later.at - earlier.at < 3.0

    event = latest_event(stage, job)
    [delivery] = event["deliveries"]
    dead = stage.admin.wait_delivery(delivery["id"], "dead")
    assert dead["attempts"] == 3
    assert "204" in dead["reason"]
    assert (dead["origin"], dead["policy"]) == ("event", "exact")
    status = stage.api.infos(job)[job]["Status"]
    third = int(attempts[2].header("webhook-timestamp"))
    eventually(lambda: time.time() > third + 1, 5, "the next second")

    # A listing shows it as dead, and what it printed can be sent again.
    [listed] = stage.documents("events", "list", "--state", "dead")
    assert listed["id"] == event["id"] == name_of(attempts[0])
    stage.must("events", "redeliver", event["id"])
    fourth = receiver.wait(4, "/hook")[3]
    assert {name_of(request) for request in receiver.received("/hook")} == {event["id"]}
    assert {request.body for request in receiver.received("/hook")} == {attempts[0].body}
    assert int(fourth.header("X-VOD-TIMESTAMP")) > third
    assert fourth.header("X-VOD-SIGNATURE") != attempts[2].header("X-VOD-SIGNATURE")
    for request in receiver.received("/hook"):
        verify_vod(request, url, KEY)

    first, again = sorted(stage.admin.deliveries(event=event["id"]), key=lambda each: each["origin"])
    assert (first["id"], first["state"]) == (delivery["id"], "dead"), "what is dead stays dead"
    assert again["origin"] == "redelivery"
    assert stage.admin.wait_delivery(again["id"], "delivered")["attempts"] == 1
    assert stage.api.infos(job)[job]["Status"] == status, "a redelivery does not touch the job"


def test_a_delivery_can_be_sent_again_by_its_own_id(started, origin, receiver):
    stage = started()
    stage.api.set_callback(receiver.url + "/hook")
    [job] = make_events(stage.api, origin, 1)
    receiver.wait(1)
    [delivery] = latest_event(stage, job)["deliveries"]
    stage.admin.wait_delivery(delivery["id"], "delivered")
    stage.must("events", "redeliver", delivery["id"])
    first, second = receiver.wait(2)
    assert (name_of(first), first.body) == (name_of(second), second.body)


def seconds_from_now(seconds):
    return lambda _: Reply(503, b"later", [("Retry-After", email.utils.formatdate(time.time() + seconds, usegmt=True))])


@pytest.mark.parametrize("flags, answer, least, most", [
    ([], Reply(503, b"later", [("Retry-After", "2")]), 2.0, 6.0),
    ([], Reply(429, b"slowly", [("Retry-After", "2")]), 2.0, 6.0),
    ([], seconds_from_now(4), 3.0, 8.0),
    (["--delivery-max-retry-after-seconds", "1"], Reply(503, b"later", [("Retry-After", "86400")]), 1.0, 5.0),
    ([], Reply(500, b"no", [("Retry-After", "86400")]), 0.2, 3.0),
], ids=["seconds", "429", "date", "bounded", "not of a 500"])
def test_durable_waits_as_long_as_the_receiver_asks(started, origin, receiver, flags, answer, least, most):
    stage = started(*DURABLE, *flags)
    stage.api.set_callback(receiver.script("/hook", answer, Reply(202)))
    [job] = make_events(stage.api, origin, 1)
    first, second = receiver.wait(2, "/hook")
    assert least <= second.at - first.at < most
    assert (name_of(first), first.body) == (name_of(second), second.body)
    [delivery] = latest_event(stage, job)["deliveries"]
    assert stage.admin.wait_delivery(delivery["id"], "delivered")["attempts"] == 2, "each 2xx counts under durable"


def test_a_receiver_that_asks_for_less_gets_no_other_event_meanwhile(started, origin, receiver):
    stage = started(*DURABLE)
    stage.api.set_callback(receiver.script("/hook", Reply(503, b"", [("Retry-After", "2")]), Reply(200)))
    make_events(stage.api, origin, 1, "first")
    [first] = receiver.wait(1, "/hook")
    endpoint = eventually(
        lambda: [each for each in stage.admin.endpoints() if each["state"] == "paused"], 10, "a paused endpoint")[0]
    assert endpoint["pausedUntil"]
    assert "503" in endpoint["lastCause"]
    make_events(stage.api, origin, 3, "second")
    later = receiver.wait(5, "/hook")[1:]
    assert min(request.at for request in later) - first.at >= 2.0
    eventually(lambda: stage.admin.get(f"/endpoints/{endpoint['id']}")["state"] == "enabled", 10, "a healthy endpoint")


def test_durable_follows_its_schedule_and_only_lengthens_its_waits(started, origin, receiver):
    stage = started(
        "--delivery-policy", "durable", "--delivery-schedule", "0.3,0.6,1.2", "--delivery-breaker-failures", "100")
    stage.api.set_callback(receiver.script("/hook", Reply(500)))
    [job] = make_events(stage.api, origin, 1)
    attempts = receiver.wait(4, "/hook")
    for wait, earlier, later in zip((0.3, 0.6, 1.2), attempts, attempts[1:]):
        assert wait <= later.at - earlier.at < wait * 1.1 + 1
    [delivery] = latest_event(stage, job)["deliveries"]
    dead = stage.admin.wait_delivery(delivery["id"], "dead")
    assert (dead["attempts"], dead["policy"]) == (4, "durable")
    assert "500" in dead["reason"]


def test_gone_disables_the_endpoint_and_holds_its_events_until_it_is_enabled(started, origin, receiver):
    stage = started(*DURABLE)
    stage.api.set_callback(receiver.script("/hook", Reply(410, b"gone"), Reply(200)))
    [job] = make_events(stage.api, origin, 1, "first")
    [first] = receiver.wait(1, "/hook")
    event = latest_event(stage, job)
    [delivery] = event["deliveries"]
    stage.admin.wait_delivery(delivery["id"], "held")
    later = make_events(stage.api, origin, 5, "later")

    def ended():
        infos = stage.api.infos(job, *later)
        return all(info["Status"] == "DOWNLOAD_FAIL" for info in infos.values()) and len(infos) == 6

    eventually(ended, 20, "jobs to end although their events are held")
    eventually(lambda: len(stage.admin.deliveries(state="held")) == 6, 20, "six held deliveries")
    [endpoint] = [json.loads(line) for line in stage.must("endpoints", "list", "--json").splitlines()]
    assert endpoint["state"] == "disabled"
    assert "410" in endpoint["disabledReason"]
    assert endpoint["disabledAt"]
    assert len(stage.documents("deliveries", "list", "--state", "held")) == 6

    # It stays so over a restart, and nothing has been tried meanwhile.
    assert stage.server.stop() == 0
    stage = started(*DURABLE, data=stage.server.data)
    assert stage.admin.get(f"/endpoints/{endpoint['id']}")["state"] == "disabled"
    assert len(receiver.received("/hook")) == 1

    stage.must("endpoints", "enable", endpoint["id"])
    arrived = receiver.wait(7, "/hook")
    assert len({name_of(request) for request in arrived}) == 6
    assert sum(name_of(request) == name_of(first) for request in arrived) == 2
    assert {request.body for request in arrived if name_of(request) == name_of(first)} == {first.body}
    eventually(lambda: stage.admin.get(f"/endpoints/{endpoint['id']}")["state"] == "enabled", 10)


def test_exact_knows_no_410(started, origin, receiver):
    stage = started()
    stage.api.set_callback(receiver.script("/hook", Reply(410), Reply(200)))
    make_events(stage.api, origin, 1)
    receiver.wait(2, "/hook")
    [endpoint] = stage.admin.endpoints()
    assert endpoint["state"] == "enabled"


def test_a_stop_of_the_server_uses_up_no_attempt(started, origin, receiver):
    stage = started("--shutdown-timeout-seconds", "1")
    gate = Gate()
    try:
        receiver.script("/hook", *[Reply(200, gate=gate)] * 4, Reply(200))
        stage.api.set_callback(receiver.url + "/hook")
        [job] = make_events(stage.api, origin, 1)
        for number in range(1, 5):  # one more than `exact` has attempts
            receiver.wait(number, "/hook")
            assert stage.server.stop() == 0
            stage = started("--shutdown-timeout-seconds", "1", data=stage.server.data)
        arrived = receiver.wait(5, "/hook")
    finally:
        gate.open()
    assert len({name_of(request) for request in arrived}) == len({request.body for request in arrived}) == 1
    [delivery] = latest_event(stage, job)["deliveries"]
    assert stage.admin.wait_delivery(delivery["id"], "delivered")["attempts"] == 1


def test_an_endpoint_is_disabled_by_hand_with_a_reason(started, origin, receiver):
    stage = started()
    stage.api.set_callback(receiver.url + "/hook")
    make_events(stage.api, origin, 1)
    receiver.wait(1)
    [endpoint] = stage.admin.endpoints()
    stage.must("endpoints", "disable", endpoint["id"], "--reason", "moving house")
    shown = json.loads(stage.must("endpoints", "show", endpoint["id"], "--json"))
    assert (shown["state"], shown["disabledReason"]) == ("disabled", "moving house")
    make_events(stage.api, origin, 2, "held")
    eventually(lambda: len(stage.admin.deliveries(state="held")) == 2, 20, "two held deliveries")
    assert "moving house" in stage.must("endpoints", "show", endpoint["id"])
    stage.must("endpoints", "enable", endpoint["id"])
    receiver.wait(3)


# -- Subscriptions and signatures


def test_the_verifier_of_these_tests_agrees_with_the_vector_of_standard_webhooks():
    assert sign_webhook(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}', "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    ) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def flipped(request):
    body = bytearray(request.body)
    body[-2] ^= 1
    return Request(request.method, request.target, request.headers, bytes(body), request.at, request.connection)


def test_subscriptions_get_copies_signed_with_keys_of_their_own(started, origin, receiver):
    stage = started()
    callback = receiver.url + "/hook?env=dev"
    stage.api.set_callback(callback, AuthSwitch="on", AuthKey=KEY)
    own = receiver.url + "/copy/?a=1"
    [made] = stage.documents("endpoints", "create", own, "--auth-key", "Sub456key", "--webhook-secret", "generate")
    secret = made["webhookSecret"]
    assert (made["kind"], made["hasAuthKey"], made["webhookSecrets"]) == ("subscription", True, 1)
    stage.admin.post("/endpoints", {"url": receiver.url + "/plain"})
    make_events(stage.api, origin, 3)
    copies = receiver.wait(3, "/copy/")
    originals = receiver.wait(3, "/hook")
    plain = receiver.wait(3, "/plain")
    bodies = {name_of(request): request.body for request in originals}
    assert len(bodies) == 3
    for requests in (copies, plain):
        assert {name_of(request): request.body for request in requests} == bodies, "the same ids and bytes for all"
    for request in originals:
        verify_vod(request, callback, KEY)
        assert request.header("webhook-signature") is None
    for request in plain:
        assert request.header("X-VOD-SIGNATURE") is None
        assert request.header("webhook-signature") is None
    for request in copies:
        verify_vod(request, own, "Sub456key")
        assert verify_webhook(request, secret) == [0]
        # One flipped byte of the body passes the old signature and fails the new one.
        verify_vod(flipped(request), own, "Sub456key")
        for wrong, error in (
            (lambda: verify_webhook(flipped(request), secret), "fits no secret"),
            (lambda: verify_vod(request, own + "&b=2", "Sub456key"), "fits no key"),
            (lambda: verify_webhook(request, secret, now=time.time() + 600), "too old"),
        ):
            with pytest.raises(Refused, match=error):
                wrong()
    again = json.dumps(stage.admin.get(f"/endpoints/{made['id']}"))
    assert secret not in again and "Sub456key" not in again, "keys are never given back"


def test_a_rotated_secret_signs_beside_the_old_one_until_its_time_is_over(started, origin, receiver):
    stage = started()
    made = stage.admin.post("/endpoints", {"url": receiver.url + "/copy", "webhookSecret": "generate"})
    old = made["webhookSecret"]

    def next_event(name):
        before = len(receiver.received("/copy"))
        make_events(stage.api, origin, 1, name)
        return receiver.wait(before + 1, "/copy")[-1]

    rotated = json.loads(stage.must("endpoints", "secret", made["id"], "--rotate", "--json"))
    new = rotated["webhookSecret"]
    assert new != old
    request = next_event("both")
    assert len(request.header("webhook-signature").split()) == 2
    assert verify_webhook(request, new, old) == [0, 1]
    assert verify_webhook(request, old) == [0], "receivers that have only the old secret still believe it"

    newest = stage.admin.post(f"/endpoints/{made['id']}/secret", {"keepPreviousSeconds": 0})["webhookSecret"]
    request = next_event("newest")
    assert verify_webhook(request, newest, new, old) == [0]
    assert len(request.header("webhook-signature").split()) == 1

    # The old secret ends by time alone.
    last = stage.admin.post(f"/endpoints/{made['id']}/secret", {"keepPreviousSeconds": 1})["webhookSecret"]
    eventually(lambda: stage.admin.get(f"/endpoints/{made['id']}")["webhookSecrets"] == 1, 10, "one secret to be left")
    assert verify_webhook(next_event("last"), last, newest) == [0]

    stage.must("endpoints", "secret", made["id"], "--remove")
    assert next_event("none").header("webhook-signature") is None


def test_a_subscription_gets_what_its_filter_lets_through_and_nothing_once_removed(started, origin, receiver):
    stage = started()
    files = stage.admin.post(
        "/endpoints", {"url": receiver.url + "/files", "eventTypes": ["FileUploadComplete"], "description": "files"})
    stage.admin.post("/endpoints", {"url": receiver.url + "/app", "appIds": ["app-2000001"]})
    stage.api.submit(origin.sample_url("one", 10))
    stage.api.submit(origin.sample_url("two", 10), AppId="app-2000001")
    receiver.wait(2, "/files")
    receiver.wait(2, "/app")
    assert {event["EventType"] for event in receiver.events("/files")} == {"FileUploadComplete"}
    assert sorted(event["EventType"] for event in receiver.events("/app")) == [
        "FileUploadComplete", "UploadByURLComplete",
    ]
    stage.must("endpoints", "remove", files["id"])
    stage.api.submit(origin.sample_url("three", 10), AppId="app-2000001")
    receiver.wait(4, "/app")
    assert len(receiver.received("/files")) == 2
    with pytest.raises(AdminError) as refused:
        stage.admin.post(f"/endpoints/{files['id']}/enable")
    assert refused.value.status in (404, 409)


def test_what_waits_for_a_removed_subscription_ends_as_dead_over_a_kill_too(started, origin, receiver):
    stage = started(*DURABLE)
    made = stage.admin.post("/endpoints", {"url": receiver.script("/gone", Reply(410))})
    make_events(stage.api, origin, 1200)
    eventually(lambda: stage.admin.get("/stats")["jobs"]["failed"] == 1200, 60, "1,200 jobs to end")
    eventually(lambda: stage.admin.get(f"/endpoints/{made['id']}")["state"] == "disabled", 20, "410 to disable it")
    stage.admin.delete(f"/endpoints/{made['id']}")
    stage.server.kill()
    stage = started(*DURABLE, data=stage.server.data)
    eventually(lambda: stage.admin.get("/stats")["deliveries"]["dead"] == 1200, 60, "all deliveries to be dead")
    delivery = stage.admin.get("/deliveries", endpoint=made["id"], limit=1)["deliveries"][0]
    assert "removed" in delivery["reason"]
    assert len(receiver.received("/gone")) <= 2 * 8
    assert stage.admin.get(f"/endpoints/{made['id']}")["state"] == "removed"


def test_a_subscription_has_a_policy_of_its_own(started, origin, receiver):
    stage = started("--delivery-schedule", ",".join(["0.1"] * 20), "--delivery-breaker-failures", "100")
    stage.api.set_callback(receiver.script("/hook", Reply(500)))
    stage.admin.post("/endpoints", {
        "url": receiver.script("/durable", *[Reply(500)] * 5, Reply(200)), "policy": "durable",
    })
    [job] = make_events(stage.api, origin, 1)
    receiver.wait(6, "/durable")
    receiver.wait(3, "/hook")
    states = {each["policy"]: each for each in latest_event(stage, job)["deliveries"]}
    assert stage.admin.wait_delivery(states["durable"]["id"], "delivered")["attempts"] == 6
    assert stage.admin.wait_delivery(states["exact"]["id"], "dead")["attempts"] == 3


# -- The log


def header_lines(head):
    return {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head.splitlines()[1:])
    }


def test_the_log_shows_every_attempt_with_its_secrets_masked(started, origin, receiver):
    stage = started()
    long = b"no: " + b"0123456789abcdef" * 4000
    url = receiver.script(
        "/hook", Reply(500, long, [("Content-Type", "text/plain"), ("Set-Cookie", "session=s3cr3tcookie")]),
        Reply(500, b"\xff\xfe\x00binary"), Reply(200, "danke schön".encode()),
    )
    [host] = re.findall(r"//([^/]+)", url)
    made = stage.admin.post("/endpoints", {
        "url": f"http://user:s3cr3tpassword@{host}/hook?token=s3cr3tquery", "authKey": "s3cr3tAuthKey",
        "webhookSecret": "generate",
    })
    [job] = make_events(stage.api, origin, 1)
    sent = receiver.wait(3, "/hook")
    [delivery] = latest_event(stage, job)["deliveries"]
    shown = stage.admin.wait_delivery(delivery["id"], "delivered")
    assert [attempt["number"] for attempt in shown["attemptList"]] == [1, 2, 3]
    for attempt, request in zip(shown["attemptList"], sent):
        assert attempt["address"] == "127.0.0.1" or attempt["address"].startswith("127.0.0.1:")
        assert attempt["durationMilliseconds"] >= 0
        assert re.match(r"\d{4}-\d\d-\d\dT", attempt["startedAt"])
        assert attempt["requestBody"].encode() == request.body
        assert attempt["requestHead"].splitlines()[0].startswith("POST /hook")
        logged = header_lines(attempt["requestHead"])
        assert logged["host"] == host
        assert logged["webhook-id"] == name_of(request)
        assert logged["webhook-timestamp"] == request.header("webhook-timestamp")
        assert logged["x-vod-signature"] == logged["webhook-signature"] == "(masked)"
        assert request.header("X-VOD-SIGNATURE") not in json.dumps(shown)
    first, second, third = shown["attemptList"]
    assert [attempt["httpStatus"] for attempt in shown["attemptList"]] == [500, 500, 200]
    assert "500" in first["cause"] and not third.get("cause")
    assert first["responseBody"].encode() == long[:16 << 10]
    logged = header_lines("\n" + first["responseHead"])
    assert logged["content-type"] == "text/plain"
    assert logged["set-cookie"] == "(masked)"
    assert base64.b64decode(second["responseBodyBase64"]) == b"\xff\xfe\x00binary"
    assert third["responseBody"] == "danke schön"

    # Nothing of what is secret stands anywhere in what is shown.
    for text in (
        json.dumps(shown), stage.must("deliveries", "show", delivery["id"]),
        stage.must("deliveries", "show", delivery["id"], "--json"), stage.must("deliveries", "list"),
        stage.must("endpoints", "list"), stage.must("endpoints", "show", made["id"]),
        json.dumps(stage.admin.get(f"/events/{name_of(sent[0])}")), stage.must("events", "show", name_of(sent[0])),
        stage.server.text(4000),
    ):
        assert "s3cr3t" not in text and made["webhookSecret"] not in text, text


def test_an_answer_that_floods_or_drips_costs_an_attempt_nothing(started, origin, receiver):
    stage = started("--delivery-answer-timeout-seconds", "0.3")
    receiver.script("/flood", Reply(200, b"x" * (64 << 20)))
    receiver.script("/drip", Reply(200, b"x" * 1000, rate=10))
    for path in ("/flood", "/drip"):
        stage.admin.post("/endpoints", {"url": receiver.url + path})
    begun = time.monotonic()
    [job] = make_events(stage.api, origin, 1)
    deliveries = eventually(lambda: (found := stage.admin.deliveries()) and len(found) == 2 and found, 10)
    for delivery in deliveries:
        shown = stage.admin.wait_delivery(delivery["id"], "delivered")
        assert len(shown["attemptList"][0]["responseBody"]) <= 16 << 10
    assert time.monotonic() - begun < 10
    assert len(receiver.received()) == 2


def test_events_are_listed_by_what_they_are(started, origin, receiver):
    stage = started()
    stage.api.set_callback(receiver.url + "/hook")
    jobs = make_events(stage.api, origin, 5)
    [good] = stage.api.submit(origin.sample_url("good", 10), AppId="app-2000009")  # no callback is configured for it
    receiver.wait(5)
    eventually(lambda: len(stage.admin.events()) == 7, 20, "seven events")
    assert len(stage.admin.events()) == 7
    assert {event["job"] for event in stage.admin.events(type="FileUploadComplete")} == {good}
    assert len(stage.admin.events(app="app-2000009")) == 2
    assert [event["job"] for event in stage.admin.events(job=jobs[2])] == [jobs[2]]
    assert len(stage.documents("events", "list", "--since", "15m")) == 7
    assert stage.documents("events", "list", "--until", "15m") == []
    assert len(stage.documents("events", "list", "--type", "FileUploadComplete")) == 1
    assert len(stage.documents("events", "list", "--limit", "3")) == 3
    [shown] = stage.documents("events", "show", latest_event(stage, jobs[0])["id"])
    assert shown["body"]["JobId"] == jobs[0]
    assert shown["deliveries"][0]["state"] == "delivered"


@pytest.mark.parametrize("arguments, said", [
    (["events", "list", "--state", "lost"], "dead"), (["events", "list", "--type", "Nonsense"], "FileUploadComplete"),
    (["events", "list", "--since", "yesterday"], "since"), (["events", "show", "evt_1"], "evt_1"),
    (["events", "redeliver", "evt_" + "0" * 32], "evt_" + "0" * 32),
    (["endpoints", "create", "ftp://example.com/x"], "http"), (["endpoints", "create", "http://169.254.169.254/"], "169"),
    (["endpoints", "enable", "ep_" + "0" * 32], "ep_" + "0" * 32), (["deliveries", "show", "nonsense"], "nonsense"),
    (["replays", "show", "rpl_" + "0" * 32], "rpl_" + "0" * 32), (["events", "replay", "--rate", "0", "--yes"], "rate"),
])
def test_what_is_wrong_is_named(started, arguments, said):
    stage = started()
    done = stage.cli(*arguments)
    assert done.returncode in (1, 2), (done.stdout, done.stderr)
    assert said in done.stderr
    # Wrong usage may add how it is used.
    assert 1 <= len(done.stderr.strip().splitlines()) <= 4, done.stderr
    assert "Fatal" not in done.stderr


# -- Endpoints that do not answer


@pytest.mark.parametrize("flags", [[], DURABLE], ids=["exact", "durable"])
def test_a_hanging_endpoint_delays_none_of_fifty_healthy_ones(started, origin, receiver, flags):
    # Its attempts outlast the test: it is stuck all the time.
    stage = started(*flags, "--delivery-timeout-seconds", "120", "--shutdown-timeout-seconds", "1")
    gate = Gate()
    try:
        with Receiver() as hanging:
            hanging.script("/hook", Reply(200, gate=gate))
            stage.api.set_callback(hanging.url + "/hook", "app-3000000")
            healthy = [f"app-{3000001 + number}" for number in range(50)]
            for app in healthy:
                stage.api.set_callback(f"{receiver.url}/{app}", app)
            make_events(stage.api, origin, 200, "stuck", AppId="app-3000000")
            hanging.wait(8)
            for turn in range(3):
                for app in healthy:
                    make_events(stage.api, origin, 2, f"{app}-{turn}", AppId=app)
            begun = time.monotonic()
            receiver.wait(300, timeout=30)
            assert time.monotonic() - begun < 30
            for app in healthy:
                assert len(receiver.received(f"/{app}")) == 6
            assert len(hanging.received()) == 8, "the hanging endpoint holds its own eight places and no other"
            [stuck] = [each for each in stage.admin.endpoints() if each["url"] == hanging.url + "/hook"]
            detail = stage.admin.get(f"/endpoints/{stuck['id']}")
            assert (detail["running"], detail["waiting"]) == (8, 192)
            stage.server.stop()
    finally:
        gate.open()


def test_an_endpoint_with_limits_of_its_own_keeps_them(started, origin, receiver):
    stage = started()
    gate = Gate()
    try:
        receiver.script("/narrow", Reply(200, gate=gate), Reply(200, gate=gate), Reply(200))
        narrow = stage.admin.post("/endpoints", {"url": receiver.url + "/narrow", "maxConcurrency": 2})
        stage.admin.post("/endpoints", {"url": receiver.url + "/slow", "maxPerSecond": 10})
        make_events(stage.api, origin, 40)
        arrived = receiver.wait(40, "/slow", timeout=30)
        moments = sorted(request.at for request in arrived)
        # One second's worth may come at once at the beginning.
        assert moments[-1] - moments[0] >= 2.0
        for number, moment in enumerate(moments):
            assert sum(moment <= other < moment + 0.95 for other in moments[number:]) <= 20
        assert len(receiver.received("/narrow")) == 2
        assert stage.admin.get(f"/endpoints/{narrow['id']}")["running"] == 2
    finally:
        gate.open()
    receiver.wait(40, "/narrow")


# -- Addresses


def serve_with_key(started, *flags):
    """`serve` with a key, sources on this machine allowed, callbacks not."""
    stage = started("--net-source-allow", "127.0.0.0/8", *flags, command="serve")
    made = stage.admin.post("/keys")
    stage.api.key, stage.api.secret = made["id"], made["secret"]
    stage.environment.update(TOWLINE_ACCESS_KEY_ID=made["id"], TOWLINE_ACCESS_KEY_SECRET=made["secret"])
    return stage


@pytest.mark.parametrize("url, said", [
    ("http://127.0.0.1:9/x", "loopback"), ("http://[::1]:9/x", "loopback"), ("http://10.1.2.3/x", "private"),
    ("http://192.168.0.1/x", "private"), ("http://169.254.169.254/latest", ""), ("http://0x7f000001/x", ""),
    ("http://100.100.100.200/x", ""),
])
def test_an_address_that_the_policy_blocks_is_refused_when_saved(started, folder, url, said):
    stage = serve_with_key(started, "--data", str(folder / "serve"))
    answer = stage.api.v3("SetMessageCallback", {"CallbackType": "HTTP", "CallbackURL": url, "EventTypeList": "ALL"})
    assert answer.status == 400, answer
    assert said in answer.message.lower()
    done = stage.cli("callback", "set", url)
    assert done.returncode in (1, 2)
    assert said in done.stderr.lower()
    with pytest.raises(AdminError) as refused:
        stage.admin.post("/endpoints", {"url": url})
    assert refused.value.status == 400
    assert said in refused.value.message.lower() and "url" in refused.value.message.lower()
    done = stage.cli("endpoints", "create", url)
    assert done.returncode in (1, 2)
    assert said in done.stderr.lower()
    assert stage.admin.endpoints() == []


def test_a_name_that_moves_to_an_inner_address_is_never_connected(started, folder, origin):
    port = free_port()
    with NameServer() as names, Receiver(host="127.0.0.2", port=port) as outer, Trap(port, "127.0.0.1") as trap:
        names.set("hook.example.com", "127.0.0.2")
        stage = serve_with_key(
            started, "--data", str(folder / "serve"), "--net-callback-allow", "127.0.0.2/32", "--net-dns-servers",
            names.address, *DURABLE)
        outer.script("/hook", Reply(200, close=True))
        stage.api.set_callback(f"http://hook.example.com:{port}/hook")
        make_events(stage.api, origin, 1, "before")
        outer.wait(1)

        names.set("hook.example.com", "127.0.0.1")
        [job] = make_events(stage.api, origin, 1, "moved")
        [delivery] = latest_event(stage, job)["deliveries"]

        def blocked():
            attempts = stage.admin.get(f"/deliveries/{delivery['id']}")["attemptList"]
            return [each for each in attempts if "127.0.0.1" in each["cause"] or "loopback" in each["cause"]][1:]

        assert all(each.get("httpStatus") is None for each in eventually(blocked, 20, "two attempts that were blocked"))
        assert trap.connections == 0
        assert len(outer.received()) == 1

        # One address among several that is blocked is enough, and none of them is connected.
        names.set("hook.example.com", "127.0.0.2", "127.0.0.1")
        seen = len(blocked())
        eventually(lambda: len(blocked()) >= seen + 2, 20, "two more attempts that were blocked")
        assert trap.connections == 0
        assert len(outer.received()) == 1

        # A name can change back: the event was kept.
        names.set("hook.example.com", "127.0.0.2")
        assert outer.wait(2)[1].header("webhook-id") == delivery["event"]
        assert trap.connections == 0
        assert names.asked("hook.example.com") > 0


def test_a_redirect_is_not_followed(started, origin, receiver):
    with Receiver() as inner:
        stage = started()
        stage.api.set_callback(receiver.script("/hook", Reply(302, b"", [("Location", inner.url + "/inner")])))
        [job] = make_events(stage.api, origin, 1)
        receiver.wait(3, "/hook")
        [delivery] = latest_event(stage, job)["deliveries"]
        assert "302" in stage.admin.wait_delivery(delivery["id"], "dead")["reason"]
        assert inner.received() == []
