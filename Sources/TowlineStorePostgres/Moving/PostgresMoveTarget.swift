import Crypto
import Foundation
package import TowlineCore
package import TowlineStore

/// Which store a migration comes from, in which state.
package struct MoveOrigin: Sendable {
    /// What operators call it: the URL.
    package let name: String
    /// What tells it from all other stores.
    package let identity: [UInt8]
    /// What is other after every use of it.
    package let clockFloor: Int64
    /// The greatest number that a queue ever had.
    package let lastQueue: Int64

    /// Joins what is known.
    package init(name: String, identity: [UInt8], clockFloor: Int64, lastQueue: Int64) {
        self.name = name
        self.identity = identity
        self.clockFloor = clockFloor
        self.lastQueue = lastQueue
    }
}

/// A database that takes the rows of another store.
///
/// Uses one connection of its own, on the thread of whoever calls.
package final class PostgresMoveTarget: MoveTarget {
    /// What was found in the database.
    package enum State: Sendable, Hashable {
        /// Nothing.
        case empty
        /// A migration from the same source that goes on.
        case unfinished(began: Timestamp)
        /// A migration from the same source that has ended, with its figures.
        case finished([MovedCount], at: Timestamp)
    }

    let connection: PostgresConnection
    private let secretBox: SecretBox
    private let origin: MoveOrigin

    /// Connects to a database.
    ///
    /// - Parameters:
    ///   - configuration: Where it is, and the key file's box.
    ///   - origin: Where the rows come from.
    /// - Throws: ``StoreError``.
    package init(_ configuration: PostgresStoreConfiguration, origin: MoveOrigin) throws {
        secretBox = configuration.secretBox
        self.origin = origin
        let settings = configuration.settings.map { ($0.0, $0.0 == "application_name" ? "towline-migrate" : $0.1) }
        connection = try Self.translated {
            let connection = try PostgresConnection(settings, intercept: configuration.intercept)
            // Whole tables are read and joined here, unlike elsewhere.
            try connection.runScript(
                """
                RESET enable_seqscan; RESET enable_hashjoin; RESET enable_mergejoin; RESET enable_bitmapscan;
                RESET plan_cache_mode
                """)
            return connection
        }
    }

    /// Says what is in the database, and changes nothing.
    ///
    /// - Throws: ``StoreError`` with code `conflict` when there is something that is not of this migration, `newerSchema`.
    package func state() throws -> State {
        try Self.translated {
            if try MigrationMark.isThere(connection), let mark = try MigrationMark.read(connection) {
                return try state(of: mark)
            }
            let found = try contents()
            guard found.isEmpty else {
                throw StoreError(
                    .conflict,
                    "the target is not empty: it holds \(found.joined(separator: ", ")); name an empty database")
            }
            return .empty
        }
    }

    private func state(of mark: MigrationMark.Row) throws -> State {
        guard mark.identity == origin.identity else {
            throw StoreError(
                .conflict,
                mark.endedAt == nil
                    ? "the target holds an unfinished migration from another store, \(mark.source), begun \(mark.beganAt); "
                        + "finish that one, or name an empty database"
                    : "the target is not empty: it was filled from another store, \(mark.source), until "
                        + "\(mark.endedAt.map { "\($0)" } ?? ""); name an empty database")
        }
        if let endedAt = mark.endedAt { return .finished(try counts(), at: endedAt) }
        guard mark.layout == Self.layout else {
            throw StoreError(
                .conflict,
                "another version of Towline has begun this migration; finish it with that version, or name an empty "
                    + "database")
        }
        guard mark.clockFloor == origin.clockFloor else {
            throw StoreError(
                .conflict,
                "the source was used since this migration began \(mark.beganAt), so the target holds what is no longer "
                    + "true; make it empty and begin anew")
        }
        return .unfinished(began: mark.beganAt)
    }

    /// Keeps nodes and other migrations away for as long as the connection lasts.
    ///
    /// - Parameter patience: How long to try: the server may not have noticed yet that one of them was killed.
    /// - Throws: ``StoreError`` with code `locked` when one of them uses the database.
    package func lock(patience: Duration = .seconds(5)) throws {
        try Self.translated {
            let end = ContinuousClock.now + patience
            while try connection.first(MoveSQL.lock, read: { $0.isTrue(0) }) != true {
                guard ContinuousClock.now < end else {
                    throw StoreError(.locked, "a node or another migration uses the target; stop it first")
                }
                Thread.sleep(forTimeInterval: 0.1)
            }
        }
    }

    /// Makes the tables of an empty database and marks it as not whole.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` when the database was used with another key file.
    package func begin() throws {
        try Self.translated {
            try Schema.migrate(connection)
            _ = try connection.run(KeySQL.insertSeal, .blob(try secretBox.seal("towline", for: "seal-check")))
            let sealed = try connection.first(KeySQL.findSeal) { $0.blob(0) } ?? []
            _ = try secretBox.open(sealed, for: "seal-check")
            try transaction {
                _ = try connection.run(TransactionSQL.begin)
                try connection.runScript(MigrationMark.tables)
                connection.add(
                    MoveSQL.mark, .text(origin.name), .blob(origin.identity), .integer(origin.clockFloor),
                    .text(Self.layout))
                let none = UInt128(0)
                connection.add(
                    MoveSQL.markTables, .texts(MovedTable.allCases.map(\.name)),
                    .ids(MovedTable.allCases.map { _ in none }))
                _ = try connection.run(TransactionSQL.commit)
            }
        }
    }

    package func progress(of table: MovedTable) throws -> MovedProgress {
        try Self.translated {
            var progress = MovedProgress()
            let found = try connection.first(MoveSQL.progress, .text(table.name)) { row in
                progress.digest = MovedDigest(
                    rows: row.integer(0), sum: try row.id(1, as: LeaseToken.self).rawValue)
                progress.last = try row.optionalBlob(2).map { try MovedValue.values(in: $0) }
                progress.isDone = row.isTrue(3)
                return true
            }
            guard found == true else { throw StoreError(.corrupted, "the migration lacks the table \(table.name)") }
            return progress
        }
    }

    package func write(
        _ page: MovedPage, to table: MovedTable, from old: MovedProgress, to new: MovedProgress
    ) throws {
        try Self.translated {
            try transaction {
                connection.add(TransactionSQL.begin)
                if !page.rows.isEmpty { try insert(page.rows, into: table) }
                var last: [UInt8]?
                if let key = new.last {
                    var bytes: [UInt8] = []
                    for value in key { value.append(to: &bytes) }
                    last = bytes
                }
                let moved = try connection.change(
                    MoveSQL.advance, .text(table.name), .integer(old.digest.rows), .id(old.digest.sum),
                    .integer(new.digest.rows), .id(new.digest.sum), .blob(last), .boolean(new.isDone))
                guard moved == 1 else {
                    throw StoreError(.conflict, "another migration into the same database has gone on meanwhile")
                }
                _ = try connection.run(TransactionSQL.commit)
            }
        }
    }

    package func digest(of table: MovedTable, counted: (Int64) -> Void) throws -> MovedDigest {
        guard let reading = MovedReading.all[table] else { return MovedDigest() }
        return try Self.translated {
            let columns = table.columns
            var digest = MovedDigest()
            try transaction {
                try connection.runScript(reading.open)
                while true {
                    let rows = try connection.run(reading.fetch)
                    try rows.forEach { row in
                        digest.add(try columns.enumerated().map { try row.value($0.offset, $0.element.kind) })
                    }
                    counted(digest.rows)
                    if rows.count == 0 { break }
                }
                try connection.runScript(reading.close)
            }
            return digest
        }
    }

    package func finish(_ counts: [MovedCount]) throws {
        try Self.translated {
            for table in MovedTable.allCases { try connection.runScript("ANALYZE \(table.name)") }
            try transaction {
                connection.add(TransactionSQL.begin)
                for statement in FinishMoveSQL.lanes { connection.add(statement) }
                for statement in FinishMoveSQL.numbers { connection.add(statement) }
                connection.add(FinishMoveSQL.queueNumber, .integer(origin.lastQueue))
                connection.add(
                    FinishMoveSQL.counts, .texts(counts.map(\.table)), .integers(counts.map(\.source)),
                    .integers(counts.map(\.target)))
                let ended = try connection.change(FinishMoveSQL.end)
                guard ended == 1 else {
                    throw StoreError(.conflict, "another migration into the same database has ended meanwhile")
                }
                _ = try connection.run(TransactionSQL.commit)
            }
        }
    }

    // MARK: Parts

    /// What the database holds beside the marks of its version, in words.
    private func contents() throws -> [String] {
        guard try Schema.isKnown(connection) else {
            let others = try connection.first(MoveSQL.otherTables) { $0.integer(0) } ?? 0
            return others > 0 ? ["\(others) tables of another program"] : []
        }
        guard try Schema.isUpToDate(connection) else {
            return ["tables of an earlier version; `towline migrate` brings them to this one"]
        }
        return try (MovedTable.allCases.map(\.name) + Self.companions).compactMap { name in
            let count = try connection.first(MoveSQL.counts[name] ?? MoveSQL.none) { $0.integer(0) } ?? 0
            return count > 0 ? "\(count) rows in \(name)" : nil
        }
    }

    private func counts() throws -> [MovedCount] {
        let found = try connection.all(MoveSQL.result) { row in
            MovedCount(
                table: row.text(0), source: row.integer(1), target: row.integer(2),
                digest: try row.id(3, as: LeaseToken.self).rawValue)
        }
        return MovedTable.allCases.compactMap { table in found.first { $0.table == table.name } }
    }

    /// Undoes what a closure has begun and not ended.
    private func transaction(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch {
            connection.discard()
            if !connection.isBroken { _ = try? connection.run(TransactionSQL.rollback) }
            throw error
        }
    }

    private static func translated<T>(_ body: () throws -> T) throws -> T {
        do {
            return try body()
        } catch {
            throw PostgresFailure.storeError(from: error)
        }
    }

    /// What the tables that are moved look like in this version.
    private static let layout: String = {
        let text =
            MovedTable.allCases.map { table in
                "\(table.name):\(table.columns.map { "\($0.name) \($0.kind)" }.joined(separator: ","))"
            }.joined(separator: ";") + Schema.versions.map(\.name).joined(separator: ",")
        return SHA256.hash(data: Array(text.utf8)).prefix(8).map { String($0, radix: 16) }.joined(separator: "-")
    }()

    /// Tables whose rows are made here, or are left behind.
    static let companions = [
        "lane_accounts", "account_states", "group_states", "lane_states", "queue_ready", "queue_hidden", "queue_counts",
        "dropped_queues", "extra_slots",
    ]
}

