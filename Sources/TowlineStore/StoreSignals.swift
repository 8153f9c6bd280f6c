import Synchronization
package import TowlineCore

/// What a listener can wait for.
package enum StoreTopic: Sendable, Hashable, CaseIterable {
    /// A job became claimable sooner than the last claim said, or a slot became free.
    case jobsDue
    /// A delivery became claimable sooner than the last claim said, or a slot became free.
    case deliveriesDue
    /// Objects wait to be removed, or small objects to be written out.
    case objectsPending
    /// Keys were made or revoked.
    case keysChanged
    /// A job's state changed.
    case jobsChanged
    /// Events were made.
    case eventsAdded
    /// A replay began or was cancelled, or endpoints left something to tend.
    case upkeepDue
}

/// Wake-ups from a store to the engines of this process.
///
/// They carry no data: whoever wakes asks the store. A signal may be lost (another node made the change), so every
/// listener also wakes at the time that its last claim named.
package final class StoreSignals: Sendable {
    private struct Listeners {
        var next = 0
        var byTopic: [StoreTopic: [Int: AsyncStream<Void>.Continuation]] = [:]
        var revoked: [Int: AsyncStream<LeaseToken>.Continuation] = [:]
        var generations: [StoreTopic: Int] = [:]
    }

    private let listeners = Mutex(Listeners())

    /// A hub without listeners.
    package init() {}

    /// Signals of a topic from now on.
    ///
    /// Several signals before the listener looks are one.
    package func listen(to topic: StoreTopic) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id = listeners.withLock { listeners in
            listeners.next += 1
            listeners.byTopic[topic, default: [:]][listeners.next] = continuation
            return listeners.next
        }
        continuation.onTermination = { [weak self] _ in
            self?.listeners.withLock { $0.byTopic[topic]?[id] = nil }
        }
        return stream
    }

    /// Leases of running attempts that were taken in this process, as a cancel does.
    package func revokedLeases() -> AsyncStream<LeaseToken> {
        let (stream, continuation) = AsyncStream.makeStream(of: LeaseToken.self)
        let id = listeners.withLock { listeners in
            listeners.next += 1
            listeners.revoked[listeners.next] = continuation
            return listeners.next
        }
        continuation.onTermination = { [weak self] _ in
            self?.listeners.withLock { $0.revoked[id] = nil }
        }
        return stream
    }

    /// How many signals of a topic there have been: a cache is stale when this has changed.
    package func generation(of topic: StoreTopic) -> Int {
        listeners.withLock { $0.generations[topic] ?? 0 }
    }

    /// Wakes the listeners of a topic; called by stores after a commit.
    package func send(_ topic: StoreTopic) {
        let waiting = listeners.withLock { listeners in
            listeners.generations[topic, default: 0] += 1
            return Array((listeners.byTopic[topic] ?? [:]).values)
        }
        for continuation in waiting { continuation.yield() }
    }

    /// Tells the engines that a running attempt lost its lease; called by stores after a commit.
    package func sendRevoked(_ lease: LeaseToken) {
        let waiting = listeners.withLock { Array($0.revoked.values) }
        for continuation in waiting { continuation.yield(lease) }
    }
}
