"""A power cut: what was acknowledged before it is there after it.

How the cut is made. The data folder lies on an ext4 file system in an image file, mounted through a loop device. At a
random moment the server is stopped (SIGSTOP, and every thread of it is seen stopped), and the image file is copied.
The copy holds what ext4 had handed to its block device by then and nothing of the page cache of the mounted file
system: a write that was not synced is missing from it, as after a power cut. The file system is mounted with
`commit=300`, so that its journal does not come to the help of a program that forgets to sync. So that the copy is of
one moment although kernel threads go on, the loop device's count of writes is read before and after it, and a copy
during which the count changed is thrown away. Then the process is killed, the copy is mounted (ext4 replays its
journal), and the server is started on it.

What this model does not have is a disk that loses or reorders writes that it has taken but not flushed: the kernels
that tests run on rarely have dm-log-writes. A missing flush alone, with the write issued, would not be seen.

That the check sees what it is for, a test of its own shows: it has to fail with nosync.c preloaded, which drops the
syncs of the database's files (all that a lower `synchronous` would do) or of the media files, beneath a server that knows
nothing of it.

By itself: `powercut_test.py --cuts N --seed S` (as root) prints one line a cut.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Conformance"))

from audit import Audit, events_known, jobs_known, open_work  # noqa: E402
from harness.origin import Origin  # noqa: E402
from harness.receiver import Receiver  # noqa: E402
from harness.server import NotReady, Towline  # noqa: E402
from harness.waiting import eventually  # noqa: E402
from load import Load, Submitter  # noqa: E402
from rawclient import RawClient  # noqa: E402

FLAGS = ["--lease-seconds", "3", "--log-level", "warning"]
IMAGE_BYTES = 512 << 20
MOUNT_OPTIONS = "loop,commit=300,noatime"


def command(*arguments):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    done = subprocess.run(arguments, capture_output=True, text=True, env={**os.environ, "PATH": path}, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, arguments))}: {done.stderr.strip() or done.returncode}")
    return done.stdout


class Volume:
    """An ext4 file system in an image file, mounted through a loop device. Needs root."""

    def __init__(self, folder):
        self.image = Path(folder) / "disk.img"
        self.mount_point = Path(folder) / "mnt"
        self.mount_point.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(IMAGE_BYTES)
        command("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(self.image))
        self.mounted = False
        self.mount()

    def mount(self):
        command("mount", "-o", MOUNT_OPTIONS, str(self.image), str(self.mount_point))
        self.mounted = True
        source = next(
            line.split()[0] for line in Path("/proc/mounts").read_text().splitlines()
            if line.split()[1] == str(self.mount_point)
        )
        self.statistics = Path("/sys/block") / Path(source).name / "stat"

    def unmount(self):
        if self.mounted:
            eventually(self._try_unmount, 30, f"{self.mount_point} to be unmounted", pause=0.1)
            self.mounted = False

    def _try_unmount(self):
        try:
            command("umount", str(self.mount_point))
            return True
        except RuntimeError as error:
            raise AssertionError(str(error)) from None

    def _writes(self):
        fields = self.statistics.read_text().split()
        return fields[4], fields[6], fields[8]  # writes ended, sectors written, requests in flight

    def copy_at_one_moment(self, to):
        """Copies the image while nothing is written to it; what is not written stays unwritten meanwhile."""
        for _ in range(50):
            before = self._writes()
            command("cp", "--sparse=always", str(self.image), str(to))
            if before == self._writes() and before[2] == "0":
                return
        raise AssertionError("the file system did not come to rest while the server was stopped")

    def replace_by(self, copy):
        """What the power cut leaves: the copy takes the place of the image."""
        self.unmount()
        os.replace(copy, self.image)
        self.mount()

    def remove(self):
        self.unmount()
        self.image.unlink(missing_ok=True)


def why_not():
    """Why loop mounts are impossible here, or None."""
    if os.geteuid() != 0:
        return "power cuts need root, for loop mounts"
    for program in ("mkfs.ext4", "mount", "umount", "losetup"):
        if not shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
            return f"power cuts need {program}"
    with tempfile.TemporaryDirectory(prefix="towline-loop-") as folder:
        try:
            volume = Volume(folder)
        except (RuntimeError, OSError) as error:
            return f"power cuts need loop mounts: {error}"
        volume.remove()
    return None


def image_folder():
    """In memory where there is room, since the copies are many."""
    shared = Path("/dev/shm")
    if shared.is_dir() and os.access(shared, os.W_OK):
        free = os.statvfs(shared)
        if free.f_bavail * free.f_frsize > 4 * IMAGE_BYTES:
            return str(shared)
    return None


def all_threads_stopped(pid):
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "stat").read_text().rsplit(")", 1)[1].split()[0] not in ("T", "t"):
            return False
    return True


def cut(seed, jobs, environment=None, between=(0.02, 0.95), idle_timeout=120):
    """One power cut, when the share of the work that is done lies in `between`. Returns (problems, facts)."""
    plan = random.Random(seed)
    problems = []
    with tempfile.TemporaryDirectory(prefix="towline-cut-", dir=image_folder()) as folder:
        volume = Volume(folder)
        data = volume.mount_point / "data"
        server = None
        submitter = None
        try:
            with Origin() as origin, Receiver() as receiver:
                load = Load(origin, jobs, seed)
                server = Towline(data, *FLAGS, env=environment)
                hook = receiver.url + "/hook"
                RawClient(server.api).set_callback(hook)
                submitter = Submitter(load)
                submitter.point(server.api)
                total = len(load.calls) * 20 + jobs + load.total_events
                share = plan.uniform(*between)

                def progress():
                    return submitter.calls_done * 20 + len(origin.requests()) + len(receiver.received())

                deadline = time.monotonic() + idle_timeout
                while progress() < share * total and time.monotonic() < deadline and server.running:
                    time.sleep(0.002)
                if not server.running:
                    return [f"the server ended by itself: {server.text()}"], {}
                time.sleep(plan.uniform(0, 0.02))

                server.freeze()
                eventually(lambda: all_threads_stopped(server.pid), 30, "all threads to be stopped")
                copy = Path(folder) / "copy.img"
                volume.copy_at_one_moment(copy)
                server.kill()  # connections break: what the client has read until now was acknowledged
                submitter.settle()
                acknowledged = dict(submitter.acknowledged)
                answers = list(submitter.answers)
                arrived = {request.header("webhook-id"): request.body for request in receiver.received()}
                volume.replace_by(copy)

                try:
                    server = Towline(data, *FLAGS, env=environment)
                except NotReady as error:
                    return [f"it did not start after the cut: {error}"], {}
                client = RawClient(server.api)
                # Three things were acknowledged: the configuration, the jobs, and events by the fact that they left.
                found = client.must("GetMessageCallback").get("MessageCallback") or {}
                if found.get("CallbackURL") != hook:
                    problems.append("the callback configuration is gone")
                    client.set_callback(hook)
                missing = acknowledged.keys() - jobs_known(data)
                problems += [f"job {job} was acknowledged and is missing" for job in sorted(missing)]
                known = events_known(data)
                for name, body in arrived.items():
                    if known.get(name) != body:
                        problems.append(f"event {name} had left and is {'other' if name in known else 'gone'}")
                if answers:
                    nonce, params = answers[-1]
                    again = client.call("UploadMediaByURL", params, style="v3", nonce=nonce)
                    if again.status == 200 or again.code != "SignatureNonceUsed":
                        problems.append(f"an acknowledged call could be replayed: {again}")
                submitter.point(server.api)
                submitter.join(idle_timeout)
                try:
                    eventually(lambda: open_work(data) == (0, 0, 0), idle_timeout, "everything to end", pause=0.1)
                except AssertionError as error:
                    problems.append(str(error))
                if server.stop() != 0:
                    problems.append(f"it ended badly: {server.text()}")
                lost_calls = [] if not problems else ["a replayed call may have made jobs of its own"]
                audit = Audit(
                    data, submitter.acknowledged, load.expected, receiver.received(), duplicates_allowed=None,
                )
                # After a loss the audit would repeat it for every job: it is for cuts that went well.
                if not lost_calls:
                    problems += audit.run()
                facts = {
                    "seed": seed, "at": f"{share:.0%}", "acknowledged before": len(acknowledged),
                    "events before": len(arrived), "calls in doubt": len(submitter.in_doubt), **audit.counts,
                }
                return problems, facts
        finally:
            if submitter is not None:
                submitter.stop()
            if server is not None:
                if server.running:
                    server.signal(signal.SIGCONT)
                server.kill()
            volume.remove()


def cuts(count, seed, jobs, report=print, totals=None):
    """Makes cuts with consecutive seeds; returns the problems of all of them, and adds up figures in `totals`."""
    found = []
    begun = time.monotonic()
    totals = {} if totals is None else totals
    totals.update({"cuts": count, "seeds from": seed, "jobs a cut": jobs})
    for number in range(count):
        started = time.monotonic()
        problems, facts = cut(seed + number, jobs)
        report(f"cut {number + 1}/{count} {facts} {time.monotonic() - started:.1f} s: {len(problems)} problems")
        for problem in problems[:20]:
            report(f"  seed {seed + number}: {problem}")
        found += [f"seed {seed + number}: {problem}" for problem in problems]
        for name in ("acknowledged before", "events before", "calls in doubt", "jobs", "events", "bytes"):
            totals[name] = totals.get(name, 0) + facts.get(name, 0)
    totals.update({"problems": len(found), "seconds": round(time.monotonic() - begun)})
    return found


@pytest.fixture(scope="module")
def loop_mounts():
    reason = why_not()
    if reason:
        pytest.skip(reason)


def test_what_was_acknowledged_survives_a_power_cut(loop_mounts, request):
    count = request.config.getoption("--cuts") or 3
    problems = cuts(count, request.config.getoption("--seed"), 600)
    assert not problems, "\n".join(problems[:50])


@pytest.mark.torture
def test_what_was_acknowledged_survives_many_power_cuts(loop_mounts, request, record_result):
    count = request.config.getoption("--cuts") or 20
    totals = {}
    problems = cuts(count, request.config.getoption("--seed"), request.config.getoption("--jobs"), totals=totals)
    record_result("power cuts", totals.items())
    assert not problems, "\n".join(problems[:50])


def losses(seed, environment, between, signs):
    """What the first of up to five power cuts lost, by words that its problems contain."""
    for attempt in range(5):
        problems, _ = cut(seed + attempt, 400, environment, between)
        found = [problem for problem in problems if any(sign in problem for sign in signs)]
        if found:
            return found
    return []


@pytest.mark.parametrize("part, between, signs", [
    ("/towline.db", (0.05, 0.3), ["and is missing", "is gone"]),
    ("/media", (0.6, 0.95), ["the file "]),
])
def test_the_check_fails_when_syncs_are_dropped(loop_mounts, request, folder, part, between, signs):
    compiler = shutil.which("cc") or shutil.which("clang") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("dropping syncs needs a C compiler")
    library = folder / "nosync.so"
    command(compiler, "-shared", "-fPIC", "-o", library, Path(__file__).with_name("nosync.c"), "-ldl")
    environment = {"LD_PRELOAD": str(library), "NOSYNC": part}
    assert losses(request.config.getoption("--seed"), environment, between, signs), (
        f"without syncs of {part} five power cuts lost nothing: the check cannot see what it is for"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cuts", type=int, default=3)
    parser.add_argument("--seed", type=int, default=20260102)
    parser.add_argument("--jobs", type=int, default=2000)
    options = parser.parse_args()
    reason = why_not()
    if reason:
        print(f"skipped: {reason}")
        return 0
    started = time.monotonic()
    problems = cuts(options.cuts, options.seed, options.jobs)
    print(f"{options.cuts} cuts, seeds from {options.seed}: {len(problems)} problems, "
          f"{time.monotonic() - started:.0f} s")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
