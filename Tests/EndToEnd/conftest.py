"""Fixtures of the end-to-end tests; the harness is the conformance suite's."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Conformance"))

from harness.origin import Origin  # noqa: E402
from harness.receiver import Receiver  # noqa: E402
from harness.server import binary  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--rounds", type=int, default=None, help="rounds of the kill test, cuts of the power-cut test")
    parser.addoption("--seed", type=int, default=20260102, help="what the random moments follow from")
    parser.addoption("--jobs", type=int, default=2000, help="jobs that run in a round of the kill test")


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
