"""Fixtures of the end-to-end tests; the harness is the conformance suite's."""

import datetime
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Conformance"))

from harness.origin import Origin  # noqa: E402
from harness.receiver import Receiver  # noqa: E402
from harness.server import binary  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--rounds", type=int, default=None, help="rounds of the kill test")
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
