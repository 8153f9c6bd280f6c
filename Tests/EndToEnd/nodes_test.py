"""Several nodes on one PostgreSQL: nodes are killed and frozen, the database crashes and is started again, and every job ends
once, with the right bytes and its event, and nothing is left over."""

import hashlib
import random
import threading
import time
from urllib.parse import quote_plus

import pytest
from harness.admin import Admin
from harness.origin import Origin, sample
from harness.postgres import Postgres
from harness.receiver import Receiver
from harness.server import Towline
from harness.waiting import eventually
from harness.web import Gate, Reply
from rawclient import RawClient

LEASE = 3
NAMES = ["node-0", "node-1", "node-2"]


@pytest.fixture
def database():
    with Postgres() as server:
        yield server


class Nodes:
    """Nodes that share a database, a folder of files and a key file."""

    def __init__(self, folder, database, count, *flags):
        self.folder, self.database, self.flags = folder, database, flags
        self.nodes = [self.start(number) for number in range(count)]

    def start(self, number):
        return Towline(
            self.folder / f"node-{number}", "--store-url", self.database.url, "--objects-url",
            f"file:{self.folder / 'media'}", "--secrets-key-file", str(self.folder / "secret.key"),
            "--node-id", NAMES[number], "--lease-seconds", str(LEASE), "--log-level", "error", "--store-connections", "3", *self.flags,
        )

    def kill(self, number):
        self.nodes[number].kill()
        self.nodes[number] = self.start(number)

    def stop(self):
        return [node.stop() for node in self.nodes]

    def end(self):
        for node in self.nodes:
            node.kill()


@pytest.fixture
def nodes(folder, database):
    made = []

    def make(count, *flags):
        made.append(Nodes(folder, database, count, *flags))
        return made[-1]

    yield make
    for group in made:
        group.end()


def submit(client, urls):
    jobs = []
    for start in range(0, len(urls), 20):
        answer = client.must("UploadMediaByURL", {
            "UploadURLs": ",".join(quote_plus(url) for url in urls[start : start + 20])})
        jobs += [job["JobId"] for job in answer["UploadJobs"]]
    return jobs


def counts(admin):
    return admin.get("/stats")["jobs"]


def check(folder, admin, jobs, urls):
    """Every job has succeeded with the bytes of its file and one terminal event; no other file lies in the folder."""
    stored = set()
    for job, url in zip(jobs, urls):
        detail = admin.get(f"/jobs/{job}")
        assert detail["state"] == "succeeded", f"{url}: {detail['state']} {detail.get('errorMessage')}"
        assert [event["type"] for event in detail["events"]].count("UploadByURLComplete") == 1, detail["events"]
        _, _, name, file = url.split("://", 1)[1].split("/", 3)
        expected = sample(name, int(file.split(".")[0]))
        path = folder / "media" / detail["objectKey"]
        assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(expected).digest(), url
        stored.add(path)

    def leftovers():
        return {path for path in (folder / "media").rglob("*") if path.is_file()} - stored

    eventually(lambda: not leftovers(), 60, "the removal of what no run chose", pause=0.2)


def test_what_one_node_accepts_another_pulls_and_all_can_show(nodes, folder, database, origin):
    group = nodes(2)
    first, second = group.nodes
    url = origin.sample_url("shared", 300_000)
    job = submit(RawClient(first.api), [url])[0]
    admin = Admin(second.admin)
    eventually(lambda: admin.get(f"/jobs/{job}")["state"] == "succeeded", 30, "the job")
    check(folder, admin, [job], [url])
    assert group.stop() == [0, 0]


def test_a_killed_nodes_job_is_taken_over_when_its_lease_is_over(nodes, folder, database):
    body = sample("held", 400_000)
    with Origin() as origin:
        gate = Gate()
        url = origin.put("/held.mp4", [Reply(200, body, gate=gate, gate_after=1000), Reply(200, body)])
        group = nodes(2)
        job = submit(RawClient(group.nodes[0].api), [url])[0]
        eventually(lambda: origin.requests("/held.mp4"), 20, "the first attempt")
        holder = database.query("SELECT node FROM runs WHERE lease IS NOT NULL")
        number = next(n for n, name in enumerate(NAMES) if name == holder)
        group.nodes[number].kill()
        killed = time.monotonic()
        admin = Admin(group.nodes[1 - number].admin)
        eventually(lambda: admin.get(f"/jobs/{job}")["state"] == "succeeded", LEASE + 20, "the take-over")
        print(f"taken over and done {time.monotonic() - killed:.1f} s after the kill; the lease is {LEASE} s")
        detail = admin.get(f"/jobs/{job}")
        assert len(detail["attemptList"]) == 2
        gate.open()


def chaos(nodes, folder, database, jobs, kills, seed):
    plan = random.Random(seed)
    with Origin() as origin, Receiver() as receiver:
        group = nodes(3, "--pull-per-origin", "8")
        client = RawClient(group.nodes[0].api)
        client.set_callback(receiver.url + "/hook", EventTypeList="UploadByURLComplete")
        urls = [origin.sample_url(f"n{number}", plan.randrange(1, 600_000)) for number in range(jobs)]
        ids = submit(client, urls)
        begun = time.monotonic()
        for _ in range(kills):
            time.sleep(plan.uniform(0.1, 0.6))
            number = plan.randrange(3)
            what = plan.choice(["kill", "kill", "freeze", "crash"])
            if what == "kill":
                group.kill(number)
            elif what == "crash":
                database.crash()
            else:
                # Past the lease, beside the others' work.
                node = group.nodes[number]
                node.freeze()
                threading.Timer(LEASE + 1.5, node.thaw).start()
        time.sleep(LEASE + 2)
        admin = Admin(group.nodes[1].admin)
        eventually(
            lambda: sum(counts(admin).get(state, 0) for state in ("succeeded", "failed")) == jobs, 240,
            "the end of every job", pause=0.2,
        )
        check(folder, admin, ids, urls)
        assert sum(counts(admin).values()) == jobs
        bodies = {request.body for request in receiver.received()}
        assert len(bodies) == jobs, f"{len(bodies)} different events arrived for {jobs} jobs"
        assert group.stop() == [0, 0, 0]
        return {"jobs": jobs, "kills, freezes and crashes": kills, "arrivals": len(receiver.received()),
                "s": round(time.monotonic() - begun)}


def test_jobs_end_once_while_nodes_die_and_the_database_crashes(nodes, folder, database, request):
    chaos(nodes, folder, database, 120, 6, request.config.getoption("--seed"))


@pytest.mark.torture
def test_ten_thousand_jobs_end_once_while_nodes_die_and_the_database_crashes(
    nodes, folder, database, request, record_result
):
    facts = chaos(nodes, folder, database, 10_000, 200, request.config.getoption("--seed"))
    record_result("several nodes on PostgreSQL", facts.items())
