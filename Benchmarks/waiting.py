"""Waiting events made in bulk, by rows: a million jobs would take longer than what is measured with them.

For a stopped server's SQLite file. Each row is a copy of a real event's with ids of its own; the lane's and the counters'
values are what the same events would have left there. What they lack is their jobs, which a delivery does not look at.
"""

import os
import sqlite3
import time
from pathlib import Path

PENDING = 8  # the counter of waiting deliveries
CHUNK = 20_000


def _ids(count, until):
    """Ids as the server makes them: milliseconds since 1970 and 80 random bits; some share their millisecond."""
    noise = os.urandom(10 * count)
    first = until - count // 4
    return [
        (first + number // 4).to_bytes(6, "big") + noise[10 * number:10 * number + 10] for number in range(count)
    ]


def add_waiting(data, url, count, policy):
    """Adds `count` events that wait for the endpoint with this URL, which has had at least one."""
    database = sqlite3.connect(Path(data) / "towline.db", isolation_level=None)
    try:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -262144")
        found = database.execute(
            "SELECT l.id FROM endpoints p JOIN lanes l ON l.group_id = p.group_id AND l.key = p.url "
            "WHERE p.kind = 0 AND p.url = ?", (url,)).fetchone()
        if found is None:
            raise SystemExit(f"no event has gone to {url}: it has no lane")
        [lane] = found
        account, app, job, run, kind, body = database.execute(
            "SELECT e.account_id, e.app, e.job, e.run, e.type, e.body FROM deliveries d JOIN events e ON e.seq = d.event "
            "WHERE d.lane_id = ? LIMIT 1", (lane,)).fetchone()
        before, _, after = bytes(body).partition(job.hex().encode())
        if not after:
            raise SystemExit(f"the event of {url} does not name its job")
        now = int(time.time() * 1000)
        [sequence] = database.execute("SELECT max(seq) FROM events").fetchone()
        database.execute("BEGIN IMMEDIATE")
        for start in range(0, count, CHUNK):
            size = min(CHUNK, count - start)
            made = [now - (count - start - number) // 4 for number in range(size)]
            jobs, events, deliveries = (_ids(size, made[-1]) for _ in range(3))
            database.executemany(
                "INSERT INTO events (seq, id, account_id, app, job, run, type, body, created_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (sequence + start + number + 1, events[number], account, app, jobs[number], run, kind,
                     before + jobs[number].hex().encode() + after, made[number])
                    for number in range(size)
                ))
            database.executemany(
                "INSERT INTO deliveries (id, event, account_id, lane_id, policy, state, due, created_at) "
                "VALUES (?, ?, ?, ?, ?, 0, ?, ?)",
                (
                    (deliveries[number], sequence + start + number + 1, account, lane, policy, made[number], made[number])
                    for number in range(size)
                ))
        database.execute("UPDATE lanes SET ready_at = ? WHERE id = ? AND blocked_turn IS NULL", (now - count // 4, lane))
        database.execute("UPDATE counters SET value = value + ? WHERE id = ?", (count, PENDING))
        database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        database.close()
