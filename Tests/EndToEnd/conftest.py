"""Fixtures of the end-to-end tests; the harness is the conformance suite's."""

import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Conformance"))

from harness.admin import Admin  # noqa: E402
from harness.command import Running  # noqa: E402
from harness.origin import Origin  # noqa: E402
from harness.postgres import Postgres  # noqa: E402
from harness.receiver import Receiver  # noqa: E402
from harness.server import KEY_ID, KEY_SECRET, Towline, binary, towline  # noqa: E402
from nodes import Folder, Nodes  # noqa: E402
from rawclient import RawClient  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--rounds", type=int, default=None, help="rounds of the kill test")
    parser.addoption("--event-kills", type=int, default=None, help="kills of the test of kills while events flow")
    parser.addoption("--cuts", type=int, default=None, help="cuts of the power-cut test")
    parser.addoption("--seed", type=int, default=20260102, help="what the random moments follow from")
    parser.addoption("--report", default=None, help="a file to write the results of the torture tests into, as Markdown")
    parser.addoption("--jobs", type=int, default=2000, help="jobs of a round; of a cut in the torture test")


def pytest_report_header():
    return f"towline: {binary()}"


def pytest_sessionstart(session):
    if not session.config.option.collectonly and not os.access(binary(), os.X_OK):
        pytest.exit(f"{binary()} is missing: build it first, or name it in TOWLINE_BIN", returncode=2)


@pytest.fixture
def origin():
    with Origin() as server:
        yield server


@pytest.fixture
def receiver():
    with Receiver() as server:
        yield server


@pytest.fixture
def folder():
    """A short-lived folder outside pytest's own, since rounds are large and are removed at once."""
    with tempfile.TemporaryDirectory(prefix="towline-e2e-") as path:
        yield Path(path)


class Stage:
    """A server with its clients: signed calls, the admin API, and commands that find it by the environment."""

    def __init__(self, server, key=KEY_ID, secret=KEY_SECRET):
        self.server = server
        self.api = RawClient(server.api, key, secret)
        self.admin = Admin(server.admin)
        self.environment = {
            "TOWLINE_API_URL": server.api, "TOWLINE_ADMIN_URL": server.admin, "TOWLINE_ACCESS_KEY_ID": key,
            "TOWLINE_ACCESS_KEY_SECRET": secret,
        }

    def cli(self, *arguments, **options):
        """Runs a command to its end."""
        return towline(*arguments, env=self.environment, **options)

    def must(self, *arguments, **options):
        """What a command printed that had to succeed."""
        done = self.cli(*arguments, **options)
        assert done.returncode == 0, f"{done.args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def documents(self, *arguments, **options):
        """What a command with --json printed, one object a line."""
        return [json.loads(line) for line in self.must(*arguments, "--json", **options).splitlines() if line.strip()]


@pytest.fixture
def started(folder):
    """Starts servers with flags of the test's own; they end with the test."""
    stages = []

    def start(*flags, data=None, key=None, **options):
        server = Towline(data or folder / f"data-{len(stages)}", *flags, **options)
        stage = Stage(server, *(key or ()))
        stages.append(stage)
        return stage

    yield start
    codes = []
    for stage in stages:
        assert not stage.server.has_crashed, (stage.server.process.returncode, stage.server.text())
        if stage.server.running:
            stage.server.thaw()
            codes.append((stage.server.stop(), stage.server.text()))
    assert all(code == 0 for code, _ in codes), codes


@pytest.fixture(scope="session")
def postgres():
    with Postgres() as server:
        yield server


@pytest.fixture
def database(postgres):
    """A PostgreSQL server with an empty database."""
    postgres.begin_anew()
    return postgres


@pytest.fixture
def nodes(folder, database):
    """Makes groups of nodes on the database and, unless a place is named, a shared folder; they end with the test."""
    made = []

    def make(count, *flags, place=None, **options):
        made.append(Nodes(folder, database, place or Folder(folder / "media"), *flags, **options))
        for _ in range(count):
            made[-1].add()
        return made[-1]

    yield make
    for group in made:
        group.end()


@pytest.fixture
def run(request):
    """Starts commands that go on until they are ended; they end with the test at the latest."""
    commands = []

    def start(stage, *arguments):
        commands.append(Running(*arguments, env=stage.environment))
        return commands[-1]

    yield start
    for command in commands:
        command.kill()


_results = []


@pytest.fixture
def record_result():
    """Keeps a result for `--report`: a title and (name, value) pairs."""
    return lambda title, facts: _results.append((title, list(facts)))


def pytest_sessionfinish(session, exitstatus):
    target = session.config.getoption("--report")
    if not target or not _results:
        return
    version = subprocess.run([binary(), "version"], capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    text = [
        "# Kills and power cuts, at full count", "",
        f"Written by `{' '.join(['python3 -m pytest', *session.config.invocation_params.args])}` on "
        f"{datetime.date.today().isoformat()}: {version.stdout.strip()}, {os.cpu_count()} processors, "
        f"Linux {platform.release()}. What each test does stands at the head of its file in `Tests/EndToEnd`.", "",
    ]
    for title, facts in _results:
        text += [f"## {title}", "", "| | |", "|---|---|", *[f"| {name} | {value} |" for name, value in facts], ""]
    Path(target).write_text("\n".join(text))
