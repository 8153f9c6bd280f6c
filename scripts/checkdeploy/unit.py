"""The system service: systemd's own judgement, and a run with what its settings forbid forbidden."""

import ctypes.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from harness.waiting import eventually

from . import DEPLOY
from .network import Host
from .report import Skip

UNIT = DEPLOY / "towline.service"
# What `systemd-analyze security` may give at most, in tenths.
THRESHOLD = 15
USER = 61184  # the first of those that DynamicUser= takes


def settings(path):
    """The settings of [Service], each with its values in order; an empty value forgets those before it."""
    found, section = {}, None
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif section == "Service" and "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found[name] = found.get(name, []) + [value] if value else []
    return found


def check(report, root, folder):
    with report.check("service: systemd-analyze verify"):
        _analyze()
        # In a mount namespace of its own the program is where the unit looks for it.
        place = f"{root}/usr/local/bin"
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", 'mount --bind "$1" /usr/local/bin && systemd-analyze verify "$2"', "sh", place,
             str(UNIT)], capture_output=True, text=True)
        own = [line for line in (done.stdout + done.stderr).splitlines() if "towline" in line]
        assert done.returncode == 0 and not own, "\n".join(own) or done.stderr
    with report.check("service: systemd-analyze security") as said:
        _analyze()
        done = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={THRESHOLD}", str(UNIT)],
            capture_output=True, text=True)
        level = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
        assert level, done.stdout + done.stderr
        assert done.returncode == 0, f"{level.group(1)} is more than {THRESHOLD / 10}"
        said.append(f"exposure {level.group(1)} of 10, at most {THRESHOLD / 10}")
    with report.check(
            "service: runs as another user on a read-only root, without the system calls, sockets and executable memory "
            "that the unit forbids") as said:
        _analyze()
        if not ctypes.util.find_library("seccomp"):
            raise Skip("libseccomp is not installed")
        said.append(_run(root, folder))


def _analyze():
    if not shutil.which("systemd-analyze"):
        raise Skip("systemd is not installed")


def calls(values):
    """The system calls that SystemCallFilter= lets through."""
    allowed = set()
    for value in values:
        names = {call for word in value.lstrip("~").split() for call in _expanded(word)}
        allowed = allowed - names if value.startswith("~") else allowed | names
    return sorted(allowed)


def _expanded(word):
    if not word.startswith("@"):
        return {word}
    done = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True)
    lines = [line.strip() for line in done.stdout.splitlines()[1:]]
    return {call for line in lines if line and not line.startswith("#") for call in _expanded(line)}


def _run(root, folder):
    unit = settings(UNIT)
    state = folder / "state"
    state.mkdir(mode=int(unit["StateDirectoryMode"][-1], 8))
    os.chown(state, USER, USER)
    command = unit["ExecStart"][-1].split()
    config = Path(root) / command[command.index("--config") + 1].lstrip("/")
    config.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(DEPLOY.parent / "towline.example.yaml", config)
    host = Host("service", 10)
    spec = folder / "service.json"
    spec.write_text(json.dumps({
        "root": str(root), "mounts": {"/var/lib/" + unit["StateDirectory"][-1]: str(state), "/tmp": "tmpfs"},
        "uid": USER, "gid": USER, "folder": unit["WorkingDirectory"][-1], "umask": int(unit["UMask"][-1], 8),
        "files": int(unit["LimitNOFILE"][-1]), "command": command,
        "environment": dict(pair.split("=", 1) for value in unit["Environment"] for pair in value.split()),
        "allowed": calls(unit["SystemCallFilter"]), "families": unit["RestrictAddressFamilies"][-1].split(),
        "memory": unit["MemoryDenyWriteExecute"][-1] != "yes",
    }))
    log = folder / "service.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            ["nsenter", f"--net={host.path}", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation",
             "private", sys.executable, "-m", "checkdeploy.confined", str(spec)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        def ready():
            assert process.poll() is None, "it ended"
            return host.status(8788, "/readyz") == 200

        eventually(ready, 30, "the service to be ready", pause=0.1)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        code = process.wait(int(unit["TimeoutStopSec"][-1]))
        assert code == 0, f"exit code {code}"
    except (AssertionError, subprocess.TimeoutExpired) as error:
        raise AssertionError(f"{error}\n{log.read_text(errors='replace')[-3000:]}") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(30)
    made = sorted(path.name for path in state.iterdir())
    return f"/readyz 200, exit code 0, made {' '.join(made)}"
