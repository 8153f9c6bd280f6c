import Synchronization
import TowlineCore
import TowlineStore

/// How far one attempt is: written for every chunk, read once a second, and stored only when it changed.
final class AttemptProgress: Sendable {
    private struct State {
        var phase = PullPhase.starting
        var received: Int64 = 0
        var position: Int64 = 0
        var total: Int64?
        var isRevoked = false
        var waitingSince: Duration?
        var recorded: JobProgress?
        var heldSince: Duration
    }

    private let state: Mutex<State>
    let job: JobID
    let lease: LeaseToken
    let startedAt: Duration

    init(job: JobID, lease: LeaseToken, startedAt: Duration) {
        self.job = job
        self.lease = lease
        self.startedAt = startedAt
        state = Mutex(State(heldSince: startedAt))
    }

    func enter(_ phase: PullPhase) {
        state.withLock {
            $0.phase = phase
            $0.waitingSince = nil
        }
    }

    func expect(total: Int64?) { state.withLock { $0.total = total } }

    func receive(bytes: Int) {
        state.withLock {
            $0.phase = .downloading
            $0.waitingSince = nil
            $0.received += Int64(bytes)
            $0.position += Int64(bytes)
        }
    }

    /// Notes that nothing can be done until the source sends something.
    func awaitSource(since now: Duration) {
        state.withLock { if $0.waitingSince == nil { $0.waitingSince = now } }
    }

    /// Whether nothing has come from the source for so long that the attempt takes no part of what the node can do.
    func isStalled(now: Duration, after time: Duration) -> Bool {
        state.withLock { state in state.waitingSince.map { now - $0 >= time } ?? false }
    }

    /// Sets how many bytes of the file are here: those of earlier attempts, or none when it starts afresh.
    func place(at position: Int64) { state.withLock { $0.position = position } }

    /// Notes that the lease was renewed by a call that began then.
    func hold(since time: Duration) { state.withLock { $0.heldSince = time } }

    /// When the lease began, or the call that renewed it last.
    var heldSince: Duration { state.withLock { $0.heldSince } }

    /// Marks that the lease is gone: whatever the attempt does now changes nothing.
    func revoke() { state.withLock { $0.isRevoked = true } }

    var isRevoked: Bool { state.withLock { $0.isRevoked } }

    /// Bytes that this attempt has received.
    var received: Int64 { state.withLock { $0.received } }

    /// What is known now; its bytes are those of the file that are here, whichever attempt received them.
    var snapshot: JobProgress {
        state.withLock {
            JobProgress(job: job, lease: lease, phase: $0.phase, bytesReceived: $0.position, bytesTotal: $0.total)
        }
    }

    /// What is known now, if it differs from what this call gave last.
    func takeChange() -> JobProgress? {
        let now = snapshot
        return state.withLock {
            guard $0.recorded != now else { return nil }
            $0.recorded = now
            return now
        }
    }
}
