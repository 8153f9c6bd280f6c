"""A node's SQLite store is moved into PostgreSQL by `towline migrate --from … --to …`.

The node has jobs in every state, callbacks that its receiver does not take, and messages in queues; it is killed. The move is
killed again and again, after as many lines of its progress as a seed says, and started again until it ends. Then a node on
PostgreSQL shows the same, pulls what waited, sends every event that waited once, and gives out the messages.
"""

import contextlib
import json
import random
import subprocess
import threading

import pytest
from conftest import Stage
from harness.origin import sample
from harness.postgres import Postgres
from harness.server import NotReady, Towline, binary, clean_environment, dying_with_parent, towline
from harness.waiting import eventually
from harness.web import Gate, Reply
from load import make_events

FAILED, USAGE = 1, 2
TABLES = 21
DELIVERY = [
    "--delivery-policy", "durable", "--delivery-schedule", ",".join(["1"] * 60), "--delivery-breaker-pause-seconds",
    "0.1", "--delivery-breaker-max-pause-seconds", "0.2",
]
FLAGS = [*DELIVERY, "--log-level", "error", "--lease-seconds", "3"]


@pytest.fixture
def database():
    with Postgres() as server:
        yield server


class Move:
    """`towline migrate` under way."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            dying_with_parent([binary(), "migrate", *map(str, arguments)]), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(), text=True)

    def kill_when_stuck(self, database, table):
        """Kills it when it waits for a table that is locked."""
        waiting = f"SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{table}'::regclass"
        eventually(lambda: database.query(waiting) == "1", 60, f"the move to come to {table}")
        self.process.kill()
        self.process.communicate(timeout=30)
        assert self.process.returncode == -9

    def kill_in(self, seconds):
        """Kills it after a time, unless it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.communicate(timeout=seconds)
        self.process.kill()
        self.process.communicate(timeout=30)


