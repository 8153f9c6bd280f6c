"""`kill -9` at random moments while large transfers are under way: they go on where they stopped, and nothing is wrong.

A round has some files that come slowly over ranges, from an origin that resets connections now and then, and ends when every
job has ended. Then each job must have succeeded with the digest of its file and exactly one `UploadByURLComplete`, and nothing
else may lie in the media folder. How much was sent beyond the files is recorded.

As a test: `pytest transfer_kill_test.py` kills a few times, `-m torture` 500 times.
"""

import hashlib
import random
import shutil
import time
from urllib.parse import quote_plus

import pytest
from harness.admin import Admin
from harness.origin import Origin, sample
from harness.server import Towline
from harness.waiting import eventually
from harness.web import Reply
from rawclient import RawClient

CHECKPOINT = 256 << 10
# Slow enough for several kills within a file; short leases, so that what a killed process had begun is swept at once.
FLAGS = [
    "--lease-seconds", "3", "--log-level", "error", "--pull-checkpoint-bytes", str(CHECKPOINT),
    "--pull-transfer-max-bytes-per-second", str(2 << 20), "--pull-per-origin", "16", "--pull-max-connections", "4",
]
FILES = 8


def ranges(body, plan, sent):
    """Answers ranges of a body; one answer in six is cut off."""

    def answer(request):
        fields = [("ETag", f'"{hashlib.md5(body).hexdigest()}"'), ("Accept-Ranges", "bytes")]
        asked = request.header("Range")
        first, last = 0, len(body) - 1
        if asked:
            begin, _, end = asked.removeprefix("bytes=").partition("-")
            first, last = int(begin), int(end or last)
            fields.append(("Content-Range", f"bytes {first}-{last}/{len(body)}"))
        part = body[first : last + 1]
        cut = plan.randrange(len(part)) if plan.random() < 1 / 6 else None
        sent.append(len(part) if cut is None else cut)
        return Reply(206 if asked else 200, part, fields, cut=cut)

    return answer


def kill_round(seed, kills, folder, idle_timeout=120):
    """One round; returns (problems, facts)."""
    plan = random.Random(seed)
    sent = []
    data = folder / f"round-{seed}"
    bodies = {f"/{n}.mp4": sample(f"{seed}-{n}", plan.randrange(1 << 20, 4 << 20)) for n in range(FILES)}
    with Origin() as origin:
        urls = [origin.put(path, ranges(body, random.Random(f"{seed}{path}"), sent)) for path, body in bodies.items()]
        server = Towline(data, *FLAGS)
        problems = []
        try:
            answer = RawClient(server.api).must(
                "UploadMediaByURL", {"UploadURLs": ",".join(quote_plus(url) for url in urls)})
            jobs = {job["JobId"]: job["SourceURL"] for job in answer["UploadJobs"]}
            hit = 0
            for _ in range(kills):
                time.sleep(plan.uniform(0.02, 0.5))
                if Admin(server.admin).get("/stats")["jobs"].get("succeeded", 0) == len(jobs):
                    break
                server.kill()
                hit += 1
                server = Towline(data, *FLAGS)
            admin = Admin(server.admin)
            eventually(
                lambda: sum(admin.get("/stats")["jobs"].get(state, 0) for state in ("succeeded", "failed")) == len(jobs),
                idle_timeout, "the end of every job", pause=0.1,
            )
            stored = set()
            for job, url in jobs.items():
                detail = admin.get(f"/jobs/{job}")
                events = [event["type"] for event in detail["events"]]
                if detail["state"] != "succeeded" or events.count("UploadByURLComplete") != 1:
                    problems.append(f"{url}: {detail['state']} {detail.get('errorMessage')}, events {events}")
                    continue
                file = data / "media" / detail["objectKey"]
                stored.add(file)
                body = bodies["/" + url.rsplit("/", 1)[1]]
                if not file.exists() or hashlib.sha256(file.read_bytes()).digest() != hashlib.sha256(body).digest():
                    problems.append(f"{url}: wrong digest")

            def leftovers():
                return {path for path in (data / "media").rglob("*") if path.is_file()} - stored

            try:
                eventually(lambda: not leftovers(), 30, "the removal of what no run chose", pause=0.2)
            except AssertionError:
                problems.append(f"left over: {sorted(leftovers())}")
            if server.stop() != 0:
                problems.append(f"no clean end: {server.text()}")
            size = sum(len(body) for body in bodies.values())
            return problems, {"kills": hit, "bytes": size, "sent": sum(sent)}
        finally:
            server.kill()
            shutil.rmtree(data, ignore_errors=True)


def rounds(kills, seed, folder):
    found, totals, number = [], {"kills": 0, "bytes": 0, "sent": 0, "transfers": 0}, 0
    begun = time.monotonic()
    while totals["kills"] < kills:
        problems, facts = kill_round(seed + number, min(12, kills - totals["kills"]), folder)
        found += [f"seed {seed + number}: {problem}" for problem in problems]
        totals["transfers"] += FILES
        for name, value in facts.items():
            totals[name] += value
        number += 1
        assert number <= kills, "the kills come too late"
    return found, {"rounds": number, "seeds from": seed, **totals, "s": round(time.monotonic() - begun)}


def test_transfers_go_on_after_kills(folder, request):
    found, _ = rounds(10, request.config.getoption("--seed"), folder)
    assert not found, "\n".join(found)


@pytest.mark.torture
def test_transfers_go_on_after_five_hundred_kills(folder, request, record_result):
    found, facts = rounds(500, request.config.getoption("--seed"), folder)
    facts["problems (lost, wrong digest, left over)"] = len(found)
    record_result("kill -9 during transfers", facts.items())
    print(facts)
    assert not found, "\n".join(found)
