"""A hundred sources that stand still at once: a good job is as quick as without them, and they cost little memory."""

import time
from pathlib import Path

import pytest

from harness.origin import Origin, sample
from harness.waiting import eventually
from harness.web import Gate, Reply

STALLED, GOOD = 100, 60


def memory(pid):
    """The resident memory of a process in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no VmRSS")


def pull_times(stage, origin, label):
    """Seconds from each submission to the end of its job, one after the other, sorted."""
    times = []
    for number in range(GOOD):
        begun = time.monotonic()
        [job] = stage.api.submit(origin.sample_url(f"{label}{number}", 100_000))
        eventually(lambda: stage.api.infos(job)[job]["Status"] == "SUCCESS", 20, f"good job {number}", pause=0.002)
        times.append(time.monotonic() - begun)
    return sorted(times)


@pytest.mark.parametrize("sent", [None, 50_000])
def test_a_hundred_stalled_sources_keep_no_good_job_waiting(started, origin, record_result, sent):
    stage = started("--log-level", "warning")
    gate = Gate()
    with Origin(host="0.0.0.0") as still:
        port = still.url.rsplit(":", 1)[1]
        reply = Reply(200, sample("still", 200_000), gate=gate if sent is None else None)
        if sent is not None:
            reply = Reply(200, sample("still", 200_000), gate=gate, gate_after=sent)
        still.put("/still.mp4", reply)
        try:
            idle = pull_times(stage, origin, "idle")
            before = memory(stage.server.pid)
            # Each address is an origin of its own.
            urls = [f"http://127.0.1.{number + 1}:{port}/still.mp4" for number in range(STALLED)]
            for start in range(0, STALLED, 20):
                stage.api.submit(*urls[start:start + 20])
            still.wait_for_requests(STALLED, "/still.mp4", timeout=25)
            busy = pull_times(stage, origin, "busy")
            cost = memory(stage.server.pid) - before
            assert len(still.requests("/still.mp4")) == STALLED, "some of them were over before the good jobs were"
        finally:
            gate.open()
    index = GOOD * 99 // 100
    facts = [
        ("p99 idle", f"{idle[index] * 1000:.0f} ms"), ("p99 with them", f"{busy[index] * 1000:.0f} ms"),
        ("p50 idle", f"{idle[GOOD // 2] * 1000:.0f} ms"), ("p50 with them", f"{busy[GOOD // 2] * 1000:.0f} ms"),
        ("memory", f"{cost / (1 << 20):.1f} MiB"),
    ]
    record_result(f"{STALLED} stalled sources, {sent or 'no'} bytes sent", facts)
    print(facts)
    assert cost <= 64 << 20
    # A busy machine is not the sources' fault: the bar of twice the idle value is read from the figures, this is the net.
    assert busy[-1] < 10
