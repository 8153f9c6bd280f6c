import TowlineCore
import TowlineStore

extension WriteContext {
    /// Records how attempts ended (``JobStore/finish(_:)``).
    func finish(_ reports: [JobAttemptReport]) throws -> [LeaseVerdict] {
        try reports.map { try finish($0) }
    }

    private func finish(_ report: JobAttemptReport) throws -> LeaseVerdict {
        let run = try connection.first(FinishSQL.find, .id(report.job)) { try StoredRun($0) }
        guard let run else { return .leaseLost }
        let key = run.objectKey(lease: report.lease)
        guard run.holds(report.lease, at: now) else {
            // The attempt is over: nobody writes to its key any more, so its object may go at once. The time is set anew
            // though it may have come already: a removal that is under way must not forget the key.
            if try connection.change(FinishSQL.hastenSweep, .time(now), .text(key.description)) > 0 {
                effects.signal(.objectsPending)
            }
            return .leaseLost
        }
        try releaseSlot(lane: run.lane)
        if let pause = report.originPause, pause > .zero {
            lanes.setNextStart(now + pause, group: try group(ofLane: run.lane), now: now)
        }
        switch report.result {
        case .released:
            try leave(report.leftover, under: key, of: run)
            try giveBack(run, key: key)
        case .retry(let failure, let wait, let madeProgress):
            try insertAttempt(of: run, record: report.record, failure: report.record.failure ?? failure)
            try leave(report.leftover, under: key, of: run)
            try abandon(key, at: now)
            try scheduleRetry(of: run, failure: failure, after: wait, madeProgress: madeProgress)
        case .failed(let failure):
            try insertAttempt(of: run, record: report.record, failure: report.record.failure ?? failure)
            try abandon(key, at: now)
            try end(run, with: .failed(failure), received: report.record.bytesReceived)
        case .stored(let bytes, let small):
            try insertAttempt(of: run, record: report.record, failure: report.record.failure)
            try connection.run(FinishSQL.forgetIntent, .text(key.description))
            try insertMedia(of: run, key: key, bytes: bytes, digests: report.digests, small: small)
            try end(run, with: .stored(key, bytes: bytes), received: bytes)
        }
        return .recorded
    }

    /// Makes a run available at once as if its attempt had not begun.
    private func giveBack(_ run: StoredRun, key: ObjectKey) throws {
        try connection.run(FinishSQL.giveBack, .integer(run.seq), .integer(run.job.run), .time(now))
        try abandon(key, at: now)
        effects.countJob(from: run.job.state, to: .pending)
        lanes.wake(run.lane, kind: .pull, at: now)
    }

    private func scheduleRetry(
        of run: StoredRun, failure: JobFailure, after wait: Duration, madeProgress: Bool
    ) throws {
        let due = now + max(.zero, wait)
        try connection.run(
            FinishSQL.reschedule, .integer(run.seq), .integer(run.job.run),
            .integer(due > now ? Waiting.scheduled : Waiting.ready), .time(due),
            .integer(madeProgress ? 0 : run.fruitless), .text(failure.code.rawValue), .text(failure.message))
        effects.countJob(from: run.job.state, to: .pending)
        lanes.wake(run.lane, kind: .pull, at: due)
    }

    /// Writes the row of an attempt that ends now.
    func insertAttempt(of run: StoredRun, record: JobAttemptRecord, failure: JobFailure?) throws {
        try connection.run(
            FinishSQL.insertAttempt, .integer(run.seq), .integer(run.job.run), .integer(run.job.attempts),
            .text(run.node.description), .time(run.attemptStartedAt), .integer(record.duration.wholeMicroseconds),
            .text(record.address), .integer(record.httpStatus), .integer(record.bytesReceived),
            .text(JobRows.redirects(of: record)),
            .text(failure?.code.rawValue), .text(failure?.message), .text(JobRows.recording(of: record)))
    }

    /// Lets the object of an attempt be removed from a moment on, unless it is kept for the next attempt.
    func abandon(_ key: ObjectKey, at time: Timestamp) throws {
        try connection.run(FinishSQL.abandon, .time(time), .text(key.description))
        effects.signal(.objectsPending)
    }

    private func insertMedia(
        of run: StoredRun, key: ObjectKey, bytes: Int64, digests: ContentDigests?, small: [UInt8]?
    ) throws {
        try connection.run(
            FinishSQL.insertMedia, .id(run.job.media), .text(run.job.account.description),
            .text(run.job.app.description), .integer(run.seq), .integer(run.job.run), .text(key.description),
            .integer(bytes), .time(now), .integer(digests.map { Int64(bitPattern: $0.crc64) }),
            .text(digests?.sha256), .text(digests?.md5))
        guard let small else { return }
        try connection.run(
            FinishSQL.insertSmallObject, .id(run.job.media), .text(key.description), .blob(small))
        effects.signal(.objectsPending)
    }

