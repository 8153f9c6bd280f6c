import TowlineCore
import TowlineStore

extension PostgresMoveTarget {
    /// Inserts rows, with those that belong to them in other tables.
    func insert(_ rows: [[MovedValue]], into table: MovedTable) throws {
        let columns = MovedColumns(rows, of: table)
        switch table {
        case .laneGroups: insertGroups(columns)
        case .lanes: insertLanes(columns)
        case .queues: insertQueues(columns)
        case .queueMessages: insertMessages(rows)
        default:
            guard let statement = MovedTable.insertions[table] else { return }
            connection.add(statement, columns.all)
        }
    }

    private func insertGroups(_ columns: MovedColumns) {
        let hashes = zip(columns.integers("kind"), columns.texts("key")).map { kind, key in
            kind == Int64(LaneKind.pull.rawValue) ? LaneKey.origin(key) : LaneKey.group(key: key)
        }
        connection.add(InsertMoveSQL.groups, columns.all + [.ids(hashes)])
    }

    private func insertLanes(_ columns: MovedColumns) {
        let accounts = columns.texts("account_id")
        let kinds = columns.integers("kind")
        let keys = columns.texts("key")
        let hashes = keys.indices.map { index in
            let account = AccountID(accounts[index])
            return kinds[index] == Int64(LaneKind.pull.rawValue)
                ? LaneKey.pulls(account: account, origin: keys[index])
                : LaneKey.lane(account: account, key: keys[index])
        }
        connection.add(InsertMoveSQL.owners, columns["kind", "account_id"])
        connection.add(InsertMoveSQL.lanes, columns.all + [.ids(hashes)])
    }

    private func insertQueues(_ columns: MovedColumns) {
        connection.add(
            InsertMoveSQL.queues,
            columns[
                "id", "account_id", "name", "delay", "maximum_bytes", "retention", "visibility", "polling_wait",
                "logging", "dead_letters_to", "max_receives", "created_at", "modified_at"])
        connection.add(InsertMoveSQL.queueCounts, columns["id", "shown", "received", "delayed"])
    }

    /// Inserts messages with where they stand.
    ///
    /// Those that can be seen stand in the order of their sending, as they did, whether or not they were received before.
    private func insertMessages(_ rows: [[MovedValue]]) {
        let all = MovedColumns(rows, of: .queueMessages)
        connection.add(
            InsertMoveSQL.messages,
            all["id", "queue", "enqueued_at", "priority", "message_id", "digest", "properties", "body"])
        let hidden = zip(rows, all.integers("hiding")).filter { $0.1 > 0 }.map(\.0)
        let ready = zip(rows, all.integers("hiding")).filter { $0.1 == 0 }.map(\.0)
        if !ready.isEmpty {
            let columns = MovedColumns(ready, of: .queueMessages)
            let lanes = columns.integers("priority").map { QueuePlace.fresh(Int($0)) }
            let places = zip(columns.integers("enqueued_at"), columns.integers("id")).map { time, number in
                QueuePlace.place(at: Timestamp(milliseconds: time), number: number)
            }
            connection.add(
                QueueRowSQL.show,
                columns["queue"] + [.integers(lanes), .integers(places)]
                    + columns["id", "enqueued_at", "dequeue_count", "first_dequeued_at"])
        }
        if !hidden.isEmpty {
            let columns = MovedColumns(hidden, of: .queueMessages)
            connection.add(
                QueueRowSQL.hide,
                columns[
                    "id", "queue", "hiding", "visible_at", "priority", "enqueued_at", "dequeue_count",
                    "first_dequeued_at", "receive", "revision"])
        }
    }
}

