import TowlineClient

/// A job to follow, with the name that it has on the screen.
struct FollowedJob: Sendable, Hashable {
    let id: String
    /// The title or the file name, clean.
    let label: String
}

/// Follows jobs until they end: shows bars on a terminal, a line for each change elsewhere.
struct JobFollower<Observer: JobObserver, Time: Clock>: Sendable where Time.Duration == Duration {
    /// How often to ask, and for how long.
    struct Pace: Sendable {
        /// The first waits between two questions; the last one stays.
        var waits: [Duration]
        /// How long a stored file waits for its callback; the job counts as done then.
        var callbackWait: Duration = .seconds(30)
        /// How long the server may be out of reach.
        var outage: Duration = .seconds(30)

        /// For jobs that were just submitted: small files end at once.
        static var eager: Pace {
            Pace(waits: [.milliseconds(40), .milliseconds(80), .milliseconds(160), .milliseconds(250)])
        }
        /// Once a second.
        static var calm: Pace { Pace(waits: [.seconds(1)]) }
    }

    private var observer: Observer
    private let clock: Time
    private let pace: Pace
    private let console: Console
    private let jobs: [FollowedJob]
    private let start: Time.Instant

    private var snapshots: [String: JobSnapshot]
    private var meters: [String: RateMeter] = [:]
    private var storedSince: [String: Duration] = [:]
    private var outOfReachSince: Duration?
    private var area = LiveArea()

    init(_ jobs: [FollowedJob], observer: Observer, pace: Pace, clock: Time, console: Console) {
        self.jobs = jobs
        self.observer = observer
        self.pace = pace
        self.clock = clock
        self.console = console
        start = clock.now
        snapshots = Dictionary(
            jobs.map { ($0.id, JobSnapshot(accepted: $0.id)) }, uniquingKeysWith: { first, _ in first })
    }

    /// Follows until every job has ended, or the task is cancelled.
    ///
    /// - Returns: The last that is known of each job, in the order of the jobs.
    /// - Throws: ``CommandFailure`` when the server was out of reach for ``Pace/outage``; what it refuses at once.
    mutating func follow() async throws -> [JobSnapshot] {
        draw()
        var step = 0
        while true {
            do {
                try await refresh()
            } catch is CancellationError {
                break
            }
            draw()
            if openJobs.isEmpty || Task.isCancelled { break }
            do {
                try await clock.sleep(for: pace.waits[min(step, pace.waits.count - 1)])
            } catch {
                break
            }
            step += 1
        }
        return jobs.compactMap { snapshots[$0.id] }
    }

    private var elapsed: Duration { start.duration(to: clock.now) }

    /// Jobs that may still change: not ended, and not stored for longer than the callback may take.
    private var openJobs: [String] {
        jobs.map(\.id).filter { id in
            guard let snapshot = snapshots[id], !snapshot.status.isTerminal else { return false }
            guard let since = storedSince[id] else { return true }
            return elapsed - since < pace.callbackWait
        }
    }

    private mutating func refresh() async throws {
        do {
            for snapshot in try await observer.snapshots(of: openJobs) { take(snapshot) }
            outOfReachSince = nil
        } catch {
            guard let failure = CommandFailure(describing: error), failure.status == .unreachable else { throw error }
            let since = outOfReachSince ?? elapsed
            if outOfReachSince == nil, !console.error.isTerminal { console.note("waiting: \(failure.message)") }
            outOfReachSince = since
            guard elapsed - since < pace.outage else {
                throw CommandFailure(.unreachable, "\(failure.message); the jobs go on when the server does")
            }
        }
    }

    private mutating func take(_ snapshot: JobSnapshot) {
        guard let before = snapshots[snapshot.jobID] else { return }
        snapshots[snapshot.jobID] = snapshot
        let now = elapsed
        if let bytes = snapshot.bytesReceived { meters[snapshot.jobID, default: RateMeter()].add(bytes, at: now) }
        if snapshot.status.isStored, storedSince[snapshot.jobID] == nil { storedSince[snapshot.jobID] = now }
        if snapshot.status != before.status, !console.error.isTerminal { console.note(changeLine(snapshot)) }
    }

    private func changeLine(_ snapshot: JobSnapshot) -> String {
        let label = jobs.first { $0.id == snapshot.jobID }?.label ?? ""
        var words = [snapshot.jobID, snapshot.status.rawValue, label]
        if let failure = snapshot.failure {
            words.append("(\(failure))")
        } else if let size = snapshot.fileSize {
            words.append("(\(Measure.bytes(size)))")
        }
        return words.joined(separator: " ")
    }

    private mutating func draw() {
        guard console.error.isTerminal else { return }
        let rows = jobs.compactMap { job in
            snapshots[job.id].map { row($0, label: job.label) }
        }
        var lines = ProgressBoard(rows: rows).lines(
            size: console.error.size(), style: Style(isOn: console.error.hasColor))
        if outOfReachSince != nil { lines.append("the server is out of reach; waiting for it") }
        console.error.write(area.frame(lines))
    }

    private func row(_ snapshot: JobSnapshot, label: String) -> ProgressRow {
        let meter = meters[snapshot.jobID]
        return ProgressRow(
            label: label, status: snapshot.status, bytesReceived: snapshot.bytesReceived,
            bytesTotal: snapshot.bytesTotal, bytesPerSecond: meter?.bytesPerSecond,
            timeLeft: meter?.timeLeft(to: snapshot.bytesTotal), failure: snapshot.failure)
    }
}

extension JobFollower where Time == ContinuousClock {
    init(_ jobs: [FollowedJob], observer: Observer, pace: Pace, console: Console) {
        self.init(jobs, observer: observer, pace: pace, clock: ContinuousClock(), console: console)
    }
}
