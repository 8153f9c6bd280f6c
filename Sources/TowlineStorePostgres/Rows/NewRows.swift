import TowlineCore
import TowlineStore

/// Rows that a transaction adds or changes, gathered to be written by one statement for each table.
struct NewRows {
    /// One event.
    struct EventRow {
        let seq: Int64
        let id: EventID
        let type: EventType
        let body: [UInt8]
        let job: Job
    }

    /// One delivery.
    struct DeliveryRow {
        let id: DeliveryID
        let event: Int64
        let account: AccountID
        let lane: Int64
        var gate: JobGate?
        let policy: DeliveryPolicy.Name
        let origin: DeliveryOrigin
        let due: Timestamp
        /// The end of a delivery that needs no attempt of an engine; nil for one that waits.
        var ended: (state: DeliveryState, reason: String?)?
    }

    /// One attempt of a delivery.
    struct DeliveryAttemptRow {
        let delivery: DeliveryID
        let record: Int
        let number: Int
        let startedAt: Timestamp
        let content: DeliveryAttemptRecord
    }

    /// One attempt of a job.
    struct JobAttemptRow {
        let run: StoredRun
        let content: JobAttemptRecord
        let failure: JobFailure?
    }

    /// What becomes of a run.
    struct RunChange {
        let job: Int64
        let run: Int
        var state: JobState
        var waiting: Int?
        var due: Timestamp?
        var attempts: Int
        var fruitless: Int
        var failure: JobFailure?
        var received: Int64
        var total: Int64?
        var endedAt: Timestamp?

        /// A run as it stands, without its lease.
        init(_ run: StoredRun, state: JobState) {
            job = run.seq
            self.run = run.job.run
            self.state = state
            attempts = run.job.attempts
            fruitless = run.fruitless
            failure = run.job.failure
            received = run.job.bytesReceived
            total = run.job.bytesTotal
        }
    }

    /// What becomes of a delivery's attempt.
    struct DeliveryChange {
        let id: DeliveryID
        var state: DeliveryState
        var due: Timestamp?
        var attempts: Int
        var records: Int
        var reason: String?
        var endedAt: Timestamp?
    }

    /// One stored object.
    struct MediaRow {
        let run: StoredRun
        let key: ObjectKey
        let bytes: Int64
        let digests: ContentDigests?
    }

    var events: [EventRow] = []
    var deliveries: [DeliveryRow] = []
    var deliveryAttempts: [DeliveryAttemptRow] = []
    var deliveryChanges: [DeliveryChange] = []
    var jobAttempts: [JobAttemptRow] = []
    var runChanges: [RunChange] = []
    var media: [MediaRow] = []
    /// Gates to open: runs that are `stored` become `succeeded`.
    var openedGates: [JobGate] = []
    /// What becomes of objects' intent rows.
    var intents = IntentChanges()
}

/// What becomes of objects that no run has chosen, and of the checkpoints that keep them.
struct IntentChanges {
    /// Checkpoints, by the job's row; nil to forget.
    private(set) var checkpoints: [Int64: TransferCheckpoint?] = [:]
    /// Keys that are to be kept, and those that are no longer.
    private(set) var kept: [String: Bool] = [:]
    /// Jobs whose kept objects may go, but for one.
    private(set) var swept: [Int64: (at: Timestamp, except: String)] = [:]
    /// Keys of attempts that are over, with the time from which they may go.
    private(set) var abandoned: [String: (at: Timestamp, isUnheard: Bool)] = [:]
    /// Keys that were chosen.
    private(set) var chosen: [String] = []
    /// Keys whose attempts were over before.
    private(set) var hastened: [String] = []

    /// Whether there is nothing to do.
    var isEmpty: Bool {
        checkpoints.isEmpty && kept.isEmpty && swept.isEmpty && abandoned.isEmpty && chosen.isEmpty && hastened.isEmpty
    }

    /// Records a checkpoint whose bytes are under a key.
    mutating func keep(_ checkpoint: TransferCheckpoint, under key: ObjectKey, of job: Int64, at now: Timestamp) {
        checkpoints[job] = .some(checkpoint)
        kept[key.description] = true
        // The bytes are under this key now; whoever wrote under the others was stopped when they were taken over.
        swept[job] = (now, key.description)
    }

    /// Forgets a run's checkpoint, and lets what its attempts left be removed from a moment on.
    mutating func forget(of job: Int64, sweepAt: Timestamp, except key: ObjectKey? = nil) {
        checkpoints[job] = .some(nil)
        swept[job] = (sweepAt, key?.description ?? "")
        // An attempt goes on: its own key must not be swept under it.
        if let key { kept[key.description] = false }
    }

