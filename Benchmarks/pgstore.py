"""The PostgreSQL store alone: lifecycles of jobs a second, against pgbench with the same statements.

A lifecycle: accepted, claimed, finished with its event and delivery, the delivery claimed and recorded as delivered, in
rounds of 200 jobs (Tests/TowlineStorePostgresTests/StoreFigures.swift). Everything runs on one durable server of its own
(fsync and synchronous_commit are on), the sides in turn, one round at a time:

- the store, from Swift, through its own connections;
- `pgbench -M prepared -c 1` with one script: the statements that the store sent. They are taken from the server's log of a
  run of the store, with every value of theirs, so that pgbench writes the same rows into the same tables by as many
  transactions of the same size. Values that are the same in each round are parameters, as they are for the store; others
  lie in a table of the server, from which a statement reads its own by the number of the round. So the server knows as
  much, and as little, when it plans.

pgbench runs it in two ways: statement by statement, and with each transaction as one pipeline, which is more than the
store can do, since it decides by what it reads. Each has its ratio. Then the store alone with other jobs waiting, against an
empty one (each behind a VACUUM and a CHECKPOINT), and for minutes, with and without another transaction held open.

Needs a build of the tests: `swift build --build-tests -c release -Xswiftc -enable-testing`, or another one that --tests names.
"""

import csv
import re
import shlex
import subprocess
import sys
from collections import Counter

import common
from harness.postgres import Postgres

SIZE = 200
WARM_UP = 10
SETTINGS = [
    # As StoreFigures starts its own.
    "max_connections=300", "shared_buffers=512MB", "max_wal_size=4GB", "autovacuum_naptime=5s",
    "shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track_utility=on",
    # Where the store's statements are read; nothing is logged unless a role asks for it.
    "logging_collector=on", "log_destination=csvlog", "log_filename=statements", "log_rotation_size=0",
]
# Tables that are not written by a lifecycle, or only changed: what they hold when the script begins is put back.
KEPT = {
    "schema_versions", "meta", "seal_check", "access_keys", "callbacks", "endpoints", "lanes", "lane_states", "lane_groups",
    "group_states", "lane_accounts", "account_states", "count_shards", "rounds",
}


# -- The store


