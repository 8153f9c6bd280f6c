"""100,000 waiting events to a fast receiver, delivered and logged, against `hey` with the same bodies, in turn.

The receiver is peer.c. The events are real ones: their jobs end (their source answers 404) while the endpoint of the
callback is disabled, so that its events are held. Each run starts a server on a copy of that folder and enables the
endpoint. The time runs from the first byte of the first event at the receiver until the store counts every delivery as
delivered, which it does in the transaction that also writes the attempt into the log. So it covers what the figure is
about, claims, signatures and requests, outcomes and log rows on stable storage, and nothing else: jobs and pulls are over.

`hey` sends the body of one of these events (they differ in nothing but ids) as often, with as many connections as
Towline has attempts at once.
"""

import re
import shutil
import sqlite3
import subprocess
import time

import common
from jobs import PER_CALL, Submitter


def prepare(given, folder, port):
    """A stopped server's folder with the events held; how long it took, and the body of one of them."""
    data = folder / "template"
    flags = ["--pull-concurrency", "128", "--pull-per-origin", "128"]
    started = time.monotonic()
    with common.Peer(folder, port=port) as peer, common.Towline(data, *flags, program=given.bin) as server:
        admin = common.Admin(server.admin)
        client = common.RawClient(server.api)
        client.set_callback(peer.url + "/hook", EventTypeList="UploadByURLComplete")
        [endpoint] = admin.endpoints()
        admin.post(f"/endpoints/{endpoint['id']}/disable", {"reason": "to be measured"})
        submitter = Submitter(server.api)
        for start in range(0, given.events, PER_CALL):
            submitter.submit([f"{peer.url}/missing/{start + n}.mp4" for n in range(min(PER_CALL, given.events - start))])
        submitter.close()
        deadline = time.monotonic() + given.timeout
        while (failed := admin.get("/stats")["jobs"]["failed"]) < given.events:
            if time.monotonic() > deadline:
                raise SystemExit(f"{failed} of {given.events} jobs ended within {given.timeout} s")
            time.sleep(0.2)
        if peer.count()[0]:
            raise SystemExit("events left while their endpoint was disabled")
    database = sqlite3.connect(data / "towline.db")
    [body] = database.execute("SELECT body FROM events LIMIT 1").fetchone()
    database.close()
    return data, endpoint["id"], time.monotonic() - started, bytes(body)


def towline(given, folder, template, endpoint, port, run):
    """Events a second, and what the clocks said."""
    data = folder / f"data-{run}"
    shutil.copytree(template, data)
    flags = ["--delivery-concurrency", str(given.concurrency), "--delivery-per-endpoint", str(given.concurrency)]
    with common.Peer(folder, port=port) as peer:
        with common.Towline(data, *flags, program=given.bin) as server:
            admin = common.Admin(server.admin)
            asked = time.monotonic()
            admin.post(f"/endpoints/{endpoint}/enable")
            stored = common.wait_for_delivered(admin, given.events, given.timeout)
        marks, last = peer.marks(), peer.count()[1]
    database = sqlite3.connect(data / "towline.db")
    [logged] = database.execute("SELECT count(*) FROM delivery_attempts WHERE http_status = 200").fetchone()
    database.close()
    shutil.rmtree(data)
    if (marks["count"], marks["empty"], logged) != (given.events, 0, given.events):
        raise SystemExit(f"{marks['count']} arrived, {marks['empty']} without a body, {logged} were logged")
    return {
        "rate": given.events / (stored - marks["first"]), "enabled_to_first": marks["first"] - asked,
        "first_to_last": last - marks["first"], "first_to_stored": stored - marks["first"],
    }


def hey(given, folder, body, port):
    """hey's own requests a second."""
    file = folder / "body.json"
    file.write_bytes(body)
    with common.Peer(folder, port=port) as peer:
        done = subprocess.run([
            "hey", "-n", str(given.events), "-c", str(given.concurrency), "-m", "POST", "-T", "application/json", "-D",
            str(file), peer.url + "/hook",
        ], capture_output=True, text=True, timeout=given.timeout, check=True)
        marks = peer.marks()
    rate = float(re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout).group(1))
    answered = int(re.search(r"\[200\]\s+(\d+) responses", done.stdout).group(1))
    if marks["count"] != answered or marks["empty"] or answered < given.events - given.concurrency:
        raise SystemExit(f"hey sent {answered} requests, {marks['count']} arrived, {marks['empty']} without a body")
    return rate


def main():
    given = common.arguments(
        __doc__, events=(100_000, "events of a run"), runs=(3, "measured runs of each"),
        concurrency=(256, "requests at once"), timeout=(600.0, "for one run"),
    )
    ours, theirs = [], []
    with common.scratch(given) as folder:
        port = common.free_port()  # a copy's events go where the template's had to go
        template, endpoint, made_in, body = prepare(given, folder, port)
        for run in range(given.runs):
            theirs.append(hey(given, folder, body, port))
            ours.append(towline(given, folder, template, endpoint, port, run))
    rates = [each["rate"] for each in ours]
    ratio = common.median(rates) / common.median(theirs)

    def listed(values, form):
        return ", ".join(format(value, form) for value in values)

    def times(name):
        return listed([each[name] for each in ours], ".2f")

    common.report(
        given, f"{given.events} waiting events of {len(body)} bytes to one receiver, {given.concurrency} at once",
        common.heading(given, "hey") + [
            ("receiver", "peer.c, one process"),
            ("the events", f"of jobs that ended while the endpoint was disabled, made in {made_in:.0f} s"),
        ],
        [
            ("hey", f"median {common.median(theirs):.0f} requests/s ({listed(theirs, '.0f')})", theirs),
            ("towline", f"median {common.median(rates):.0f} events/s, delivered and logged ({listed(rates, '.0f')})", rates),
            ("  first arrival to all stored", f"{times('first_to_stored')} s", ours),
            ("  first arrival to the last", f"{times('first_to_last')} s", None),
            ("  enabled to the first arrival", f"{times('enabled_to_first')} s", None),
            ("ratio", f"{ratio:.2f} × of hey's requests/s; target 0.4 ×", ratio),
        ],
    )


if __name__ == "__main__":
    if not shutil.which("hey"):
        raise SystemExit("this needs hey: scripts/setup-venvs.sh --bench")
    main()
