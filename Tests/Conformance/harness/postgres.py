"""A PostgreSQL server of a test's own: throw-away data, a socket in a temporary folder, ended by its process id."""

import glob
import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .ports import free_port
from .waiting import eventually

_names = itertools.count(1)


def programs():
    """The folder of the newest server's programs."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    assert found, "the tests need a PostgreSQL server: apt-get install postgresql"
    return Path(found[-1]).parent


class Postgres:
    """A running server; a superuser `postgres` without a password. Settings go on its command line as NAME=VALUE.

    For a network that a test has made it also listens at an address, and trusts the `clients` there.
    """

    def __init__(self, *settings, folder=None, listen="", clients=""):
        self.listen = listen
        self.port = free_port(listen) if listen else 5432
        self.name = "postgres"
        self.bin = programs()
        self.settings = settings
        self.folder = Path(tempfile.mkdtemp(prefix="towline-pg-", dir=folder))
        # The server refuses to run as root.
        self._as = []
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        if clients:
            with open(self.data / "pg_hba.conf", "a") as rules:
                rules.write(f"host all postgres {clients} trust\n")
        self.process = None
        self.start()

    @property
    def data(self):
        return self.folder / "data"

    @property
    def url(self):
        return f"postgres://postgres@/{self.name}?host={self.folder}&port={self.port}"

    @property
    def network_url(self):
        """Its URL for the clients of the network."""
        return f"postgres://postgres@{self.listen}:{self.port}/{self.name}"

    def begin_anew(self):
        """From now on the URLs and questions are about an empty database, and the one before is gone."""
        before, self.name = self.name, "postgres"
        if before != "postgres":
            self.query(f"DROP DATABASE {before} WITH (FORCE)")
        fresh = f"test_{next(_names)}"
        self.query(f"CREATE DATABASE {fresh}")
        self.name = fresh

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*self._as, str(self.bin / "postgres"), "-D", str(self.data), "-k", str(self.folder),
                 *(word for each in (f"listen_addresses={self.listen}", f"port={self.port}", "max_connections=100",
                                     *self.settings) for word in ("-c", each))],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        eventually(
            lambda: subprocess.run(
                [str(self.bin / "pg_isready"), "-q", "-h", str(self.folder), "-p", str(self.port)], check=False,
            ).returncode == 0,
            30, "the start of PostgreSQL",
        )

    def crash(self):
        """Ends it without warning and starts it again, as after a power cut."""
        self._end("immediate")
        self.start()

    def restart(self):
        """Ends it in order, in the midst of its clients' work, and starts it again."""
        self._end("fast")
        self.start()

    def cut(self):
        """Ends every connection of the others; how many there were."""
        return int(self.query(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"))

    def query(self, sql, given=None):
        """What a statement prints; `given` is its standard input."""
        done = subprocess.run(
            [str(self.bin / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-p",
             str(self.port), "-U", "postgres", "-d", self.name, "-c", sql], input=given, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self._end("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _end(self, mode):
        self._run("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")
        self.process.wait(30)

    def _run(self, program, *arguments):
        subprocess.run(
            [*self._as, str(self.bin / program), *[str(argument) for argument in arguments]], check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
        )