@contextlib.contextmanager
def locked(folder, database, table):
    """Nothing can be written into a table, so that no move comes past it meanwhile."""
    if not database.query("SELECT to_regclass('counters')"):
        done = towline("migrate", "--data", folder / "tables", *store_flags(folder, database))
        assert done.returncode == 0, done.stderr
    psql = subprocess.Popen(
        [database.bin / "psql", "-X", "-q", "-h", database.folder, "-U", "postgres"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True)
    psql.stdin.write(f"BEGIN; LOCK TABLE {table} IN SHARE MODE;\n\\echo locked\n")
    psql.stdin.flush()
    assert psql.stdout.readline() == "locked\n"
    yield
    psql.communicate(timeout=30)


def urls(folder, database):
    return "--from", f"sqlite:{folder / 'data' / 'towline.db'}", "--to", database.url


def refused(done, code, *words):
    """The one sentence of a command that had to fail."""
    assert done.returncode == code, f"{done.args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    for word in words:
        assert word in line, line
    return line


def shown(admin):
    """What the admin API tells about everything, but for what depends on the moment."""
    jobs = {job["id"]: admin.get(f"/jobs/{job['id']}") for job in admin.all("/jobs", limit=200)}
    deliveries = {each["id"]: admin.get(f"/deliveries/{each['id']}") for each in admin.deliveries()}
    return {
        "jobs": jobs, "events": admin.events(), "deliveries": deliveries, "endpoints": admin.endpoints(),
        "queues": admin.all("/queues"), "stats": admin.get("/stats")["jobs"],
    }


def store_flags(folder, database):
    data = folder / "data"
    return [
        "--store-url", database.url, "--objects-url", f"file:{data / 'media'}", "--secrets-key-file",
        str(data / "secret.key"),
    ]


def test_everything_moves_whatever_kills_the_move(folder, database, origin, receiver, request):
    plan = random.Random(request.config.getoption("--seed"))
    data = folder / "data"
    gate = Gate()
    down = threading.Event()
    down.set()
    hook = receiver.script("/hook", lambda _: Reply(503, b"down") if down.is_set() else Reply(200, b"ok"))

    # Work in every state, and a kill.
    server = Towline(data, *FLAGS, "--pull-retries", "2")
    stage = Stage(server)
    stage.must("queues", "create", "dead")
    stage.must("queues", "create", "orders", "--dead-letter-queue", "dead", "--max-receives", "3", "--visibility-timeout", "1")
    for number in range(30):
        stage.must("queues", "send", "orders", f"message {number}", "--priority", str(1 + number % 3))
    stage.must("queues", "send", "orders", "later", "--delay", "3600")
    stored = stage.api.submit(*(origin.sample_url(f"m{number}", 100 * number) for number in range(20)))
    eventually(lambda: stage.admin.get("/stats")["jobs"].get("succeeded", 0) == 20, 120, "the first jobs")
    stage.api.set_callback(hook, EventTypeList="UploadByURLComplete")
    failed = make_events(stage.api, origin, 40)
    running_body = sample("running", 300_000)
    running_url = origin.put(
        "/running.mp4", [Reply(200, running_body, gate=gate, gate_after=1000), Reply(200, running_body)])
    [running] = stage.api.submit(running_url)
    origin.wait_for_requests(1, "/running.mp4", timeout=60)
    eventually(
        lambda: all(stage.admin.get(f"/jobs/{job}")["state"] == "failed" for job in failed), 120, "the failed jobs")
    receiver.wait(3, "/hook", timeout=60)
    server.kill()
    gate.open()
    # Nothing is pulled or sent any more, and more comes in.
    server = Towline(data, *FLAGS, "--roles", "api,queue,console")
    stage = Stage(server)
    waiting = []
    for start in range(0, 400, 20):
        waiting += stage.api.submit(*(origin.sample_url(f"w{number}", 500) for number in range(start, start + 20)))
    cancelled = waiting.pop()
    stage.admin.post(f"/jobs/{cancelled}/cancel")
    in_use = towline("migrate", *urls(folder, database))
    refused(in_use, FAILED, "another Towline process", "stop it")
    before = shown(stage.admin)
    server.kill()

    # The move, killed.
    planned = towline("migrate", *urls(folder, database), "--dry-run", "--json")
    assert planned.returncode == 0, planned.stderr
    rows = {each["table"]: each["source"] for each in json.loads(planned.stdout)["tables"]}
    assert len(rows) == TABLES and rows["jobs"] == 461
    places = ["lanes", "jobs", "runs", "job_attempts", "events", "deliveries", "delivery_attempts", "queue_messages"]
    for table in [*sorted(plan.sample(places, 4), key=places.index), "counters"]:
        with locked(folder, database, table):
            Move(*urls(folder, database)).kill_when_stuck(database, table)
    with pytest.raises(NotReady) as error:
        Towline(folder / "early", *FLAGS, *store_flags(folder, database))
    assert "unfinished migration" in str(error.value)
    for _ in range(3):
        Move(*urls(folder, database)).kill_in(plan.uniform(0.02, 0.6))
    done = towline("migrate", *urls(folder, database), "--json", timeout=300)
    assert done.returncode == 0, done.stderr
    tables = json.loads(done.stdout)["tables"]
    assert len(tables) == TABLES
    assert all(each["source"] == each["target"] for each in tables), tables
    counts = {each["table"]: each["target"] for each in tables}
    assert counts["jobs"] == 461 and counts["events"] >= rows["events"] and counts["queue_messages"] == 31
    again = towline("migrate", *urls(folder, database))
    assert again.returncode == 0 and "nothing to do" in again.stdout
    for each in tables:
        assert [each["table"], str(each["source"]), str(each["target"])] in [
            line.split()[:3] for line in again.stdout.splitlines()]

    # The same on the other side, while nothing works there.
    quiet = Towline(folder / "quiet", *FLAGS, *store_flags(folder, database), "--roles", "api,queue,console")
    after = shown(Stage(quiet).admin)
    assert quiet.stop() == 0
    for name, value in before.items():
        assert after[name] == value, name

    # What waited is done there.
    open_deliveries = {
        each["id"]: each for each in before["deliveries"].values() if each["state"] not in ("delivered", "dead")}
    assert len(open_deliveries) >= 40
    arrived = len(receiver.received("/hook"))
    down.clear()
    node = Stage(Towline(folder / "node", *FLAGS, *store_flags(folder, database)))
    try:
        ended = {"succeeded", "failed", "cancelled"}
        eventually(
            lambda: sum(count for state, count in node.admin.get("/stats")["jobs"].items() if state in ended) == 461,
            240, "the end of every job", pause=0.2)
        for job in [*stored, *waiting, running]:
            assert node.admin.get(f"/jobs/{job}")["state"] == "succeeded", job
        assert all(node.admin.get(f"/jobs/{job}")["state"] == "failed" for job in failed)
        assert node.admin.get(f"/jobs/{cancelled}")["state"] == "cancelled"
        for delivery in open_deliveries:
            node.admin.wait_delivery(delivery, "delivered", timeout=120)
        events = [
            each.header("webhook-id") for each in receiver.received("/hook")[arrived:]]
        for delivery in open_deliveries.values():
            assert events.count(delivery["event"]["id"] if isinstance(delivery["event"], dict) else delivery["event"]) == 1
        messages = []
        while len(messages) < 30:
            found = node.documents("queues", "receive", "orders", "--count", "16", "--wait", "10", "--delete")
            assert found, messages
            messages += [each["decodedBody"] if "decodedBody" in each else each["body"] for each in found]
        assert sorted(messages) == sorted(f"message {number}" for number in range(30))
        for number, job in enumerate(stored):
            detail = node.admin.get(f"/jobs/{job}")
            assert (data / "media" / detail["objectKey"]).read_bytes() == sample(f"m{number}", 100 * number)
        assert node.api.submit(origin.sample_url("new", 10))[0] not in before["jobs"]
    finally:
        assert node.server.stop() == 0


@pytest.fixture
def small(folder):
    """A stopped node's store with a key and a job."""
    with Towline(folder / "data", "--log-level", "error") as server:
        Stage(server).api.submit("http://127.0.0.1:9/nothing.mp4")
    return folder


def test_what_is_asked_wrongly_is_told(small, database):
    source, target = f"sqlite:{small / 'data' / 'towline.db'}", database.url
    for arguments in (("--from", source), ("--to", target), ("--dry-run",)):
        done = towline("migrate", *arguments)
        assert done.returncode == USAGE, done.stderr
    refused(towline("migrate", "--from", target, "--to", source), USAGE, "--from takes sqlite:PATH")
    refused(towline("migrate", "--from", source, "--to", source), USAGE, "--to takes postgres://")
    refused(towline("migrate", "--from", source, "--to", "mysql://host/db"), USAGE, "--to takes postgres://")
    missing = small / "data" / "none.db"
    refused(towline("migrate", "--from", f"sqlite:{missing}", "--to", target), FAILED, "no Towline database", str(missing))
    assert not missing.exists()
    nowhere = small / "nowhere" / "towline.db"
    refused(towline("migrate", "--from", f"sqlite:{nowhere}", "--to", target), FAILED, "no Towline database", str(nowhere))
    (small / "data" / "text.db").write_text("this is no database" * 100)
    refused(
        towline("migrate", "--from", f"sqlite:{small / 'data' / 'text.db'}", "--to", target), FAILED,
        "no Towline database")
    refused(
        towline("migrate", "--from", source, "--to", f"postgres://postgres@/other?host={database.folder}"), FAILED,
        "other", "does not exist")
    database.query("CREATE TABLE shop (id int)")
    refused(towline("migrate", "--from", source, "--to", target), FAILED, "another program")


def test_another_key_file_is_told(small, database):
    other = small / "other.key"
    other.write_text("ab" * 32 + "\n")
    other.chmod(0o600)
    done = towline("migrate", *urls(small, database), "--secrets-key-file", other)
    refused(done, FAILED, "key file")
    (small / "data" / "secret.key").unlink()
    refused(towline("migrate", *urls(small, database)), FAILED, "key file", "missing")


def test_a_target_in_use_or_with_something_in_it_is_told(small, database):
    with Towline(small / "node", "--log-level", "error", *store_flags(small, database)) as server:
        assert server.api
        refused(towline("migrate", *urls(small, database)), FAILED, "not empty", "1 rows in access_keys")
    database.query("DELETE FROM access_keys")
    database.query("INSERT INTO schema_versions VALUES ('v999')")
    refused(towline("migrate", *urls(small, database)), FAILED, "newer version", "v999")


def test_a_move_from_elsewhere_and_a_source_that_was_used_since_are_told(small, database):
    with locked(small, database, "counters"):
        Move(*urls(small, database)).kill_when_stuck(database, "counters")
    other = small / "other"
    with Towline(other, "--log-level", "error"):
        pass
    done = towline("migrate", "--from", f"sqlite:{other / 'towline.db'}", "--to", database.url)
    refused(done, FAILED, "unfinished migration from another store", str(small / "data" / "towline.db"))
    with Towline(small / "data", "--log-level", "error"):
        pass
    refused(towline("migrate", *urls(small, database)), FAILED, "the source was used since")
    database.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    done = towline("migrate", *urls(small, database))
    assert done.returncode == 0, done.stderr
    assert "every table has the same rows on both sides" in done.stdout
