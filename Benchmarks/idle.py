"""Memory of an idle `towline dev`, from /proc/PID/smaps_rollup: after the start, and after some work has ended."""

import time
from urllib.parse import quote_plus

import common


def settled(pid, seconds):
    """The memory once it has not grown or shrunk by more than 64 KiB for two seconds, or at last after `seconds`."""
    deadline = time.monotonic() + seconds
    last, since = common.memory(pid), time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(0.25)
        found = common.memory(pid)
        if abs(found[0] - last[0]) > 64 << 10:
            last, since = found, time.monotonic()
        elif time.monotonic() - since >= 2:
            break
    return common.memory(pid)


def main():
    given = common.arguments(
        __doc__, runs=(5, "starts"), settle=(10.0, "longest wait in seconds"), jobs=(1000, "jobs of 16 KiB in between"),
    )
    fresh, worked = [], []
    with common.scratch(given) as folder, common.Peer(folder) as peer:
        for number in range(given.runs):
            with common.Towline(folder / f"data-{number}", program=given.bin) as server:
                client = common.RawClient(server.api)
                client.must("GetMessageCallback")
                fresh.append(settled(server.pid, given.settle))
                peer.get("/reset")
                client.set_callback(peer.url + "/hook", EventTypeList="UploadByURLComplete")
                for call in range(given.jobs // 20):
                    client.must("UploadMediaByURL", {"UploadURLs": ",".join(
                        quote_plus(f"{peer.url}/bytes/16384/{number}-{call}-{n}.mp4") for n in range(20))})
                peer.wait_for(given.jobs // 20 * 20, 300)
                worked.append(settled(server.pid, given.settle))

    def row(name, values, target):
        resident, anonymous = (common.median([value[index] for value in values]) for index in (0, 1))
        return (
            name, f"RSS {common.mib(resident)}, anonymous {common.mib(anonymous)} (medians of {len(values)}){target}",
            {"rss": [value[0] for value in values], "anonymous": [value[1] for value in values]},
        )

    common.report(given, "memory when idle", common.heading(given), [
        row("after the start", fresh, "; target 40 / 12 MiB"), row(f"after {given.jobs} jobs", worked, ""),
    ])


if __name__ == "__main__":
    main()
