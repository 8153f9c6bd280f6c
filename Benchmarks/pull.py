"""One large pull over loopback, durable at the end, against `curl -o FILE` followed by `sync FILE`, in turn.

The origin is peer.c: sendfile(2) from a file in memory (tmpfs), so that it is not what is measured. Towline's time runs
from the signed submission to the arrival of UploadByURLComplete, which is sent only after the file is durable. Both
write to the same file system.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path
from urllib.parse import quote_plus

import common


def memory_file(size):
    """A file of that size in tmpfs, where there is room."""
    for folder in ("/dev/shm", "/run", "/tmp"):
        if os.access(folder, os.W_OK):
            free = os.statvfs(folder)
            if free.f_bavail * free.f_frsize > size + (64 << 20):
                break
    path = Path(folder) / f"towline-bench-{os.getpid()}.bin"
    block = os.urandom(1 << 20)
    with open(path, "wb") as file:
        for _ in range(size >> 20):
            file.write(block)
    return path


def curl(folder, url):
    target = folder / "curl.out"
    started = time.perf_counter()
    subprocess.run(["curl", "-s", "-o", str(target), url], check=True)
    fetched = time.perf_counter()
    subprocess.run(["sync", str(target)], check=True)
    ended = time.perf_counter()
    size = target.stat().st_size
    target.unlink()
    return ended - started, fetched - started, size


def main():
    given = common.arguments(
        __doc__, mib=(2048, "size of the file in MiB"), runs=(5, "measured pulls of each"), timeout=(300.0, "for one pull"),
    )
    size = given.mib << 20
    source = memory_file(size)
    ours, theirs, fetches = [], [], []
    try:
        with common.scratch(given) as folder, common.Peer(folder, source) as peer:
            data = folder / "data"
            with common.Towline(data, program=given.bin) as server:
                client = common.RawClient(server.api)
                client.set_callback(peer.url + "/hook", EventTypeList="UploadByURLComplete")
                for number in range(given.runs + 1):  # the first of each warms up
                    os.sync()
                    took, fetched, got = curl(folder, f"{peer.url}/file/{size}/curl.mp4")
                    if got != size:
                        raise SystemExit(f"curl got {got} of {size} bytes")
                    os.sync()
                    peer.get("/reset")
                    started = time.monotonic()
                    answer = client.must(
                        "UploadMediaByURL", {"UploadURLs": quote_plus(f"{peer.url}/file/{size}/{number}.mp4")}
                    )
                    ended = peer.wait_for(1, given.timeout)
                    job = answer["UploadJobs"][0]["JobId"]
                    info = client.infos(job)[job]
                    if info["FileSize"] != str(size):
                        raise SystemExit(f"the job ended as {info}")
                    for path in server.media_files(info["MediaId"]):
                        path.unlink()
                    if number > 0:
                        theirs.append(took)
                        fetches.append(fetched)
                        ours.append(ended - started)
    finally:
        source.unlink(missing_ok=True)
    ratio = common.median(theirs) / common.median(ours)

    def row(name, times, note=""):
        rate = size / common.median(times) / (1 << 20)
        listed = ", ".join(f"{value:.2f}" for value in times)
        return name, f"median {common.median(times):.2f} s, {rate:.0f} MiB/s ({listed}){note}", times

    common.report(
        given, f"one pull of {given.mib} MiB over loopback, plain HTTP, durable at the end",
        common.heading(given, "curl") + [("origin", f"peer.c, sendfile from {source.parent} (tmpfs)"),
                                        ("file system", filesystem(given))],
        [
            row("curl -o and sync", theirs), row("  of that curl", fetches), row("towline", ours),
            ("throughput ratio", f"{ratio:.2f} × curl and sync; target 1.0 ×", ratio),
        ],
    )


def filesystem(given):
    import tempfile

    done = subprocess.run(
        ["stat", "-f", "-c", "%T", given.folder or tempfile.gettempdir()], capture_output=True, text=True
    )
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    if not shutil.which("curl"):
        raise SystemExit("this needs curl: scripts/setup-venvs.sh --bench")
    main()
