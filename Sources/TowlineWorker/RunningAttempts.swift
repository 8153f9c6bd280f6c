import Synchronization
package import TowlineCore
package import TowlineStore

/// The attempts that run in this process: for renewing, stopping and showing them.
package final class RunningAttempts: Sendable {
    private struct Entry {
        let progress: AttemptProgress
        let stop: @Sendable () -> Void
    }

    private let entries = Mutex<[LeaseToken: Entry]>([:])

    /// A registry without attempts.
    package init() {}

    func add(_ progress: AttemptProgress, stop: @escaping @Sendable () -> Void) {
        entries.withLock { $0[progress.lease] = Entry(progress: progress, stop: stop) }
    }

    func remove(_ lease: LeaseToken) { entries.withLock { $0[lease] = nil } }

    /// How many run.
    package var count: Int { entries.withLock { $0.count } }

    /// How many run and have not been waiting for their sources for long.
    func busyCount(now: Duration, stalledAfter time: Duration) -> Int {
        entries.withLock { entries in
            entries.values.reduce(0) { $0 + ($1.progress.isStalled(now: now, after: time) ? 0 : 1) }
        }
    }

    /// The progress of a running job as it is in memory, newer than what the store has.
    package func progress(of job: JobID) -> JobProgress? {
        entries.withLock { entries in entries.values.first { $0.progress.job == job }?.progress }?.snapshot
    }

    var all: [AttemptProgress] { entries.withLock { $0.values.map(\.progress) } }

    /// Stops the attempts under leases that are gone.
    func revoke(leases: Set<LeaseToken>) {
        let revoked = entries.withLock { entries in leases.compactMap { entries[$0] } }
        for entry in revoked {
            entry.progress.revoke()
            entry.stop()
        }
    }
}
