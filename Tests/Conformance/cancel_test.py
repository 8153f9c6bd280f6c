"""`CancelUrlUploadJobs` through the vendor's clients (vod-api.md 2.4)."""

from urllib.parse import quote_plus

import pytest
from harness.origin import Origin
from harness.web import Gate, Reply


@pytest.fixture
def held(started):
    """A server that pulls one file of an origin at a time, and an origin that holds its first answer back."""
    gate = Gate()
    with Origin() as origin:
        origin.put("/first.mp4", Reply(200, b"first", gate=gate))
        server = started("--pull-per-origin", "1")
        yield server, origin, gate
        gate.open()


def test_waiting_jobs_are_cancelled_and_a_started_one_is_not(sdk_name, sdk_at, held):
    server, origin, gate = held
    sdk = sdk_at(sdk_name, server)
    urls = [f"{origin.url}/first.mp4", origin.sample_url("second", 10), origin.sample_url("third", 10)]
    first, second, third = [job["JobId"] for job in sdk.submit(",".join(quote_plus(url) for url in urls))]
    origin.wait_for_requests(1, "/first.mp4")
    assert {job: info["Status"] for job, info in sdk.infos(second, third).items()} == {
        second: "PENDING", third: "PENDING",
    }

    ghost = "e" * 32
    answer = sdk.call("CancelUrlUploadJobs", {"JobIds": ",".join([first, second, ghost])})
    assert answer["CanceledJobs"] == [second]
    assert answer["NonExists"] == [ghost]
    info = sdk.infos(second)[second]
    assert info["Status"] == "DOWNLOAD_FAIL"
    assert info["ErrorCode"] == "JobCancelled"

    nowhere = "http://x.example/y.mp4"
    answer = sdk.call("CancelUrlUploadJobs", {"UploadUrls": f"{quote_plus(urls[2])},{quote_plus(nowhere)}"})
    assert answer["CanceledJobs"] == [third]
    assert answer["NonExists"] == [nowhere]

    again = sdk.call("CancelUrlUploadJobs", {"JobIds": second})
    assert again["CanceledJobs"] == []
    assert again["NonExists"] == []

    gate.open()
    assert sdk.wait(first)[first]["FileSize"] == "5"
    assert origin.requests("/sample/second/10.mp4") == []
    assert origin.requests("/sample/third/10.mp4") == []


def test_job_ids_win_over_urls(sdk_name, sdk_at, held):
    server, origin, _ = held
    sdk = sdk_at(sdk_name, server)
    urls = [f"{origin.url}/first.mp4", origin.sample_url("second", 10), origin.sample_url("third", 10)]
    _, second, third = [job["JobId"] for job in sdk.submit(",".join(quote_plus(url) for url in urls))]
    origin.wait_for_requests(1, "/first.mp4")
    answer = sdk.call("CancelUrlUploadJobs", {"JobIds": second, "UploadUrls": quote_plus(urls[2])})
    assert answer["CanceledJobs"] == [second]
    assert sdk.infos(third)[third]["Status"] == "PENDING"


def test_a_cancelled_job_tells_so_in_its_event(sdk_name, sdk_at, held, receiver, unique):
    server, origin, _ = held
    sdk = sdk_at(sdk_name, server)
    callback = receiver.url + f"/{unique}"
    sdk.call("SetMessageCallback", {"CallbackType": "HTTP", "CallbackURL": callback, "EventTypeList": "ALL"})
    urls = [f"{origin.url}/first.mp4", origin.sample_url("second", 10)]
    _, second = [job["JobId"] for job in sdk.submit(",".join(quote_plus(url) for url in urls))]
    origin.wait_for_requests(1, "/first.mp4")
    sdk.call("CancelUrlUploadJobs", {"JobIds": second})
    receiver.wait(1, f"/{unique}")
    [event] = receiver.events(f"/{unique}")
    assert event["EventType"] == "UploadByURLComplete"
    assert event["Status"] == "fail"
    assert event["JobId"] == second
    assert event["ErrorCode"] == "JobCancelled"
    assert "VideoId" not in event
