"""Several nodes as processes on one PostgreSQL and one place for files, what befalls them, and what must be true after."""

import collections
import concurrent.futures
import hashlib
import http.client
import json
import time
from urllib.parse import quote_plus

from harness.admin import AdminError
from harness.origin import sample
from harness.s3 import FaultProxy
from harness.server import Towline
from harness.waiting import eventually
from rawclient import RawClient

LEASE = 3
ENDED = ("succeeded", "failed", "cancelled")


class Folder:
    """Files in a folder that all nodes share."""

    environment = {}

    def __init__(self, path):
        self.path = path
        self.url = f"file:{path}"

    def keys(self):
        return {str(path.relative_to(self.path)) for path in self.path.rglob("*") if path.is_file()}

    def read(self, key):
        return (self.path / key).read_bytes()

    def unfinished(self):
        return []

    def heal(self):
        pass


class Bucket:
    """Objects in a bucket of moto's server, which the nodes reach through a proxy that fails by a plan."""

    def __init__(self, moto, proxy, bucket=None):
        self.moto, self.proxy = moto, proxy
        self.bucket = bucket or moto.bucket()
        self.environment = moto.environment()
        self.url = f"s3://{self.bucket}/in?endpoint={proxy.url}&path-style=true"

    def keys(self):
        return {key.removeprefix("in/") for key in self.moto.objects(self.bucket)}

    def read(self, key):
        return self.moto.read(self.bucket, f"in/{key}")

    def unfinished(self):
        return self.moto.uploads(self.bucket)

    def heal(self):
        self.proxy.plan = lambda line, number: None


def failing_proxy(moto, dice, share):
    """A proxy that fails a share of the requests, each kind as often, in an order that follows from the dice."""
    kinds = ["500", "503", "reset", "cut", "lost", "half", "slow"]

    def plan(line, _):
        if dice.random() >= share:
            return None
        # Only a completion says 200 before it knows.
        return dice.choice([*kinds, "accepted"] if line.startswith("POST") and "uploadId=" in line else kinds)

    return FaultProxy(moto.port, plan)


class Nodes:
    """Nodes that share a database, a place for files and a key file."""

    def __init__(self, folder, database, place, *flags, environment=None, lease=LEASE):
        self.folder, self.database, self.place, self.flags, self.lease = folder, database, place, flags, lease
        self.environment = {**place.environment, **(environment or {})}
        self.nodes = []
        self._own = []

    @staticmethod
    def name(number):
        return f"node-{number}"

    def number(self, name):
        return next(number for number in range(len(self.nodes)) if self.name(number) == name)

    def add(self, *flags, environment=None, store=None, **options):
        """Starts one more node; `store` is where it alone finds the database."""
        own = ["--store-url", store or self.database.url, *flags]
        self._own.append((own, {**self.environment, **(environment or {})}, options))
        self.nodes.append(None)
        return self.again(len(self.nodes) - 1)

    def again(self, number):
        """Starts a process in the place of one that has ended."""
        flags, environment, options = self._own[number]
        self.nodes[number] = Towline(
            self.folder / self.name(number), *self._shared(), "--node-id", self.name(number), *self.flags, *flags,
            env=environment, **options)
        return self.nodes[number]

    def _shared(self):
        return [
            "--objects-url", self.place.url, "--secrets-key-file", str(self.folder / "secret.key"),
            "--lease-seconds", str(self.lease), "--log-level", "error", "--store-connections", "3",
        ]

    def kill(self, number):
        self._check(number)
        self.nodes[number].kill()
        self.again(number)

    def _check(self, number):
        node = self.nodes[number]
        assert not node.has_crashed, f"{self.name(number)} has crashed ({node.process.returncode})\n{node.text()}"

    def stop(self):
        return [node.stop() for node in self.nodes]

    def end(self):
        crashed = [node.text() for node in self.nodes if node is not None and node.has_crashed]
        for node in self.nodes:
            if node is not None:
                node.kill()
        assert not crashed, crashed


class Trouble:
    """What befalls nodes and their database, counted by kind."""

    KINDS = ("kill", "kill", "freeze", "crash", "restart", "cut")
    NAMES = {
        "kill": "kill -9 of a node", "freeze": "SIGSTOP of a node past its leases", "crash": "crashes of PostgreSQL",
        "restart": "restarts of PostgreSQL", "cut": "cuts of all connections to PostgreSQL",
    }

    def __init__(self, group, database, plan):
        self.group, self.database, self.plan = group, database, plan
        self.counts = collections.Counter()
        self._frozen = {}  # number of a node -> when it may go on

    def awake(self):
        """Nodes that are not frozen; lets those go on whose time is over."""
        for number, until in list(self._frozen.items()):
            if time.monotonic() >= until:
                self._frozen.pop(number)
                self.group.nodes[number].thaw()
        return [number for number in range(len(self.group.nodes)) if number not in self._frozen]

    def happen(self, kind):
        awake = self.awake()
        if kind == "freeze" and len(awake) < 2:
            kind = "kill"
        if kind == "kill":
            number = self.plan.randrange(len(self.group.nodes))
            self._frozen.pop(number, None)
            self.group.kill(number)
        elif kind == "freeze":
            # Past the lease, beside the others' work.
            number = self.plan.choice(awake)
            self.group.nodes[number].freeze()
            self._frozen[number] = time.monotonic() + self.group.lease + 1.5
        else:
            getattr(self.database, kind)()
        self.counts[kind] += 1

    def settle(self):
        """Lets everything go on that is frozen."""
        self._frozen = dict.fromkeys(self._frozen, 0)
        self.awake()