/// The statements that insert rows which other rows hang on.
enum InsertMoveSQL {
    static let groups = MovedTable.insertion(
        into: "lane_groups", MovedTable.laneGroups.columns + [MovedColumn(name: "hash", kind: .id)])
    static let owners = SQL(
        """
        INSERT INTO lane_accounts (kind, account_id)
        SELECT DISTINCT v.kind, v.account_id FROM unnest($1::bigint[], $2::text[]) v (kind, account_id)
        ON CONFLICT (kind, account_id) DO NOTHING
        """)
    static let lanes = SQL(
        """
        INSERT INTO lanes (id, kind, group_id, account_id, key, hash, owner_id) OVERRIDING SYSTEM VALUE
        SELECT v.*, a.id
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::uuid[])
          v (id, kind, group_id, account_id, key, hash)
        JOIN lane_accounts a ON a.kind = v.kind AND a.account_id = v.account_id
        """)
    static let queues = SQL(
        """
        INSERT INTO queues (
          id, account_id, name, delay, maximum_bytes, retention, visibility, polling_wait, logging, dead_letters_to,
          max_receives, created_at, modified_at)
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
          $7::bigint[], $8::bigint[], $9::boolean[], $10::text[], $11::bigint[], $12::bigint[], $13::bigint[])
        """)
    /// Before every addition that comes here.
    static let queueCounts = SQL(
        """
        INSERT INTO queue_counts (queue, place, shown, received, delayed)
        SELECT v.id, 0, v.shown, v.received, v.delayed
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) v (id, shown, received, delayed)
        """)
    static let messages = SQL(
        """
        INSERT INTO queue_messages (id, queue, enqueued_at, priority, message_id, digest, properties, body)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::uuid[], $6::bytea[],
          $7::text[], $8::bytea[])
        """)
}

/// The statements that make a store of rows: lanes with something to claim become ready, and numbers go on after the
/// greatest that came.
enum FinishMoveSQL {
    static let lanes = [
        SQL("INSERT INTO group_states (group_id) SELECT id FROM lane_groups"),
        SQL("INSERT INTO account_states (owner_id) SELECT id FROM lane_accounts"),
        SQL(
            "INSERT INTO lane_states (lane_id, kind, group_id, owner_id) SELECT id, kind, group_id, owner_id FROM lanes"
        ),
        SQL(
            """
            UPDATE lane_states l SET state = CASE WHEN w.is_ready THEN 1 ELSE 2 END,
              ready_at = CASE WHEN w.is_ready THEN NULL ELSE w.later END, later_at = w.later, levels = w.levels
            FROM (
              SELECT lane_id, bool_or(waiting = 1) AS is_ready, min(due) FILTER (WHERE waiting = 2) AS later,
                bit_or(1 << level) AS levels
              FROM runs WHERE waiting IS NOT NULL GROUP BY lane_id) w
            WHERE l.lane_id = w.lane_id
            """),
        // The claim that visits a lane finds out about its endpoint and about times to come.
        SQL(
            """
            UPDATE lane_states l SET state = 1 FROM (SELECT DISTINCT lane_id FROM deliveries WHERE state = 0) w
            WHERE l.lane_id = w.lane_id
            """),
        // Accounts take turns from the beginning.
        SQL(
            """
            UPDATE lane_states l SET turn = w.turn
            FROM (
              SELECT lane_id, row_number() OVER (PARTITION BY owner_id ORDER BY lane_id) - 1 AS turn FROM lane_states
              WHERE state <> 0) w
            WHERE l.lane_id = w.lane_id AND w.turn > 0
            """),
    ]
    static let numbers = [
        raise("'job_numbers'", "(SELECT max(seq) FROM jobs)"),
        raise(
            "'event_numbers'",
            """
            greatest((SELECT max(seq) FROM events), (SELECT max(acknowledged_seq) FROM listeners),
              (SELECT max(last_seq) FROM replays))
            """),
        raise("'queue_message_numbers'", "(SELECT max(id) FROM queue_messages)"),
        raise("pg_get_serial_sequence('lane_groups', 'id')", "(SELECT max(id) FROM lane_groups)"),
        raise("pg_get_serial_sequence('lanes', 'id')", "(SELECT max(id) FROM lanes)"),
    ]
    static let queueNumber = SQL("SELECT setval('queue_numbers', $1) WHERE $1 > 0")
    static let counts = SQL(
        """
        UPDATE migration_tables t SET source_rows = v.source_rows, target_rows = v.target_rows
        FROM unnest($1::text[], $2::bigint[], $3::bigint[]) v (name, source_rows, target_rows) WHERE t.name = v.name
        """)
    static let end = SQL(
        """
        UPDATE migration SET ended_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint
        WHERE id = 1 AND ended_at IS NULL
        """)

    private static func raise(_ sequence: String, _ number: String) -> SQL {
        SQL("SELECT setval(\(sequence), n.number) FROM (SELECT \(number) AS number) n WHERE n.number > 0")
    }
}