/// The statements of a move.
enum MoveSQL {
    static let lock = SQL("SELECT pg_try_advisory_lock(\(MigrationMark.lockKey))")
    private static let now = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    static let mark = SQL(
        """
        INSERT INTO migration (id, source, identity, clock_floor, layout, began_at) VALUES (1, $1, $2, $3, $4, \(now))
        """)
    static let markTables = SQL(
        """
        INSERT INTO migration_tables (name, sum, rows, is_done)
        SELECT v.*, 0, false FROM unnest($1::text[], $2::uuid[]) v
        """)
    static let progress = SQL("SELECT rows, sum, last, is_done FROM migration_tables WHERE name = $1")
    static let advance = SQL(
        """
        UPDATE migration_tables SET rows = $4, sum = $5, last = $6, is_done = $7
        WHERE name = $1 AND rows = $2 AND sum = $3 AND NOT is_done
        """)
    static let result = SQL(
        """
        SELECT name, source_rows, target_rows, sum FROM migration_tables
        WHERE source_rows IS NOT NULL AND target_rows IS NOT NULL
        """)
    static let otherTables = SQL(
        "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace")
    static let none = SQL("SELECT 0")
    static let counts: [String: SQL] = Dictionary(
        uniqueKeysWithValues: (MovedTable.allCases.map(\.name) + PostgresMoveTarget.companions).map {
            ($0, SQL("SELECT count(*) FROM \($0)"))
        })
}
