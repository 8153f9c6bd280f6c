"""A process with what an engine would give it: the image's files, its user, namespaces of its own, its environment only."""

import collections
import json
import os
import signal
import subprocess
import time
from pathlib import Path

from harness.waiting import eventually

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Arguments: the root, the name of the host, how many mounts, each as TARGET SOURCE, then the command. The command is the
# first process of its namespace, as in a container.
_START = """
set -e
root=$1; hostname "$2"; count=$3; shift 3
mount --bind "$root" "$root"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
while [ "$count" -gt 0 ]; do
  if [ "$2" = tmpfs ]; then mount -t tmpfs -o mode=1777 tmpfs "$root$1"; else mount --bind "$2" "$root$1"; fi
  shift 2; count=$((count - 1))
done
[ -z "$READ_ONLY" ] || mount -o remount,bind,ro "$root"
unset READ_ONLY
exec chroot "$root" "$@"
"""


Account = collections.namedtuple("Account", "uid gid home")


def account(root, stage):
    """The user of the image, from its own list."""
    for line in (Path(root) / "etc" / "passwd").read_text().splitlines():
        name, _, uid, gid, _, home, _ = line.split(":")
        if name == stage.last("USER"):
            return Account(int(uid), int(gid), home)
    raise AssertionError(f"the image has no user {stage.last('USER')}")


class Container:
    """One running container of the image."""

    def __init__(self, root, stage, host, folder, environment=None, mounts=None, read_only=False):
        self.root, self.stage, self.host = Path(root), stage, host
        self.log = folder / f"{host.name}.log"
        self.user = account(root, stage)
        self.environment = {
            "PATH": _PATH, "HOME": self.user.home, "HOSTNAME": host.name, **stage.environment, **(environment or {})}
        mounts = {**self._volumes(folder), **self._files(folder), **(mounts or {})}
        for target in mounts:
            self._make_target(target, mounts[target])
        words = [word for pair in mounts.items() for word in map(str, pair)]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["nsenter", f"--net={host.path}", "unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child",
                 "--propagation", "private", "sh", "-c", _START, "sh", str(self.root), host.name, str(len(mounts)),
                 *words, *self._as_user(stage.command)],
                env={**self.environment, "READ_ONLY": "yes" if read_only else ""}, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)
        self.pid = int(eventually(self._child, 10, f"the start of {host.name}"))

    def run(self, *command, timeout=30):
        """Runs a command in the container and gives what it printed."""
        done = self.execute(command, timeout)
        assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *command):
        return json.loads(self.run(*command))

    def execute(self, command, timeout=30):
        return subprocess.run(
            ["nsenter", "--target", str(self.pid), "--mount", "--uts", "--net", "--pid", "--root", "--",
             *self._as_user(command)], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout)

    def is_healthy(self):
        """Whether the HEALTHCHECK passes."""
        command, timeout = self.stage.health
        return self.execute(command, timeout).returncode == 0

    def wait_ready(self, port, timeout=60):
        def ready():
            assert self.process.poll() is None, f"{self.host.name} ended with {self.process.returncode}"
            return self.host.status(port, "/readyz") == 200

        try:
            eventually(ready, timeout, f"{self.host.name} to be ready", pause=0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text()}") from None

    def stop(self, grace):
        """Sends the STOPSIGNAL; the exit code, and how many seconds it took."""
        started = time.monotonic()
        if self.process.poll() is None:
            os.kill(self.pid, getattr(signal, self.stage.last("STOPSIGNAL")))
        try:
            return self.process.wait(grace), time.monotonic() - started
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.host.name} was still running {grace} s after the signal\n{self.text()}") from None

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)

    def text(self):
        return self.log.read_text(errors="replace")[-3000:]

    def _child(self):
        assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.text()}"
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return children[0] if children else None

    def _as_user(self, command):
        return [
            "/usr/bin/setpriv", f"--reuid={self.user.uid}", f"--regid={self.user.gid}", "--clear-groups", "--bounding-set=-all",
            "--inh-caps=-all", "--no-new-privs", "--", "env", f"--chdir={self.stage.last('WORKDIR')}", *command]

    def _volumes(self, folder):
        """What an engine makes of VOLUME: an empty folder that belongs to whom it belongs in the image."""
        made = {}
        for target in self.stage.texts("VOLUME"):
            source = folder / f"{self.host.name}{target.replace('/', '-')}"
            source.mkdir()
            found = (self.root / target.lstrip("/")).stat()
            os.chown(source, found.st_uid, found.st_gid)
            made[target] = source
        return made

    def _files(self, folder):
        hosts = folder / f"{self.host.name}.hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{self.host.address} {self.host.name}\n" + "".join(
            f"{address} {name}\n" for name, address in self.host.known.items()))
        return {"/etc/hosts": hosts}

    def _make_target(self, target, source):
        path = self.root / target.lstrip("/")
        if str(source) == "tmpfs" or Path(source).is_dir():
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
