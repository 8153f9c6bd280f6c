"""Looks at what a stopped server left behind and says everything that is wrong with it.

It reads the SQLite file itself, so that it does not have to believe the server.
"""

import collections
import hashlib
import json
import sqlite3
from pathlib import Path


def connect(data):
    """The database, read-only; also while the server runs."""
    return sqlite3.connect(f"file:{Path(data) / 'towline.db'}?mode=ro", uri=True, timeout=20)


def open_work(data):
    """(runs that have not ended, deliveries that have not ended, object intents that are left)."""
    database = connect(data)
    try:
        return (
            database.execute("SELECT count(*) FROM runs WHERE ended_at IS NULL").fetchone()[0],
            database.execute("SELECT count(*) FROM deliveries WHERE ended_at IS NULL").fetchone()[0],
            database.execute("SELECT count(*) FROM object_intents").fetchone()[0],
        )
    finally:
        database.close()


def jobs_known(data):
    """The ids of all jobs, as on the wire."""
    database = connect(data)
    try:
        return {bytes(row[0]).hex() for row in database.execute("SELECT id FROM jobs")}
    finally:
        database.close()


def events_known(data):
    """Event id as on the wire -> stored body."""
    database = connect(data)
    try:
        return {event_id(row[0]): bytes(row[1]) for row in database.execute("SELECT id, body FROM events")}
    finally:
        database.close()


def event_id(raw):
    return "evt_" + bytes(raw).hex()


