"""The rate to one endpoint while 1,000,000 events wait for another that is down, against the same without them.

Two data folders that differ in nothing but the backlog. In each run, in turn for both: so many events are added that wait
for the healthy endpoint, a server starts on the folder, and the time runs from the first byte of the first event at the
receiver until the store counts all of them as delivered. The other endpoint refuses connections; its policy is
`durable`, so it is tried, paused and tried again all the while.

The events are made by waiting.py, by rows. The receiver is peer.c.
"""

import time

import common
from waiting import add_waiting


def flags(given):
    return [
        "--delivery-policy", "durable", "--delivery-concurrency", str(given.concurrency), "--delivery-per-endpoint",
        str(given.concurrency),
    ]


def prepare(given, data, peer, dead):
    """A stopped server's folder in which one event went to the healthy endpoint and one waits for the dead one."""
    with common.Towline(data, *flags(given), program=given.bin) as server:
        client, admin = common.RawClient(server.api), common.Admin(server.admin)
        for app, url in (("app-2000001", peer.url + "/hook"), ("app-2000002", dead)):
            client.set_callback(url, app, EventTypeList="UploadByURLComplete")
            client.submit(f"{peer.url}/missing/{app}.mp4", AppId=app)
        deadline = time.monotonic() + 30
        while admin.get("/stats")["deliveries"] != {**admin.get("/stats")["deliveries"], "pending": 1, "delivered": 1}:
            if time.monotonic() > deadline:
                raise SystemExit(f"the first two events did not fare as expected: {admin.get('/stats')}")
            time.sleep(0.05)


def measure(given, data, peer):
    """Events a second to the healthy endpoint."""
    add_waiting(data, peer.url + "/hook", given.events, "durable")
    peer.get("/reset")
    with common.Towline(data, *flags(given), program=given.bin) as server:
        admin = common.Admin(server.admin)
        wanted = given.delivered[data] + given.events
        ended = common.wait_for_delivered(admin, wanted, given.timeout)
        waiting = admin.get("/stats")["deliveries"]
    marks = peer.marks()
    if (marks["count"], marks["empty"]) != (given.events, 0):
        raise SystemExit(f"{marks['count']} of {given.events} arrived, {marks['empty']} without a body")
    given.delivered[data] = wanted
    return given.events / (ended - marks["first"]), waiting


def main():
    given = common.arguments(
        __doc__, backlog=(1_000_000, "events that wait for the endpoint that is down"),
        events=(50_000, "events of a run to the other endpoint"), runs=(5, "measured runs of each"),
        concurrency=(64, "requests at once"), timeout=(300.0, "for one run"),
    )
    rates = {"empty": [], "full": []}
    given.delivered = {}
    with common.scratch(given) as folder, common.Peer(folder) as peer:
        dead = f"http://127.0.0.1:{common.free_port()}/hook"
        folders = {name: folder / name for name in rates}
        for name, data in folders.items():
            prepare(given, data, peer, dead)
            given.delivered[data] = 1
        started = time.monotonic()
        add_waiting(folders["full"], dead, given.backlog, "durable")
        made_in = time.monotonic() - started
        for data in folders.values():  # one run of each warms up
            measure(given, data, peer)
        for _ in range(given.runs):
            for name, data in folders.items():
                rate, waiting = measure(given, data, peer)
                rates[name].append(rate)
        size = (folders["full"] / "towline.db").stat().st_size
    ratio = common.median(rates["full"]) / common.median(rates["empty"])

    def row(name, values):
        listed = ", ".join(f"{value:.0f}" for value in values)
        return name, f"median {common.median(values):.0f} events/s ({listed})", values

    common.report(
        given, f"{given.events} events to one endpoint while {given.backlog} wait for one that is down",
        common.heading(given) + [
            ("receiver", "peer.c, one process"),
            ("the backlog", f"{waiting['pending'] + waiting['sending']} deliveries wait at the end; made by rows in "
                            f"{made_in:.0f} s; a database of {common.mib(size)}"),
        ],
        [
            row("nothing else waiting", rates["empty"]), row("backlog", rates["full"]),
            ("ratio", f"{ratio:.2f} × of the rate without a backlog; target 0.9 ×", ratio),
        ],
    )


if __name__ == "__main__":
    main()
