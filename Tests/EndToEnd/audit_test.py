"""The audit of the kill and power-cut tests sees each kind of damage; otherwise their silence would mean nothing."""

import shutil
import sqlite3

import pytest
from audit import Audit, open_work
from event_kill_test import EventAudit
from harness.origin import sample
from harness.receiver import Receiver
from harness.server import Towline
from harness.waiting import eventually
from harness.web import Request
from rawclient import RawClient


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A stopped server's data folder with two stored files and a failure, and what the receiver got of them."""
    from harness.origin import Origin

    data = tmp_path_factory.mktemp("audit") / "data"
    with Origin() as origin, Receiver() as receiver:
        server = Towline(data, "--log-level", "warning")
        client = RawClient(server.api)
        client.set_callback(receiver.url + "/hook")
        expected = {
            origin.sample_url("small", 5000): sample("small", 5000),
            origin.sample_url("large", 500_000): sample("large", 500_000),
            f"{origin.url}/missing.mp4": None,
        }
        jobs = client.submit(*expected)
        receiver.wait(5)
        eventually(lambda: open_work(data) == (0, 0, 0), 30, "everything to end")
        assert server.stop() == 0
        return data, dict(zip(jobs, expected.values())), expected, receiver.received()


@pytest.fixture
def copy(finished, tmp_path):
    """The folder to be damaged, and what the audit says about it."""
    data, accepted, expected, received = finished
    shutil.copytree(data, tmp_path / "data")

    def audit(accepted=accepted, received=received):
        return Audit(tmp_path / "data", accepted, expected, received).run()

    return tmp_path / "data", audit


def change(data, *statements):
    with sqlite3.connect(data / "towline.db") as database:
        database.execute("PRAGMA foreign_keys = OFF")
        for statement in statements:
            database.execute(statement)
    database.close()


def stored(data, size):
    return next(path for path in (data / "media").rglob("*") if path.is_file() and path.stat().st_size == size)


def test_an_undamaged_folder_has_no_problems(copy):
    _, audit = copy
    assert audit() == []


@pytest.mark.parametrize("statement, said", [
    ("DELETE FROM jobs WHERE seq = (SELECT min(seq) FROM jobs)", "was acknowledged and is missing"),
    ("UPDATE runs SET ended_at = NULL WHERE job = (SELECT min(seq) FROM jobs)", "has not ended"),
    ("DELETE FROM events WHERE CAST(body AS TEXT) LIKE '%UploadByURLComplete%'", "has 0 UploadByURLComplete events"),
    ("DELETE FROM events WHERE CAST(body AS TEXT) LIKE '%FileUploadComplete%'", "has 0 FileUploadComplete events"),
    ("UPDATE events SET body = CAST(replace(CAST(body AS TEXT), 'success', 'fail') AS BLOB)", "not to be expected"),
    ("DELETE FROM deliveries", "have no delivery"),
    ("UPDATE deliveries SET ended_at = NULL", "are open or dead"),
    ("DELETE FROM media WHERE bytes = 5000", "no media names it"),
    ("UPDATE media SET bytes = 4999 WHERE bytes = 5000", "are recorded"),
    ("UPDATE lane_groups SET in_use = 1", "attempts that do not run"),
    ("INSERT INTO object_intents (object_key, job, created_at) VALUES ('x', 1, 1)", "object intents are left"),
])
def test_damage_to_the_database_is_seen(copy, statement, said):
    data, audit = copy
    change(data, statement)
    assert any(said in problem for problem in audit()), audit()


@pytest.mark.parametrize("size", [5000, 500_000])
def test_damage_to_a_file_is_seen(copy, size):
    data, audit = copy
    path = stored(data, size)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert any("has the wrong bytes" in problem for problem in audit())
    path.write_bytes(content[:-1])
    assert any("are recorded" in problem for problem in audit())
    path.unlink()
    assert any("is missing" in problem for problem in audit())


def test_files_that_nobody_names_are_seen(copy):
    data, audit = copy
    path = stored(data, 5000)
    path.with_name(path.name + ".part").write_bytes(b"half")
    assert any("lies around" in problem for problem in audit())


def test_lost_doubled_and_changed_callbacks_are_seen(copy, finished):
    _, audit = copy
    received = finished[3]
    assert any("never arrived" in problem for problem in audit(received=received[1:]))
    assert any("came twice" in problem for problem in audit(received=[*received, received[0]]))
    first = received[0]
    other = Request(first.method, first.target, first.headers, first.body + b" ", first.at, first.connection)
    assert any("other bytes" in problem for problem in audit(received=[other, *received[1:]]))
    stranger = Request(first.method, first.target, [("webhook-id", "evt_0")], first.body, first.at, first.connection)
    assert any("is not stored" in problem for problem in audit(received=[*received, stranger]))


def test_jobs_that_nobody_submitted_are_seen(finished, copy):
    data, accepted, expected, received = finished
    assert any("submitted by nobody" in problem for problem in Audit(data, {}, {}, received).run())


@pytest.fixture
def arrivals(finished):
    """What came, as the receivers of the event kill test keep it, and what the audit says about a change of it."""
    data, accepted, expected, received = finished

    def audit(arrivals, duplicates_allowed=0):
        return EventAudit(data, accepted, expected, arrivals, ("/hook",), duplicates_allowed).run()

    return [("/hook", request, True) for request in received], audit


def test_failures_before_an_event_is_accepted_are_no_problem(arrivals):
    came, audit = arrivals
    path, request, _ = came[0]
    assert audit(came) == []
    assert audit([(path, request, False), (path, request, False), *came]) == []


def test_events_that_were_never_accepted_are_seen(arrivals):
    came, audit = arrivals
    path, request, _ = came[0]
    assert any("was never accepted at /hook" in problem for problem in audit([(path, request, False), *came[1:]]))
    assert any("was never accepted at /hook" in problem for problem in audit([("/other", request, True), *came[1:]]))


def test_arrivals_that_no_kill_explains_are_seen(arrivals):
    came, audit = arrivals
    assert any("after one that was accepted" in problem for problem in audit([*came, came[0]]))
    assert audit([*came, came[0]], duplicates_allowed=1) == []


def test_an_event_under_two_ids_and_changed_bytes_are_seen(arrivals):
    came, audit = arrivals
    path, first, _ = came[0]
    renamed = Request(first.method, first.target, [("webhook-id", "evt_0")], first.body, first.at, first.connection)
    assert any("came under the ids" in problem for problem in audit([*came, (path, renamed, True)]))
    other = Request(first.method, first.target, first.headers, first.body + b" ", first.at, first.connection)
    assert any("other bytes" in problem for problem in audit([(path, other, True), *came[1:]]))


def test_events_without_the_deliveries_they_need_are_seen(copy, arrivals, finished):
    data, _ = copy
    came, _ = arrivals
    _, accepted, expected, _ = finished
    change(data, "DELETE FROM deliveries WHERE id = (SELECT min(id) FROM deliveries)")
    problems = EventAudit(data, accepted, expected, came, ("/hook",), 0).run()
    assert any("1 events do not have 1 deliveries" in problem for problem in problems)
