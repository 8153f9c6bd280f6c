"""How files are fetched, through the binary: mirrors, header fields, pauses, limits, priority, expiry, and the record of
all of it that `towline jobs show` prints."""

import hashlib
import json

import pytest
from harness.origin import Origin, redirect, sample
from harness.waiting import eventually
from harness.web import Gate, Reply

FILE = sample("sources", 300_000)


def parts(body, tag='"v1"'):
    """Answers ranges of a body as a good origin does."""

    def answer(request):
        fields = [("ETag", tag), ("Accept-Ranges", "bytes")]
        asked = request.header("Range")
        if not asked:
            return Reply(200, body, fields)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        first, last = int(first), int(last or len(body) - 1)
        return Reply(206, body[first : last + 1], [*fields, ("Content-Range", f"bytes {first}-{last}/{len(body)}")])

    return answer


@pytest.fixture
def other():
    with Origin() as server:
        yield server


@pytest.fixture
def stage(started):
    return started()


def pull(stage, *arguments):
    """Submits and waits; the job's id."""
    return stage.documents("pull", *arguments)[0]["id"]


def submit(stage, *arguments):
    """Submits; the job's id."""
    return pull(stage, *arguments, "--no-wait")


def shown(stage, job):
    return stage.documents("jobs", "show", job)[0]


def test_a_mirror_brings_the_file_and_the_timeline_says_so(stage, origin, other):
    own = origin.put("/a.mp4", Reply(404, b"gone"))
    mirror = other.put("/b.mp4", parts(FILE))
    job = pull(
        stage, own, "--mirror", f"{mirror}?sign=s3cr3t", "--header", "X-Token: t0p",
        "--sha256", hashlib.sha256(FILE).hexdigest(),
    )
    assert origin.requests("/a.mp4")[0].header("X-Token") == "t0p"
    assert other.requests("/b.mp4")[0].header("X-Token") is None
    text = stage.must("jobs", "show", job)
    assert "Mirror" in text and "(mirror 1)" in text and "HTTP 404" in text and 'HTTP 200' in text
    assert "s3cr3t" not in text and "t0p" not in text
    detail = shown(stage, job)
    assert "s3cr3t" not in json.dumps(detail) and "t0p" not in json.dumps(detail)
    requests = detail["attemptList"][0]["recording"]["requests"]
    assert [request["source"] for request in requests] == [0, 1]
    assert [request["status"] for request in requests] == [404, 200]
    assert requests[1]["bytes"] == len(FILE)
    assert detail["digests"]["sha256"] == hashlib.sha256(FILE).hexdigest()


def test_header_fields_do_not_follow_a_redirect_to_another_origin(stage, origin, other):
    target = other.put("/real.mp4", FILE)
    own = origin.put("/a.mp4", redirect(target))
    job = pull(stage, own, "--header", "Authorization: Bearer t0p")
    assert origin.requests("/a.mp4")[0].header("Authorization") == "Bearer t0p"
    assert other.requests("/real.mp4")[0].header("Authorization") is None
    recording = shown(stage, job)["attemptList"][0]["recording"]
    assert len(recording["requests"][0]["redirects"]) == 1


def test_retry_after_is_waited_out_by_every_job_of_the_origin(stage, origin):
    busy = origin.put("/busy.mp4", Reply(429, b"later", [("Retry-After", "3600")]))
    quiet = origin.put("/quiet.mp4", FILE)
    first = submit(stage, busy)
    waiting = eventually(
        lambda: (found := shown(stage, first))["attempts"] == 1 and found["state"] == "pending" and found, 20,
        "the first attempt",
    )
    recording = waiting["attemptList"][0]["recording"]
    assert recording["retryAfterSeconds"] == 3600 and recording["nextAttemptAfterSeconds"] == 3600
    second = submit(stage, quiet)
    assert "pause" in stage.must("jobs", "show", first)
    # The other job is of the same origin: it is not asked for anything meanwhile.
    assert shown(stage, second)["state"] == "pending"
    assert not origin.requests("/quiet.mp4")
    stage.must("jobs", "cancel", first)
    assert shown(stage, first)["errorCode"] == "JobCancelled"


