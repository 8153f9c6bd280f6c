"""Fixtures of the conformance suite: one server, one origin, one receiver, and every SDK in its own process."""

import contextlib
import itertools
import os
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness.admin import Admin  # noqa: E402
from harness.mns import MNS_CLIENTS, MNSQueue, MNSSDK, MNSSDKError  # noqa: E402
from harness.origin import Origin  # noqa: E402
from harness.receiver import Receiver  # noqa: E402
from harness.sdk import CLIENTS, SDK, Client  # noqa: E402
from harness.server import Towline, binary  # noqa: E402
from mnsclient import PROFILES, MNSRaw  # noqa: E402
from rawclient import RawClient  # noqa: E402

_applications = itertools.count(2_000_001)
_accounts = itertools.count(1_000_000_000_001_000)


def pytest_report_header():
    return f"towline: {binary()}"


def pytest_sessionstart(session):
    if not session.config.option.collectonly and not os.access(binary(), os.X_OK):
        pytest.exit(f"{binary()} is missing: build it first, or name it in TOWLINE_BIN", returncode=2)


@pytest.fixture(scope="session")
def folder():
    with tempfile.TemporaryDirectory(prefix="towline-conformance-") as path:
        yield Path(path)


@pytest.fixture(scope="session")
def shared(folder):
    """The server that most tests share; what a test changes there is keyed by an AppId of its own."""
    server = Towline(folder / "shared", "--pull-per-origin", "64")
    yield server
    assert server.running, f"the server ended during the tests\n{server.text()}"
    assert server.stop() == 0, server.text()


@pytest.fixture
def started(tmp_path):
    """Starts further servers with flags of the test's own; they end with the test."""
    servers = []

    def start(*flags, **options):
        server = Towline(tmp_path / f"data-{len(servers)}", *flags, **options)
        servers.append(server)
        return server

    yield start
    for server in servers:
        assert not server.has_crashed, (server.process.returncode, server.text())
        if server.running:
            server.thaw()
            assert server.stop() == 0, server.text()


@pytest.fixture(scope="session")
def session_origin():
    with Origin() as server:
        yield server


@pytest.fixture(scope="session")
def session_receiver():
    with Receiver() as server:
        yield server


@pytest.fixture
def origin(session_origin):
    return session_origin


@pytest.fixture
def receiver(session_receiver):
    return session_receiver


@pytest.fixture
def unique(request, _counter=itertools.count(1)):
    """A short name that no other test uses."""
    return f"t{next(_counter)}"


@pytest.fixture
def app():
    """An application id that no other test uses."""
    return f"app-{next(_applications)}"


@pytest.fixture(scope="session")
def sdk_processes():
    processes = {}
    yield processes
    for process in processes.values():
        process.stop()


@pytest.fixture
def sdk_at(sdk_processes):
    """Points an SDK, by name, at a server."""

    def make(name, server):
        if name not in sdk_processes:
            sdk_processes[name] = SDK(name)
        return Client(sdk_processes[name], server.api)

    return make


@pytest.fixture(params=list(CLIENTS))
def sdk_name(request):
    return request.param


@pytest.fixture
def sdk(sdk_name, sdk_at, shared):
    """Each SDK in turn, pointed at the shared server."""
    return sdk_at(sdk_name, shared)


# -- Queues


@pytest.fixture(scope="session")
def mns_processes():
    processes = {}
    yield processes
    for process in processes.values():
        process.stop()


@pytest.fixture
def queue_at(mns_processes):
    """A queue at a server, by an MNS SDK; `process` tells processes of the same SDK from one another."""

    def make(name, server, queue, process=0, **options):
        if (name, process) not in mns_processes:
            mns_processes[name, process] = MNSSDK(name)
        return MNSQueue(mns_processes[name, process], server.api, queue, **options)

    return make


@pytest.fixture(params=list(MNS_CLIENTS))
def mns_name(request):
    return request.param


@pytest.fixture
def missing(mns_name, queue_at, shared, unique):
    """A queue of the test's own that does not exist yet, by each MNS SDK in turn."""
    return queue_at(mns_name, shared, f"sdk-{unique}")


@pytest.fixture
def queue(missing):
    """A queue of the test's own with default attributes, by each MNS SDK in turn."""
    missing.create(maximum_message_size=65536)
    yield missing
    with contextlib.suppress(MNSSDKError):  # a test may have deleted it
        missing.drop()


@pytest.fixture
def mns(shared):
    """Raw requests to the queue API."""
    return MNSRaw(shared.api)


@pytest.fixture(params=list(PROFILES))
def client(request, shared):
    """Raw requests as each of the vendor's clients writes them, in turn."""
    return MNSRaw(shared.api, profile=PROFILES[request.param])


@pytest.fixture
def name(mns, unique):
    """The name of an empty queue of the test's own."""
    made = f"raw-{unique}"
    assert mns.create(made).status == 201
    yield made
    mns.delete_queue(made)


@pytest.fixture
def own_account(shared):
    """A key of an account that has nothing yet: {"key": …, "secret": …}."""
    made = Admin(shared.admin).post("/keys", {"account": str(next(_accounts))})
    return {"key": made["id"], "secret": made["secret"]}


@pytest.fixture
def raw(shared):
    return RawClient(shared.api)


@pytest.fixture(params=["v1", "v3"])
def style(request):
    """Both request signatures in turn."""
    return request.param