    /// Lets the object of an attempt be removed from a moment on, unless it is kept for the next attempt.
    ///
    /// One whose writer was not heard of is looked for again later, kept or not.
    mutating func abandon(_ key: ObjectKey, at time: Timestamp, isUnheard: Bool = false) {
        abandoned[key.description] = (time, isUnheard)
    }

    /// A run has chosen its object.
    mutating func choose(_ key: ObjectKey) { chosen.append(key.description) }

    /// An attempt is over for good: nobody writes to its key any more, so its object may go at once.
    mutating func hasten(_ key: ObjectKey) { hastened.append(key.description) }
}

extension Transaction {
    /// Sends what was gathered, with what follows.
    func writeRows() throws {
        let rows = rows
        self.rows = NewRows()
        add(rows.runChanges)
        add(rows.jobAttempts)
        add(rows.media)
        add(rows.events)
        add(rows.deliveryChanges)
        add(rows.deliveries)
        add(rows.deliveryAttempts)
        add(rows.intents)
        if !rows.openedGates.isEmpty { try open(rows.openedGates) }
    }

    private func add(_ rows: [NewRows.RunChange]) {
        guard !rows.isEmpty else { return }
        connection.add(
            RowSQL.changeRuns, .integers(rows.map(\.job)), .integers(rows.map { Int64($0.run) }),
            .integers(rows.map { Int64($0.state.number) }), .integers(rows.map { $0.waiting.map { Int64($0) } }),
            .integers(rows.map { $0.due?.milliseconds }), .integers(rows.map { Int64($0.attempts) }),
            .integers(rows.map { Int64($0.fruitless) }), .texts(rows.map { $0.failure?.code.rawValue }),
            .texts(rows.map { $0.failure?.message }), .integers(rows.map(\.received)), .integers(rows.map(\.total)),
            .integers(rows.map { $0.endedAt?.milliseconds }))
    }

    private func add(_ rows: [NewRows.JobAttemptRow]) {
        guard !rows.isEmpty else { return }
        connection.add(
            RowSQL.insertJobAttempts, .integers(rows.map(\.run.seq)), .integers(rows.map { Int64($0.run.job.run) }),
            .integers(rows.map { Int64($0.run.job.attempts) }), .texts(rows.map(\.run.node.description)),
            .integers(rows.map(\.run.attemptStartedAt.milliseconds)),
            .integers(rows.map(\.content.duration.wholeMicroseconds)), .texts(rows.map(\.content.address)),
            .integers(rows.map { $0.content.httpStatus.map { Int64($0) } }),
            .integers(rows.map(\.content.bytesReceived)), .texts(rows.map { JobRows.redirects(of: $0.content) }),
            .texts(rows.map { JobRows.recording(of: $0.content) }), .texts(rows.map { $0.failure?.code.rawValue }),
            .texts(rows.map { $0.failure?.message }))
    }

    private func add(_ rows: [NewRows.MediaRow]) {
        guard !rows.isEmpty else { return }
        connection.add(
            RowSQL.insertMedia, .ids(rows.map(\.run.job.media)), .texts(rows.map(\.run.job.account.description)),
            .texts(rows.map(\.run.job.app.description)), .integers(rows.map(\.run.seq)),
            .integers(rows.map { Int64($0.run.job.run) }), .texts(rows.map(\.key.description)),
            .integers(rows.map(\.bytes)),
            .integers(rows.map { $0.digests.map { Int64(bitPattern: $0.crc64) } }),
            .texts(rows.map { $0.digests?.sha256 }), .texts(rows.map { $0.digests?.md5 }), .time(now))
    }

    private func add(_ rows: [NewRows.EventRow]) {
        guard !rows.isEmpty else { return }
        connection.add(
            RowSQL.insertEvents, .integers(rows.map(\.seq)), .ids(rows.map(\.id)),
            .texts(rows.map(\.job.account.description)), .texts(rows.map(\.job.app.description)),
            .ids(rows.map(\.job.id)), .integers(rows.map { Int64($0.job.run) }),
            .integers(rows.map { Int64($0.type.number) }), .blobs(rows.map(\.body)), .time(now))
        effects.signal(.eventsAdded)
    }

    private func add(_ rows: [NewRows.DeliveryChange]) {
        guard !rows.isEmpty else { return }
        connection.add(
            RowSQL.changeDeliveries, .ids(rows.map(\.id)), .integers(rows.map { Int64($0.state.number) }),
            .integers(rows.map { $0.due?.milliseconds }), .integers(rows.map { Int64($0.attempts) }),
            .integers(rows.map { Int64($0.records) }), .texts(rows.map(\.reason)),
            .integers(rows.map { $0.endedAt?.milliseconds }))
    }

