import TowlineCore
import TowlineStore

extension Transaction {
    /// Records how attempts ended (``JobStore/finish(_:)``).
    func finish(_ reports: [JobAttemptReport]) throws -> [LeaseVerdict] {
        let found = lockRuns(reports.map(\.job))
        try start()
        var runs = try heldRuns(found)
        let held = reports.compactMap { report in
            runs[report.job].flatMap { $0.stored.holds(report.lease, at: now) ? $0 : nil }
        }
        let ending = reports.compactMap { report -> (Job, events: Int)? in
            guard let run = runs[report.job]?.stored, run.holds(report.lease, at: now) else { return nil }
            return report.result.events.map { (run.job, $0) }
        }
        var ends = try beginEnds(of: ending)
        try releaseExtraSlots(of: held)
        return try reports.map { report in
            guard let run = runs[report.job] else { return .leaseLost }
            let verdict = try finish(report, of: run, &ends)
            // A second report on the same attempt finds its lease gone.
            if verdict == .recorded { runs[report.job] = nil }
            return verdict
        }
    }

    private func finish(
        _ report: JobAttemptReport, of held: HeldRun, _ ends: inout RunEnds
    ) throws -> LeaseVerdict {
        let run = held.stored
        let key = run.objectKey(lease: report.lease)
        guard run.holds(report.lease, at: now) else {
            rows.intents.hasten(key)
            return .leaseLost
        }
        lanes.release(held.lane, kind: .pull)
        if let pause = report.originPause, pause > .zero { lanes.pause(held.lane.group, until: now + pause) }
        switch report.result {
        case .released:
            leave(report.leftover, under: key, of: run)
            giveBack(held, key: key)
        case .retry(let failure, let wait, let madeProgress):
            rows.jobAttempts.append(
                .init(run: run, content: report.record, failure: report.record.failure ?? failure))
            leave(report.leftover, under: key, of: run)
            rows.intents.abandon(key, at: now)
            scheduleRetry(of: held, failure: failure, after: wait, madeProgress: madeProgress)
        case .failed(let failure):
            rows.jobAttempts.append(
                .init(run: run, content: report.record, failure: report.record.failure ?? failure))
            rows.intents.abandon(key, at: now)
            try end(run, with: .failed(failure), received: report.record.bytesReceived, &ends)
        case .stored(let bytes, let small):
            guard small == nil else {
                throw StoreError(.conflict, "this store keeps no small objects; they belong into files")
            }
            rows.jobAttempts.append(.init(run: run, content: report.record, failure: report.record.failure))
            rows.intents.choose(key)
            rows.media.append(.init(run: run, key: key, bytes: bytes, digests: report.digests))
            try end(run, with: .stored(key, bytes: bytes), received: bytes, &ends)
        }
        return .recorded
    }

    /// Puts down what an attempt that ended leaves to the next one.
    private func leave(_ leftover: AttemptLeftover, under key: ObjectKey, of run: StoredRun) {
        switch leftover {
        case .recorded: return
        case .nothing: rows.intents.forget(of: run.seq, sweepAt: now)
        case .checkpoint(let checkpoint): rows.intents.keep(checkpoint, under: key, of: run.seq, at: now)
        }
    }

    /// Makes a run available at once as if its attempt had not begun.
    private func giveBack(_ held: HeldRun, key: ObjectKey) {
        var change = NewRows.RunChange(held.stored, state: .pending)
        change.attempts -= 1
        change.fruitless = max(0, change.fruitless - 1)
        rows.intents.abandon(key, at: now)
        makeReady(held, change)
    }

    /// Makes a run claimable now.
    func makeReady(_ held: HeldRun, _ change: NewRows.RunChange) {
        var change = change
        change.waiting = Waiting.ready
        change.due = now
        rows.runChanges.append(change)
        effects.countJob(from: held.stored.job.state, to: .pending)
        lanes.wake(held.lane, kind: .pull, due: now, at: now, level: held.stored.job.request.level)
    }

    private func scheduleRetry(of held: HeldRun, failure: JobFailure, after wait: Duration, madeProgress: Bool) {
        var change = NewRows.RunChange(held.stored, state: .pending)
        change.failure = failure
        if madeProgress { change.fruitless = 0 }
        let due = now + max(.zero, wait)
        guard due > now else { return makeReady(held, change) }
        change.waiting = Waiting.scheduled
        change.due = due
        rows.runChanges.append(change)
        effects.countJob(from: held.stored.job.state, to: .pending)
        lanes.schedule(held.lane, at: due, level: held.stored.job.request.level)
    }