def figures(given, server, rounds, waiting=0, seconds=0, hold=False):
    """What StoreFigures prints: jobs a second in all, and in each part of a run of some seconds."""
    environment = common.clean_environment({
        "TOWLINE_PG_HOST": str(server.folder), "TOWLINE_PG_BENCH": str(waiting), "TOWLINE_PG_ROUNDS": str(rounds),
        **({"TOWLINE_PG_SECONDS": str(seconds)} if seconds else {}), **({"TOWLINE_PG_HOLD": "1"} if hold else {}),
    })
    done = subprocess.run(
        [*shlex.split(given.tests), "--filter", "StoreFigures"], cwd=common.ROOT, env=environment, capture_output=True,
        text=True, timeout=given.timeout + seconds)
    total = re.search(r"^lifecycles, \d+ waiting: \d+ jobs, (\d+) a second", done.stdout, re.MULTILINE)
    if done.returncode != 0 or not total:
        raise SystemExit(f"{given.tests}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    parts = [int(found) for found in re.findall(r"after \d+ rounds: (\d+) jobs/s", done.stdout)]
    return int(total.group(1)), parts


def schemas(server):
    return set(server.query(r"SELECT nspname FROM pg_namespace WHERE nspname LIKE 't\_%'").split())


def store(given, server, **options):
    """A run of the store in a schema of its own, which is removed."""
    before = schemas(server)
    server.query("CHECKPOINT")
    result = figures(given, server, given.rounds, **options)
    load = server_load(server, given.rounds)
    for name in schemas(server) - before:
        server.query(f"DROP SCHEMA {name} CASCADE")
    return (*result, load)


def server_load(server, rounds):
    """What the server did for one lifecycle since its statistics were reset: (bytes of WAL, looks at pages)."""
    found = server.query("SELECT sum(wal_bytes)::bigint, sum(shared_blks_hit + shared_blks_read)::bigint FROM pg_stat_statements")
    return tuple(int(each) / (rounds * SIZE) for each in found.split("|"))


# -- What the store sent


class Statement:
    """One statement as the server's log has it; the values are text, None for NULL."""

    def __init__(self, text, detail):
        self.text = text
        found = re.findall(r"\$\d+ = (?:(NULL)|'((?:[^']|'')*)')(?=, \$|$)", detail.removeprefix("parameters: "))
        self.values = [None if null else value.replace("''", "'") for null, value in found]


def read_log(path):
    """(process, statement) in the order in which they ran."""
    csv.field_size_limit(sys.maxsize)
    with open(path, newline="", errors="replace") as file:
        for row in csv.reader(file):
            found = re.match(r"(?:execute [^:]+|statement): (.*)", row[13], re.DOTALL)
            if found:
                yield row[3], Statement(found.group(1), row[14])


class Sent:
    """The transactions of each round, in the order in which they began, and what is around them."""

    def __init__(self, path):
        self.settings = {}
        transactions, running, notifications = [], {}, []
        for process, statement in read_log(path):
            setting = re.fullmatch(r"SET (\w+) = (\w+)", statement.text)
            if setting:
                self.settings[setting.group(1)] = setting.group(2)
            elif statement.text.startswith("BEGIN"):
                running[process] = [statement]
                transactions.append(running[process])
            elif process in running:
                running[process].append(statement)
                if statement.text in ("COMMIT", "ROLLBACK"):
                    del running[process]
            elif "pg_notify" in statement.text:
                notifications.append((len(transactions), statement))
        self.rounds = self._cut(transactions)[WARM_UP:]
        began = {id(transaction): number for number, transaction in enumerate(transactions)}
        first = began[id(self.rounds[0][0])]
        self.notifications = [statement for number, statement in notifications if number > first]

    @staticmethod
    def _cut(transactions):
        """A round begins with the transactions that accept."""
        rounds, accepting = [], False
        for transaction in transactions:
            accepts = any(statement.text.startswith("INSERT INTO jobs") for statement in transaction)
            if accepts and not accepting:
                rounds.append([])
            if rounds:
                rounds[-1].append(transaction)
            accepting = accepts
        return rounds

    def alike(self):
        """The rounds that consist of the most usual sequence of statements."""
        def shape(transactions):
            return tuple(tuple(statement.text for statement in transaction) for transaction in transactions)

        [(usual, _)] = Counter(shape(each) for each in self.rounds).most_common(1)
        return [each for each in self.rounds if shape(each) == usual]


# -- The script


class Script:
    """The statements of one round for pgbench, its constants, and the values of all rounds for the table `rounds`."""

    _LONGEST_CONSTANT = 100_000  # of one word of a command line, and some

    def __init__(self, sent):
        self.rounds = sent.alike()
        self.columns, self.constants = {}, {}
        self.transactions = [
            [
                self._statement(statement.text, [each[place][number].values for each in self.rounds])
                for number, statement in enumerate(transaction)
            ]
            for place, transaction in enumerate(self.rounds[0])
        ]
        # Signals to other nodes go beside the transactions, several in one where they meet: as many as there were, on average.
        self.notifications = [
            re.sub(r"\$(\d+)", lambda found: _quoted(statement.values[int(found.group(1)) - 1]), statement.text)
            for statement in sent.notifications[: round(len(sent.notifications) / len(sent.rounds))]
        ]

    def _statement(self, text, values):
        """The text with a reading of the table, or a variable, for each parameter."""
        def place(found):
            column = tuple(each[int(found.group(1)) - 1] for each in values)
            kind = found.group(2) or _kind(column)
            # A variable cannot be NULL.
            if len(set(column)) == 1 and column[0] is not None and len(column[0]) < self._LONGEST_CONSTANT:
                name = self.constants.setdefault(column[0], f"c{len(self.constants)}")
                return f":{name}::{kind}"
            name = self.columns.setdefault((column, kind), f"v{len(self.columns)}")
            return f"(SELECT {name} FROM rounds WHERE round = :round)::{kind}"

        return re.sub(r"\$(\d+)(?:::([a-z]+(?:\[\])?))?", place, text)

    def text(self, pipelines):
        lines = ["\\set round :round + 1"]
        for transaction in self.transactions:
            lines += ["\\startpipeline"] * pipelines + [f"{text};" for text in transaction] + ["\\endpipeline"] * pipelines
        return "\n".join([*lines, *[f"{text};" for text in self.notifications]]) + "\n"

    def fill(self, server, schema):
        """Makes the table of values."""
        columns = ", ".join(f"{name} {kind}" for (_, kind), name in self.columns.items())
        storage = ", ".join(
            f"ALTER {name} SET STORAGE EXTERNAL" for (_, kind), name in self.columns.items() if kind.endswith("[]"))
        server.query(
            f"SET search_path = {schema}; CREATE TABLE rounds (round int PRIMARY KEY, {columns});"
            f"ALTER TABLE rounds {storage}")
        rows = []
        for number in range(len(self.rounds)):
            values = [str(number + 1), *[column[number] for column, _ in self.columns]]
            rows.append(",".join("" if each is None else '"' + each.replace('"', '""') + '"' for each in values))
        server.query(f"COPY {schema}.rounds FROM STDIN (FORMAT csv)", "\n".join(rows) + "\n")


def _quoted(value):
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def _kind(column):
    """The type of a parameter that the statement does not cast, by its values."""
    values = [each for each in column if each is not None]
    if all(re.fullmatch(r"-?\d+", each) for each in values):
        return "bigint"
    if all(each in ("t", "f") for each in values):
        return "boolean"
    if all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", each) for each in values):
        return "uuid"
    return "text"


class Peer:
    """pgbench on a schema that a run of the store has made, emptied before each run."""

    def __init__(self, given, server, folder):
        self.given, self.server, self.folder = given, server, folder
        before = schemas(server)
        server.query("ALTER ROLE postgres SET log_statement = 'all'")
        figures(given, server, max(given.rounds, 100))
        server.query("ALTER ROLE postgres RESET log_statement")
        [self.schema] = schemas(server) - before
        sent = Sent(server.data / "log" / "statements.csv")
        self.script = Script(sent)
        self.settings = sent.settings
        self.rounds = min(len(self.script.rounds), given.rounds + WARM_UP)
        self.all_rounds = len(sent.rounds)
        self.transactions = sum(len(each) for each in sent.rounds) / self.all_rounds
        if self.rounds < 2 * WARM_UP:
            raise SystemExit(
                f"only {self.rounds} of {self.all_rounds} rounds consist of the same statements: give more --rounds")
        self.script.fill(server, self.schema)
        for pipelines in (False, True):
            self._file(pipelines).write_text(self.script.text(pipelines))

    def run(self, pipelines):
        """Jobs a second."""
        self._reset()
        self._pgbench(pipelines, 0, WARM_UP)
        self.server.query("SELECT pg_stat_statements_reset()")
        output = self._pgbench(pipelines, WARM_UP, self.rounds - WARM_UP)
        self.load = server_load(self.server, self.rounds - WARM_UP)
        self._check()
        rounds = re.search(r"^tps = ([\d.]+) \(without initial connection time\)", output, re.MULTILINE)
        return float(rounds.group(1)) * SIZE

    def _file(self, pipelines):
        return self.folder / ("pipelines.sql" if pipelines else "statements.sql")

    def _pgbench(self, pipelines, first, count):
        settings = {**self.settings, "search_path": self.schema}
        variables = {"round": first, **{name: value for value, name in self.script.constants.items()}}
        done = subprocess.run(
            [
                "pgbench", "-n", "-h", str(self.server.folder), "-U", "postgres", "-M", "prepared", "-c", "1", "-j", "1",
                "-t", str(count), *(word for name, value in variables.items() for word in ("-D", f"{name}={value}")),
                "-f", str(self._file(pipelines)), "postgres",
            ],
            env=common.clean_environment({"PGOPTIONS": " ".join(f"-c {name}={value}" for name, value in settings.items())}),
            capture_output=True, text=True, timeout=self.given.timeout)
        if done.returncode != 0 or f"actually processed: {count}/{count}" not in done.stdout:
            raise SystemExit(f"pgbench: {done.stdout}{done.stderr[-3000:]}")
        return done.stdout

    def _reset(self):
        tables = set(self.server.query(f"SELECT tablename FROM pg_tables WHERE schemaname = '{self.schema}'").split()) - KEPT
        self.server.query(
            f"SET search_path = {self.schema}; TRUNCATE {', '.join(sorted(tables))};"
            "UPDATE lane_states SET state = 0, ready_at = NULL, turn = 0, later_at = NULL, later_mark = 0, mark = 0, levels = 0;"
            "UPDATE group_states SET in_use = 0, next_start = 0, blocked_from = NULL;"
            "UPDATE account_states SET in_use = 0, blocked_from = NULL;"
            "SELECT setval('lane_clock_0', 0), setval('lane_clock_1', 0)")
        for table in ("lane_states", "group_states", "account_states", "count_shards"):
            self.server.query(f"VACUUM FULL {self.schema}.{table}")
        self.server.query("CHECKPOINT")

    def _check(self):
        """Every job has gone all the way, or the script did not do what the store did."""
        wanted = self.rounds * SIZE
        counts = self.server.query(
            f"SET search_path = {self.schema}; SELECT (SELECT count(*) FROM runs WHERE ended_at IS NOT NULL AND lease IS NULL),"
            "(SELECT count(*) FROM media), (SELECT count(*) FROM job_attempts), (SELECT count(*) FROM events),"
            "(SELECT count(*) FROM deliveries WHERE state = 2), (SELECT count(*) FROM delivery_attempts),"
            "(SELECT count(*) FROM nonces), (SELECT count(*) FROM object_intents)")
        ended, media, attempts, events, delivered, sent, nonces, intents = map(int, counts.split("|"))
        if (ended, media, attempts, nonces, intents) != (wanted, wanted, wanted, wanted, 0) or not events == delivered == sent:
            raise SystemExit(f"after {wanted} jobs pgbench has left {counts}")
        if events % wanted or not events:
            raise SystemExit(f"{events} events of {wanted} jobs")


def main():
    given = common.arguments(
        __doc__, tests=("swift test -c release --skip-build", "the command that runs the Swift tests"),
        runs=(5, "measured runs of each"), rounds=(200, "rounds of 200 jobs in a run"),
        waiting=(1_000_000, "jobs that wait in one more run of the store; 0 for none"),
        hold=(300, "seconds for which a transaction is held open in one more run, and not in another; 0 for none"),
        timeout=(1200.0, "seconds for one run"),
    )
    ours, plain, piped = [], [], []
    full, empty, held, free = [], [], None, None
    with common.scratch(given) as folder, Postgres(*SETTINGS, folder=given.folder) as server:
        peer = Peer(given, server, folder)
        for _ in range(given.runs):
            rate, _, load = store(given, server)
            ours.append(rate)
            plain.append(peer.run(False))
            piped.append(peer.run(True))
        for _ in range(3 if given.waiting else 0):
            full.append(store(given, server, waiting=given.waiting)[0])
            empty.append(store(given, server)[0])
        if given.hold:
            free = store(given, server, seconds=given.hold)
            held = store(given, server, seconds=given.hold, hold=True)

    def listed(values):
        return ", ".join(f"{value:.0f}" for value in values)

    statements = sum(len(each) for each in peer.script.transactions)
    base = common.median(ours)
    results = [
        ("store", f"median {base:.0f} lifecycles/s ({listed(ours)})", ours),
        ("pgbench, statement by statement", f"median {common.median(plain):.0f} lifecycles/s ({listed(plain)})", plain),
        ("pgbench, transactions as pipelines", f"median {common.median(piped):.0f} lifecycles/s ({listed(piped)})", piped),
        (
            "the server's work for a lifecycle", f"store {load[0]:.0f} bytes of WAL and {load[1]:.0f} looks at pages, pgbench "
            f"{peer.load[0]:.0f} and {peer.load[1]:.0f}", [load, peer.load],
        ),
        ("ratio, statement by statement", f"{base / common.median(plain):.2f} ×; target 0.7 ×", base / common.median(plain)),
        ("ratio, pipelines", f"{base / common.median(piped):.2f} ×", base / common.median(piped)),
    ]
    if full:
        ratio = common.median(full) / common.median(empty)
        results.append((
            f"store, {given.waiting} jobs waiting",
            f"median {common.median(full):.0f} lifecycles/s ({listed(full)}), without {common.median(empty):.0f} "
            f"({listed(empty)}): {ratio:.2f} ×; target 0.9 ×", ratio))
    if held:
        results.append((
            f"store for {given.hold} s, transaction held",
            f"{held[0]} lifecycles/s, without {free[0]}: {held[0] / free[0]:.2f} ×; target 0.8 ×; the last {given.rounds} rounds "
            f"{held[1][-1]}, without {free[1][-1]}; against the short runs above {held[0] / base:.2f} ×", held[0] / free[0]))
    common.report(
        given, f"the PostgreSQL store: lifecycles in rounds of {SIZE} jobs, fsync and synchronous_commit on",
        common.heading(given) + [
            ("server", common.first_line(str(server.bin / "postgres"), "--version")),
            ("store", f"{given.tests} --filter StoreFigures, {given.rounds} rounds"),
            (
                "pgbench", f"-M prepared -c 1, {peer.rounds - WARM_UP} rounds; {statements} statements in "
                f"{len(peer.script.transactions)} transactions a round, as in {len(peer.script.rounds)} of "
                f"{peer.all_rounds} rounds of the store ({peer.transactions:.1f} on average)",
            ),
        ],
        results,
    )


if __name__ == "__main__":
    main()