    private func add(_ rows: [NewRows.DeliveryRow]) {
        guard !rows.isEmpty else { return }
        connection.add(
            RowSQL.insertDeliveries, .ids(rows.map(\.id)), .integers(rows.map(\.event)),
            .texts(rows.map(\.account.description)), .integers(rows.map(\.lane)),
            .integers(rows.map { $0.gate?.job }), .integers(rows.map { $0.gate.map { Int64($0.run) } }),
            .texts(rows.map(\.policy.rawValue)), .integers(rows.map { Int64($0.origin.number) }),
            .ids(
                rows.map { row in
                    if case .replay(let replay) = row.origin { replay.rawValue } else { nil }
                }),
            .integers(rows.map { Int64(($0.ended?.state ?? .pending).number) }),
            .integers(rows.map(\.due.milliseconds)), .texts(rows.map { $0.ended?.reason }), .time(now))
        for row in rows { effects.countDelivery(to: row.ended?.state ?? .pending) }
    }

    private func add(_ rows: [NewRows.DeliveryAttemptRow]) {
        guard !rows.isEmpty else { return }
        connection.add(
            RowSQL.insertDeliveryAttempts, .ids(rows.map(\.delivery)), .integers(rows.map { Int64($0.record) }),
            .integers(rows.map { Int64($0.number) }), .integers(rows.map(\.startedAt.milliseconds)),
            .integers(rows.map(\.content.duration.wholeMicroseconds)), .texts(rows.map(\.content.address)),
            .integers(rows.map { $0.content.httpStatus.map { Int64($0) } }), .texts(rows.map(\.content.requestHead)),
            .texts(rows.map(\.content.responseHead)), .blobs(rows.map(\.content.responseBody)),
            .texts(rows.map(\.content.cause)))
    }

    private func add(_ changes: IntentChanges) {
        guard !changes.isEmpty else { return }
        let checkpoints = changes.checkpoints.compactMap { job, value in value.map { (job, $0) } }
        let forgotten = changes.checkpoints.filter { $0.value == nil }.map(\.key)
        if !checkpoints.isEmpty {
            connection.add(
                RowSQL.recordCheckpoints, .integers(checkpoints.map(\.0)),
                .integers(checkpoints.map { Int64($0.1.source) }),
                .texts(checkpoints.map(\.1.version.validator)), .integers(checkpoints.map(\.1.version.total)),
                .integers(checkpoints.map(\.1.bytes)),
                .integers(checkpoints.map { Int64(bitPattern: $0.1.crc64) }), .time(now))
        }
        if !forgotten.isEmpty { connection.add(RowSQL.forgetCheckpoints, .integers(forgotten)) }
        for isKept in [false, true] {
            let keys = changes.kept.filter { $0.value == isKept }.map(\.key)
            if !keys.isEmpty { connection.add(RowSQL.keepObjects, .texts(keys), .boolean(isKept)) }
        }
        if !changes.swept.isEmpty {
            let swept = changes.swept.map { ($0.key, $0.value) }
            sweeps.append(
                connection.add(
                    RowSQL.sweepKept, .integers(swept.map(\.0)), .integers(swept.map(\.1.at.milliseconds)),
                    .texts(swept.map(\.1.except))))
        }
        if !changes.abandoned.isEmpty {
            let abandoned = changes.abandoned.map { ($0.key, $0.value) }
            sweeps.append(
                connection.add(
                    RowSQL.abandon, .texts(abandoned.map(\.0)), .integers(abandoned.map(\.1.at.milliseconds)),
                    .booleans(abandoned.map(\.1.isUnheard))))
        }
        if !changes.chosen.isEmpty { connection.add(RowSQL.forgetIntents, .texts(changes.chosen)) }
        if !changes.hastened.isEmpty {
            sweeps.append(connection.add(RowSQL.hastenSweep, .texts(changes.hastened), .time(now)))
        }
    }

    /// Moves jobs from `stored` to `succeeded`: their own callbacks are no longer open.
    private func open(_ gates: [JobGate]) throws {
        let gates = Set(gates).sorted { ($0.job, $0.run) < ($1.job, $1.run) }
        let opened = try connection.change(
            RowSQL.succeed, .integers(gates.map(\.job)), .integers(gates.map { Int64($0.run) }))
        for _ in 0..<opened { effects.countJob(from: .stored, to: .succeeded) }
    }
}