    /// The terminal write of a run: its state, its events and their deliveries (design 4.2).
    ///
    /// What attempts left may go at `sweepAt`, or at once.
    func end(
        _ run: StoredRun, with outcome: RunOutcome, received: Int64, sweepAt: Timestamp? = nil, _ ends: inout RunEnds
    ) throws {
        rows.intents.forget(of: run.seq, sweepAt: sweepAt ?? now)
        let job = run.job
        let configuration = ends.book.configuration(account: job.account, app: job.app)
        var callbackOpen = false
        for (type, body) in settings.composer.bodies(for: job, outcome: outcome, at: now) {
            let event = NewRows.EventRow(seq: try ends.nextNumber(), id: newID(), type: type, body: body, job: job)
            rows.events.append(event)
            let target = settings.composer.target(
                of: type, configuration: configuration, override: job.request.callback)
            if let target {
                guard let endpoint = endpoints.callback(account: job.account, url: target.text) else {
                    throw StoreError(.corrupted, "the database lacks the endpoint of a callback")
                }
                // What is held from the beginning keeps no job waiting.
                let gates =
                    type == .uploadByURLComplete && outcome.state(callbackOpen: true) == .stored
                    && !endpoint.stored.health.isDisabled
                let gate = gates ? JobGate(job: run.seq, run: job.run) : nil
                let isOpen = try send(event, to: endpoint, gate: gate)
                callbackOpen = callbackOpen || (gates && isOpen)
            }
            for group in endpoints.subscriptions[job.account] ?? [] {
                let endpoint = try endpoints.endpoint(group: group)
                guard endpoint.stored.options.includes(type, app: job.app) else { continue }
                _ = try send(event, to: endpoint, gate: nil)
            }
        }
        let state = outcome.state(callbackOpen: callbackOpen)
        var change = NewRows.RunChange(run, state: state)
        change.failure = nil
        change.received = received
        change.endedAt = now
        switch outcome {
        case .stored(_, let bytes): change.total = bytes
        case .failed(let cause), .cancelled(let cause): change.failure = cause
        }
        rows.runChanges.append(change)
        effects.countJob(from: job.state, to: state)
    }

    /// Sends a new event on its way: into a built-in queue at once, anywhere else as a delivery that waits.
    ///
    /// - Returns: Whether the delivery is open.
    private func send(_ event: NewRows.EventRow, to endpoint: HeldEndpoint, gate: JobGate?) throws -> Bool {
        if try putIntoQueue(event, of: endpoint) { return false }
        addDelivery(of: event.seq, to: endpoint, origin: .event, gate: gate)
        return true
    }

    /// Locks the current runs of some jobs.
    func lockRuns(_ jobs: [JobID]) -> PostgresPending { connection.add(FinishSQL.lockRuns, .ids(Array(Set(jobs)))) }

    /// What ``lockRuns(_:)`` gave.
    func heldRuns(_ pending: PostgresPending) throws -> [JobID: HeldRun] {
        var runs: [JobID: HeldRun] = [:]
        try pending.result().forEach { row in
            let run = try HeldRun(row)
            runs[run.stored.job.id] = run
        }
        return runs
    }
}

/// What the ends of some runs share: who gets their events, and the events' numbers.
struct RunEnds {
    let book: ReceiverBook
    private var numbers: ArraySlice<Int64>

    /// Joins receivers with numbers for events.
    init(book: ReceiverBook, numbers: [Int64]) {
        self.book = book
        self.numbers = numbers[...]
    }

    /// The next event's number.
    mutating func nextNumber() throws -> Int64 {
        guard let number = numbers.popFirst() else {
            throw StoreError(.corrupted, "PostgreSQL gave fewer numbers than asked for")
        }
        return number
    }
}

extension JobAttemptResult {
    /// Most events that the end of the run has; nil when the run goes on.
    var events: Int? {
        switch self {
        case .stored: 2
        case .failed: 1
        case .retry, .released: nil
        }
    }
}

/// The statements that end attempts and runs.
enum FinishSQL {
    static let lockRuns = SQL(
        """
        SELECT \(HeldRun.columns) FROM unnest($1::uuid[]) v (id) JOIN jobs j ON j.id = v.id
        JOIN runs r ON r.job = j.seq AND \(HeldRun.isCurrent) JOIN lanes l ON l.id = r.lane_id
        ORDER BY j.seq FOR UPDATE OF r
        """)
    static let eventNumbers = SQL("SELECT nextval('event_numbers') FROM generate_series(1, $1)")
}