def test_a_job_that_waits_too_long_expires_with_its_event(started, origin):
    stage = started("--pull-per-origin", "1", "--lease-seconds", "3")
    gate = Gate()
    first = submit(stage, origin.put("/held.mp4", Reply(200, FILE, gate=gate)))
    origin.wait_for_requests(1, "/held.mp4")
    second = submit(stage, origin.put("/late.mp4", FILE), "--expire-seconds", "1")
    ended = eventually(
        lambda: (found := shown(stage, second))["state"] == "failed" and found, 30, "the end of the second job"
    )
    assert ended["errorCode"] == "JobExpired"
    assert [event["type"] for event in ended["events"]] == ["UploadByURLComplete"]
    assert not origin.requests("/late.mp4")
    assert shown(stage, first)["state"] == "pulling"
    gate.open()
    eventually(lambda: shown(stage, first)["state"] == "succeeded", 20, "the end of the first job")


def test_urgent_jobs_pass_others_of_their_origin(started, origin):
    stage = started("--pull-per-origin", "1")
    gate = Gate()
    submit(stage, origin.put("/held.mp4", Reply(200, FILE, gate=gate)))
    origin.wait_for_requests(1, "/held.mp4")
    names = {"/late.mp4": "12", "/plain.mp4": None, "/urgent.mp4": "1"}
    for path, priority in names.items():
        submit(stage, origin.put(path, FILE), *(["--priority", priority] if priority else []))
    gate.open()
    origin.wait_for_requests(4)
    assert [request.path for request in origin.requests()] == ["/held.mp4", "/urgent.mp4", "/plain.mp4", "/late.mp4"]


def test_one_account_with_many_jobs_leaves_another_its_turn(started, origin, folder):
    stage = started("--pull-concurrency", "2")
    made = stage.documents("keys", "create", "--account", "1000000000000002")[0]
    gate = Gate()
    for index in range(2):
        submit(stage, origin.put(f"/held{index}.mp4", Reply(200, FILE, gate=gate)))
    origin.wait_for_requests(2)
    for index in range(10):
        submit(stage, *[origin.put(f"/many{index}-{n}.mp4", b"x" * 1000) for n in range(20)])
    environment = {"TOWLINE_ACCESS_KEY_ID": made["id"], "TOWLINE_ACCESS_KEY_SECRET": made["secret"]}
    stage.environment.update(environment)
    submit(stage, origin.put("/small.mp4", FILE))
    # Held ones take no slot once they have said nothing for a second: on a slow machine others have begun before.
    begun = len(origin.requests())
    gate.open()
    origin.wait_for_requests(1, "/small.mp4")
    before = [request.path for request in origin.requests()].index("/small.mp4") - begun
    # The two that were held, and at most a few that were claimed together with it.
    assert before <= 8, f"{before} requests of the other account came first"


def test_bandwidth_limits_hold_and_are_recorded(started, origin):
    stage = started("--pull-transfer-max-bytes-per-second", "200 KiB")
    job = pull(stage, origin.put("/slow.mp4", FILE))
    attempt = shown(stage, job)["attemptList"][0]
    # 293 KiB at 200 KiB a second, less the quarter of a second that may come at once.
    assert attempt["durationMilliseconds"] >= 1000
    assert attempt["recording"]["throttledSeconds"] > 0.5


def test_a_cancel_stops_a_transfer_under_way_and_leaves_nothing(stage, origin):
    gate = Gate()
    job = submit(stage, origin.put("/held.mp4", Reply(200, FILE, gate=gate, gate_after=100_000)))
    origin.wait_for_requests(1, "/held.mp4")
    stage.must("jobs", "cancel", job)
    detail = shown(stage, job)
    assert detail["state"] == "cancelled" and detail["errorCode"] == "JobCancelled"
    stage.must("jobs", "retry", job)
    gate.open()
    eventually(lambda: shown(stage, job)["state"] == "succeeded", 20, "the next run")
    assert shown(stage, job)["run"] == 2
