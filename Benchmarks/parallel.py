"""One file from an origin that gives each connection so many bytes a second, against `aria2c -x16 -s16`, in turn.

Towline may open 16 connections (`--pull-per-origin 16`). Its time runs from the signed submission to the arrival of
UploadByURLComplete, which is sent only after the file is durable; aria2c's is that of its process, without a sync. The
origin is origin.py.
"""

import os
import shutil
import subprocess
import time
from urllib.parse import quote_plus

import common
from origin import Origin
from pull import memory_file


def aria2c(folder, url, connections):
    target = folder / "aria2c.out"
    started = time.perf_counter()
    subprocess.run(
        ["aria2c", "-q", f"-x{connections}", f"-s{connections}", "-d", str(folder), "-o", target.name, url], check=True
    )
    took = time.perf_counter() - started
    size = target.stat().st_size
    target.unlink()
    return took, size


def main():
    given = common.arguments(
        __doc__, mib=(1024, "size of the file in MiB"), rate=(20, "MiB a second of each connection"),
        connections=(16, "connections at most"), runs=(5, "measured pulls of each"), timeout=(300.0, "for one pull"),
    )
    size, rate = given.mib << 20, given.rate << 20
    source = memory_file(size)
    ours, theirs, most, sent = [], [], 0, []
    try:
        with common.scratch(given) as folder, Origin(source) as origin, common.Peer(folder) as peer:
            flags = ["--pull-per-origin", str(given.connections)]
            with common.Towline(folder / "data", *flags, program=given.bin) as server:
                client = common.RawClient(server.api)
                client.set_callback(peer.url + "/hook", EventTypeList="UploadByURLComplete")
                for number in range(given.runs):
                    os.sync()
                    took, got = aria2c(folder, f"{origin.url}/{rate}/0/{size}/aria2c.mp4", given.connections)
                    if got != size:
                        raise SystemExit(f"aria2c got {got} of {size} bytes")
                    theirs.append(took)
                    os.sync()
                    origin.ask("zero")
                    peer.get("/reset")
                    started = time.monotonic()
                    answer = client.must("UploadMediaByURL", {
                        "UploadURLs": quote_plus(f"{origin.url}/{rate}/0/{size}/{number}.mp4")})
                    ended = peer.wait_for(1, given.timeout)
                    job = answer["UploadJobs"][0]["JobId"]
                    info = client.infos(job)[job]
                    if info["FileSize"] != str(size):
                        raise SystemExit(f"the job ended as {info}")
                    facts = origin.ask("facts")
                    most = max(most, facts["most"])
                    sent.append(facts["sent"] / size)
                    for path in server.media_files(info["MediaId"]):
                        path.unlink()
                    ours.append(ended - started)
    finally:
        source.unlink(missing_ok=True)
    ratio = common.median(theirs) / common.median(ours)

    def row(name, times):
        listed = ", ".join(f"{value:.2f}" for value in times)
        return name, f"median {common.median(times):.2f} s ({listed})", times

    common.report(
        given, f"{given.mib} MiB from an origin with {given.rate} MiB/s for each connection",
        common.heading(given, "aria2c"),
        [
            row(f"aria2c -x{given.connections} -s{given.connections}", theirs), row("towline, durable", ours),
            ("bytes sent", f"{max(sent):.4f} × of the file at most, over up to {most} connections", sent),
            ("ratio", f"{ratio:.2f} × of aria2c's rate; target 1.0 ×", ratio),
        ],
    )


if __name__ == "__main__":
    if not shutil.which("aria2c"):
        raise SystemExit("this needs aria2c: scripts/setup-venvs.sh --bench")
    main()
