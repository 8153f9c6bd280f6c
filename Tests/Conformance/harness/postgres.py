"""A PostgreSQL server of a test's own: throw-away data, a socket in a temporary folder, ended by its process id."""

import glob
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .waiting import eventually


def programs():
    """The folder of the newest server's programs."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    assert found, "the tests need a PostgreSQL server: apt-get install postgresql"
    return Path(found[-1]).parent


class Postgres:
    """A running server; a superuser `postgres` without a password."""

    def __init__(self):
        self.bin = programs()
        self.folder = Path(tempfile.mkdtemp(prefix="towline-pg-"))
        # The server refuses to run as root.
        self._as = []
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
        self.process = None
        self.start()

    @property
    def data(self):
        return self.folder / "data"

    @property
    def url(self):
        return f"postgres://postgres@/postgres?host={self.folder}"

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*self._as, str(self.bin / "postgres"), "-D", str(self.data), "-k", str(self.folder),
                 "-c", "listen_addresses=", "-c", "max_connections=100"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        eventually(
            lambda: subprocess.run(
                [str(self.bin / "pg_isready"), "-q", "-h", str(self.folder)], check=False).returncode == 0,
            30, "the start of PostgreSQL",
        )

    def crash(self):
        """Ends it without warning and starts it again, as after a power cut."""
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")
        self.process.wait(30)
        self.start()

    def query(self, sql):
        """What a statement prints."""
        done = subprocess.run(
            [str(self.bin / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-U",
             "postgres", "-c", sql], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")
            self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _run(self, program, *arguments):
        subprocess.run(
            [*self._as, str(self.bin / program), *[str(argument) for argument in arguments]], check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
        )