/// The statements that write gathered rows.
enum RowSQL {
    static let changeRuns = SQL(
        """
        UPDATE runs r SET state = v.state, phase = 0, waiting = v.waiting, due = v.due, lease = NULL, lease_until = NULL,
          attempts = v.attempts, fruitless = v.fruitless, failure_code = v.code, failure_message = v.message,
          bytes_received = v.received, bytes_total = v.total, ended_at = v.ended_at, extra_slots = 0
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
          $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[])
          v (job, run, state, waiting, due, attempts, fruitless, code, message, received, total, ended_at)
        WHERE r.job = v.job AND r.run = v.run
        """)
    static let insertJobAttempts = SQL(
        """
        INSERT INTO job_attempts (
          job, run, number, node, started_at, duration_us, address, http_status, bytes_received, redirects, recording,
          failure_code, failure_message)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[],
          $7::text[], $8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::text[])
        """)
    static let insertMedia = SQL(
        """
        INSERT INTO media (id, account_id, app, job, run, object_key, bytes, crc64, sha256, md5, created_at)
        SELECT v.*, $11 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[],
          $7::bigint[], $8::bigint[], $9::text[], $10::text[]) v
        """)
    static let insertEvents = SQL(
        """
        INSERT INTO events (seq, id, account_id, app, job, run, type, body, created_at, committed)
        SELECT v.*, $9, (SELECT value FROM meta WHERE name = 'commit_offset') + pg_current_xact_id()::text::bigint FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::bigint[],
          $7::bigint[], $8::bytea[]) v
        """)
    static let changeDeliveries = SQL(
        """
        UPDATE deliveries d SET state = v.state, due = coalesce(v.due, d.due), attempts = v.attempts,
          records = v.records, reason = v.reason, ended_at = v.ended_at, lease = NULL, lease_until = NULL
        FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[])
          v (id, state, due, attempts, records, reason, ended_at)
        WHERE d.id = v.id
        """)
    static let insertDeliveries = SQL(
        """
        INSERT INTO deliveries (
          id, event, account_id, lane_id, gates_job, gates_run, policy, origin, replay, state, due, reason, created_at,
          attempts, records, attempt_started_at, ended_at)
        SELECT v.*, $13::bigint, CASE WHEN v.state = 0 THEN 0 ELSE 1 END, CASE WHEN v.state = 0 THEN 0 ELSE 1 END,
          CASE WHEN v.state <> 0 THEN $13::bigint END, CASE WHEN v.state <> 0 THEN $13::bigint END
        FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[],
          $8::bigint[], $9::uuid[], $10::bigint[], $11::bigint[], $12::text[])
          v (id, event, account_id, lane_id, gates_job, gates_run, policy, origin, replay, state, due, reason)
        """)
    static let insertDeliveryAttempts = SQL(
        """
        INSERT INTO delivery_attempts (
          delivery, record, number, started_at, duration_us, address, http_status, request_head, response_head,
          response_body, cause)
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[],
          $7::bigint[], $8::text[], $9::text[], $10::bytea[], $11::text[])
        """)
    static let recordCheckpoints = SQL(
        """
        INSERT INTO job_checkpoints (job, source, validator, bytes_total, bytes, crc64, recorded_at)
        SELECT v.*, $7 FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[]) v
        ON CONFLICT (job) DO UPDATE SET source = excluded.source, validator = excluded.validator,
          bytes_total = excluded.bytes_total, bytes = excluded.bytes, crc64 = excluded.crc64,
          recorded_at = excluded.recorded_at
        """)
    static let forgetCheckpoints = SQL("DELETE FROM job_checkpoints WHERE job = ANY($1::bigint[])")
    static let keepObjects = SQL("UPDATE object_intents SET kept = $2 WHERE object_key = ANY($1::text[])")
    static let sweepKept = SQL(
        """
        UPDATE object_intents i SET kept = false, sweep_at = v.at
        FROM unnest($1::bigint[], $2::bigint[], $3::text[]) v (job, at, spared)
        WHERE i.job = v.job AND i.kept AND i.object_key <> v.spared
        """)
    static let abandon = SQL(
        """
        UPDATE object_intents i SET sweep_at = CASE WHEN i.kept THEN i.sweep_at ELSE v.at END, unheard = v.unheard
        FROM unnest($1::text[], $2::bigint[], $3::boolean[]) v (key, at, unheard)
        WHERE i.object_key = v.key AND (v.unheard OR NOT i.kept)
        """)
    static let forgetIntents = SQL("DELETE FROM object_intents WHERE object_key = ANY($1::text[])")
    /// The time is set anew though it may have come already: a removal that is under way must not forget the key.
    static let hastenSweep = SQL(
        """
        UPDATE object_intents SET unheard = false, sweep_at = CASE WHEN sweep_at IS NULL THEN NULL ELSE $2 END
        WHERE object_key = ANY($1::text[]) AND (unheard OR sweep_at IS NOT NULL)
        """)
    static let succeed = SQL(
        """
        UPDATE runs r SET state = 4 FROM unnest($1::bigint[], $2::bigint[]) v (job, run)
        WHERE r.job = v.job AND r.run = v.run AND r.state = 3
        """)
}