    /// The terminal write of a run: its state, its events and their deliveries (design 4.2).
    ///
    /// What attempts left may go at `sweepAt`, or at once.
    func end(_ run: StoredRun, with outcome: RunOutcome, received: Int64, sweepAt: Timestamp? = nil) throws {
        try forgetCheckpoint(of: run.seq, sweepAt: sweepAt ?? now)
        let configuration = try callback(account: run.job.account, app: run.job.app)
        let subscriptions = try subscriptions(of: run.job.account)
        var callbackOpen = false
        for (type, body) in composer.bodies(for: run.job, outcome: outcome, at: now) {
            let event = try insertEvent(type, body: body, of: run.job)
            let target = composer.target(of: type, configuration: configuration, override: run.job.request.callback)
            if let target {
                let endpoint = try callbackEndpoint(account: run.job.account, url: target.text)
                // What is held from the beginning keeps no job waiting.
                let gates =
                    type == .uploadByURLComplete && outcome.state(callbackOpen: true) == .stored
                    && !endpoint.health.isDisabled
                let isOpen = try send(event, body: body, to: endpoint, gatedJob: gates ? run.seq : nil)
                callbackOpen = callbackOpen || (gates && isOpen)
            }
            for subscription in subscriptions where subscription.options.includes(type, app: run.job.app) {
                _ = try send(event, body: body, to: subscription)
            }
        }
        let state = outcome.state(callbackOpen: callbackOpen)
        var failure: JobFailure?
        var total = run.job.bytesTotal
        switch outcome {
        case .stored(_, let bytes): total = bytes
        case .failed(let cause), .cancelled(let cause): failure = cause
        }
        try connection.run(
            FinishSQL.end, .integer(run.seq), .integer(run.job.run), .integer(state.number),
            .text(failure?.code.rawValue), .text(failure?.message), .integer(received), .integer(total), .time(now))
        effects.countJob(from: run.job.state, to: state)
    }

    /// Sends a new event on its way: into a built-in queue at once, anywhere else as a delivery that waits.
    ///
    /// - Returns: Whether the delivery is open.
    private func send(
        _ event: Int64, body: [UInt8], to endpoint: StoredEndpoint, gatedJob: Int64? = nil
    ) throws -> Bool {
        if try putIntoQueue(event, body: body, of: endpoint) { return false }
        try insertDelivery(of: event, to: endpoint, origin: .event, gatedJob: gatedJob)
        return true
    }

    private func insertEvent(_ type: EventType, body: [UInt8], of job: Job) throws -> Int64 {
        try connection.run(
            FinishSQL.insertEvent, .id(newID(EventID.self)), .text(job.account.description),
            .text(job.app.description), .id(job.id), .integer(job.run), .integer(type.number), .blob(body), .time(now))
        effects.signal(.eventsAdded)
        return connection.lastInsertedRow
    }
}

/// The statements that end attempts and runs.
enum FinishSQL {
    static let find = SQL(
        """
        SELECT \(JobRows.columns), \(StoredRun.columns)
        FROM jobs j JOIN runs r ON r.job = j.seq AND r.run = j.run WHERE j.id = ?
        """)
    static let giveBack = SQL(
        """
        UPDATE runs SET state = 0, phase = 0, waiting = 1, due = ?3, lease = NULL, lease_until = NULL,
          attempts = attempts - 1, fruitless = max(0, fruitless - 1)
        WHERE job = ?1 AND run = ?2
        """)
    static let reschedule = SQL(
        """
        UPDATE runs SET state = 0, phase = 0, waiting = ?3, due = ?4, lease = NULL, lease_until = NULL,
          fruitless = ?5, failure_code = ?6, failure_message = ?7
        WHERE job = ?1 AND run = ?2
        """)
    static let insertAttempt = SQL(
        """
        INSERT INTO job_attempts (
          job, run, number, node, started_at, duration_us, address, http_status, bytes_received, redirects,
          failure_code, failure_message, recording)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    static let abandon = SQL("UPDATE object_intents SET sweep_at = ? WHERE object_key = ? AND kept = 0")
    static let hastenSweep = SQL(
        "UPDATE object_intents SET sweep_at = ?1 WHERE object_key = ?2 AND sweep_at IS NOT NULL")
    static let forgetIntent = SQL("DELETE FROM object_intents WHERE object_key = ?")
    static let insertMedia = SQL(
        """
        INSERT INTO media (id, account_id, app, job, run, object_key, bytes, created_at, crc64, sha256, md5)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    static let insertSmallObject = SQL("INSERT INTO small_objects (media, object_key, bytes) VALUES (?, ?, ?)")
    static let end = SQL(
        """
        UPDATE runs SET state = ?3, phase = 0, waiting = NULL, due = NULL, lease = NULL, lease_until = NULL,
          failure_code = ?4, failure_message = ?5, bytes_received = ?6, bytes_total = ?7, ended_at = ?8
        WHERE job = ?1 AND run = ?2
        """)
    static let insertEvent = SQL(
        """
        INSERT INTO events (id, account_id, app, job, run, type, body, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """)
}