class Audit:
    """The findings about one data folder.

    - `accepted`: job id -> what must become of it: the expected bytes, or None for a failure.
    - `by_url`: the same by source URL, for jobs whose acceptance never reached the client.
    - `received`: the receiver's requests.
    - `duplicates_allowed`: how many callbacks may have arrived more than once; None for any number, as after a power
      cut, which takes back outcomes that were not yet written.
    """

    def __init__(self, data, accepted, by_url, received, duplicates_allowed=0):
        self.data = Path(data)
        self.accepted = accepted
        self.by_url = by_url
        self.received = received
        self.duplicates_allowed = duplicates_allowed
        self.problems = []
        self.counts = {}

    def run(self):
        database = connect(self.data)
        try:
            check = database.execute("PRAGMA integrity_check").fetchone()[0]
            if check != "ok":
                self.say(f"the database is damaged: {check}")
            self.jobs(database)
            self.events(database)
            self.files(database)
            self.leftovers(database)
        finally:
            database.close()
        return self.problems

    def say(self, problem):
        self.problems.append(problem)

    def expected(self, job, url):
        """The bytes that a job must have stored; None for a failure; KeyError for a job that nobody sent."""
        return self.accepted[job] if job in self.accepted else self.by_url[url]

    def jobs(self, database):
        self.urls = {}
        self.rows = {}
        for seq, raw, url in database.execute("SELECT seq, id, coalesce(display_url, source_url) FROM jobs"):
            self.urls[bytes(raw).hex()] = url
            self.rows[seq] = bytes(raw).hex()
        for job in self.accepted.keys() - self.urls.keys():
            self.say(f"job {job} was acknowledged and is missing")
        self.runs = {(self.rows.get(job), run): ended for job, run, ended in database.execute(
            "SELECT job, run, ended_at FROM runs")}
        for (job, run), ended in self.runs.items():
            if ended is None:
                self.say(f"run {run} of job {job} has not ended")
        for job in self.urls.keys() - {job for job, _ in self.runs}:
            self.say(f"job {job} has no run")
        self.counts["jobs"] = len(self.urls)

    def events(self, database):
        stored = {}
        kinds = collections.defaultdict(list)
        for raw, job, run, body in database.execute("SELECT id, job, run, body FROM events"):
            name, body, job = event_id(raw), bytes(body), bytes(job).hex()
            stored[name] = body
            event = json.loads(body)
            kinds[(job, run)].append(event)
        for (job, run) in self.runs:
            events = kinds.pop((job, run), [])
            ends = [event for event in events if event["EventType"] == "UploadByURLComplete"]
            files = [event for event in events if event["EventType"] == "FileUploadComplete"]
            if len(ends) != 1:
                self.say(f"run {run} of job {job} has {len(ends)} UploadByURLComplete events")
                continue
            try:
                succeeds = self.expected(job, self.urls.get(job)) is not None
            except KeyError:
                self.say(f"job {job} for {self.urls.get(job)} was submitted by nobody")
                continue
            if (ends[0]["Status"] == "success") != succeeds:
                self.say(f"job {job} ended as {ends[0]}, which was not to be expected of {self.urls.get(job)}")
            if len(files) != (1 if ends[0]["Status"] == "success" else 0):
                self.say(f"run {run} of job {job} has {len(files)} FileUploadComplete events")
        for job, run in kinds:
            self.say(f"there are events of run {run} of job {job}, which does not exist")

        arrivals = collections.defaultdict(list)
        for request in self.received:
            arrivals[request.header("webhook-id")].append(request.body)
        for name, body in stored.items():
            bodies = arrivals.get(name, [])
            if not bodies:
                self.say(f"event {name} never arrived: {body.decode()}")
            elif any(other != body for other in bodies):
                self.say(f"event {name} arrived with other bytes than are stored")
        for name in arrivals.keys() - stored.keys():
            self.say(f"event {name} arrived and is not stored: {arrivals[name][0][:300]!r}")
        duplicates = len(self.received) - len(arrivals)
        if self.duplicates_allowed is not None and duplicates > self.duplicates_allowed:
            self.say(f"{duplicates} callbacks came twice; {self.duplicates_allowed} can be explained")
        undelivered = database.execute(
            "SELECT count(*) FROM deliveries WHERE ended_at IS NULL OR reason IS NOT NULL").fetchone()[0]
        if undelivered:
            self.say(f"{undelivered} deliveries are open or dead")
        lonely = database.execute(
            "SELECT count(*) FROM events WHERE seq NOT IN (SELECT event FROM deliveries)").fetchone()[0]
        if lonely:
            self.say(f"{lonely} events have no delivery")
        self.counts.update(events=len(stored), arrivals=len(self.received), duplicates=duplicates)

    def files(self, database):
        media = self.data / "media"
        self.keys = set()
        size = 0
        for job, key, length in database.execute("SELECT job, object_key, bytes FROM media"):
            self.keys.add(key)
            job = self.rows.get(job)
            try:
                wanted = self.expected(job, self.urls.get(job))
            except KeyError:
                continue
            path = media / key
            if not path.is_file():
                self.say(f"the file {key} of job {job} is missing")
                continue
            content = path.read_bytes()
            size += len(content)
            if wanted is None or length != len(content):
                self.say(f"the file {key} of job {job} has {len(content)} bytes, {length} are recorded")
            elif hashlib.sha256(content).digest() != hashlib.sha256(wanted).digest():
                self.say(f"the file {key} of job {job} has the wrong bytes")
        succeeded = [job for job, url in self.urls.items() if self.by_url.get(url) is not None or self.accepted.get(job)]
        if len(self.keys) != len(succeeded):
            self.say(f"{len(succeeded)} jobs had to succeed, {len(self.keys)} files are recorded")
        self.counts["bytes"] = size

    def leftovers(self, database):
        media = self.data / "media"
        for path in media.rglob("*"):
            if path.is_file() and str(path.relative_to(media)) not in self.keys:
                self.say(f"{path.relative_to(media)} lies around and no media names it")
        intents = database.execute("SELECT count(*) FROM object_intents").fetchone()[0]
        if intents:
            self.say(f"{intents} object intents are left")
        busy = database.execute("SELECT kind, key, in_use FROM lane_groups WHERE in_use != 0").fetchall()
        if busy:
            self.say(f"lanes count attempts that do not run: {busy}")
        leased = database.execute("SELECT count(*) FROM runs WHERE lease IS NOT NULL").fetchone()[0]
        leased += database.execute("SELECT count(*) FROM deliveries WHERE lease IS NOT NULL").fetchone()[0]
        if leased:
            self.say(f"{leased} leases are held by nobody")