class Caller:
    """A client as an SDK's user writes it: what fails is tried again at another node."""

    def __init__(self, addresses, patience=60):
        self.addresses = addresses  # called for each try: the API addresses to choose from
        self.patience = patience
        self.jobs = {}  # job id -> URL, of acknowledged calls
        self.in_doubt = 0
        self.tries = self.calls = 0

    def submit(self, *urls):
        deadline = time.monotonic() + self.patience
        while True:
            addresses = self.addresses()
            self.tries += 1
            try:
                answer = RawClient(addresses[self.tries % len(addresses)]).call("UploadMediaByURL", {
                    "UploadURLs": ",".join(quote_plus(url) for url in urls)})
                if answer.status == 200:
                    break
                problem = answer
            except ConnectionRefusedError as error:
                problem = error  # not sent
            except (OSError, http.client.HTTPException) as error:
                problem = error
                self.in_doubt += 1
            assert time.monotonic() < deadline, f"{problem!r} for {self.patience} s"
            time.sleep(0.1)
        self.calls += 1
        accepted = [job["JobId"] for job in answer.json["UploadJobs"]]
        self.jobs.update(zip(accepted, urls, strict=True))
        return accepted


def submit(client, urls):
    jobs = []
    for start in range(0, len(urls), 20):
        jobs += client.submit(*urls[start : start + 20])
    return jobs


def wait_ended(admin, timeout=240):
    """Waits for the end of every job there is; how many there are."""
    def ended():
        try:
            counts = admin.get("/stats")["jobs"]
        except AdminError as error:
            # A node tries again only now and then to reach a database that was away.
            raise AssertionError(str(error)) from None
        assert sum(counts.values()) == sum(counts[state] for state in ENDED), counts
        return sum(counts.values())
    return eventually(ended, timeout, "the end of every job", pause=0.2)


# Objects of nodes that were not heard of are looked for once more after a day.
_UNSWEPT = "coalesce(sweep_at < extract(epoch FROM clock_timestamp()) * 1000 + 3600000, true)"


def wait_swept(database, timeout=60):
    """Waits until whatever attempts have left may be removed."""
    eventually(
        lambda: database.query(
            f"SELECT count(*) FROM object_intents WHERE {_UNSWEPT} AND (sweep_at IS NULL"
            " OR sweep_at > extract(epoch FROM clock_timestamp()) * 1000)") == "0",
        timeout, "the end of what attempts may still write", pause=0.1)


def wait_removed(database, timeout=30):
    """Waits until what may be removed has been."""
    eventually(
        lambda: database.query(f"SELECT count(*) FROM object_intents WHERE {_UNSWEPT}") == "0", timeout, "the removal")


def check(place, admin, timeout=90):
    """Every job has succeeded with the bytes of its file and one terminal event; nothing else lies in the place.

    Returns the event of each job.
    """
    events, stored = {}, {}
    for job in (each["id"] for each in admin.all("/jobs", limit=500)):
        detail = admin.get(f"/jobs/{job}")
        assert detail["state"] == "succeeded", f"{detail['source']}: {detail['state']} {detail.get('errorMessage')}"
        [event] = [event["id"] for event in detail["events"] if event["type"] == "UploadByURLComplete"]
        events[job] = event
        stored[detail["objectKey"]] = detail["source"]
    assert len(stored) == len(events)

    def is_whole(key):
        _, _, name, file = stored[key].split("://", 1)[1].split("/", 3)
        expected = sample(name, int(file.split(".")[0]))
        return hashlib.sha256(place.read(key)).digest() == hashlib.sha256(expected).digest()

    with concurrent.futures.ThreadPoolExecutor(4) as readers:
        wrong = [key for key, whole in zip(stored, readers.map(is_whole, stored)) if not whole]
    assert not wrong, f"{len(wrong)} of {len(stored)} files are wrong, such as {stored[wrong[0]]}"

    def leftovers():
        left = place.keys() - stored.keys(), place.unfinished()
        assert left == (set(), []), left
        return True

    eventually(leftovers, timeout, "the removal of what no run chose", pause=0.5)
    return events


def check_arrivals(receiver, events, timeout=60):
    """Each event has arrived at least once, always the same, and no other for its job; how many arrived twice or more."""
    def arrived():
        found = collections.defaultdict(list)
        for request in receiver.received():
            found[json.loads(request.body)["JobId"]].append(request)
        missing = events.keys() - found.keys()
        assert not missing, f"{len(missing)} of {len(events)} jobs have no event at the receiver"
        return found

    found = eventually(arrived, timeout, "the arrival of every event", pause=0.2)
    for job, requests in found.items():
        assert {request.header("webhook-id") for request in requests} == {events[job]}, job
        assert len({request.body for request in requests}) == 1, job
    return sum(len(requests) > 1 for requests in found.values())
