"""Time from a job's terminal commit to the first byte of its callback, on a server that has nothing else to do.

Single jobs, one after the other, each a small file. Two figures:

- from the time that the job says it ended (`endedAtMilliseconds`), which is that of its terminal transaction before the
  transaction is on disk, so the commit itself is included;
- from the last byte of the source, which includes the end of the pull and the file's way to the disk too: an upper bound.

All times but the job's end are the peer's: it notes when it handed the last byte of the source to the kernel and when
the first byte of the callback came. A job's end has whole milliseconds and is rounded down, so that figure is up to 1 ms
too long.
"""

import random
import time
from urllib.parse import quote_plus

import common


def wait_for_count(peer, count, timeout):
    """The marks once so many callbacks came; asks rarely, so as not to disturb what it measures."""
    deadline = time.monotonic() + timeout
    time.sleep(0.02)
    while True:
        marks = peer.marks()
        if marks["count"] >= count:
            return marks
        if time.monotonic() > deadline:
            raise SystemExit(f"no callback within {timeout} s")
        time.sleep(0.01)


def main():
    given = common.arguments(
        __doc__, jobs=(500, "measured jobs, after twenty that warm up"), bytes=(1024, "bytes of each file"),
        timeout=(20.0, "for one job"), seed=(1, "of the pauses between jobs"),
    )
    pauses = random.Random(given.seed)
    from_source, from_end = [], []
    with common.scratch(given) as folder, common.Peer(folder) as peer:
        with common.Towline(folder / "data", program=given.bin) as server:
            client, admin = common.RawClient(server.api), common.Admin(server.admin)
            client.set_callback(peer.url + "/hook", EventTypeList="UploadByURLComplete", AuthSwitch="on", AuthKey="Abc123")
            for number in range(given.jobs + 20):
                url = f"{peer.url}/bytes/{given.bytes}/{number}.mp4"
                answer = client.must("UploadMediaByURL", {"UploadURLs": quote_plus(url)})
                marks = wait_for_count(peer, number + 1, given.timeout)
                job = admin.get(f"/jobs/{answer['UploadJobs'][0]['JobId']}")
                if number >= 20:
                    from_source.append((marks["last"] - marks["served"]) * 1000)
                    if job.get("endedAtMilliseconds") is not None:
                        from_end.append(marks["last_wall"] * 1000 - job["endedAtMilliseconds"])
                time.sleep(pauses.uniform(0.005, 0.03))

    def row(name, values, note):
        p50, p99 = (common.quantile(values, share) for share in (0.5, 0.99))
        return (
            name, f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, {min(values):.2f} to {max(values):.2f} ms, {len(values)} jobs{note}",
            {"p50": p50, "p99": p99, "all": values},
        )

    results = [row("from the last byte of the source", from_source, " (an upper bound)")]
    if from_end:
        results.insert(0, row("from the job's end", from_end, "; target 5 and 20 ms"))
    common.report(
        given, f"terminal commit to the callback's first byte, idle, files of {given.bytes} bytes",
        common.heading(given) + [("origin, receiver", "peer.c, one process")], results,
    )


if __name__ == "__main__":
    main()
