import Synchronization
package import TowlineCore
package import TowlineStore

/// Keys as they were read from the store a few seconds ago at most; at once again after a change in this process.
package final class KeyCache: Sendable {
    private struct Entry {
        let key: AccessKey
        let readAt: Duration
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var generation = -1
    }

    private let store: any KeyStore
    private let signals: StoreSignals
    private let clock: any MonotonicClock
    private let state = Mutex(State())
    /// How long an entry holds without a signal: what another node's revocation may take.
    private static let lifetime: Duration = .seconds(5)
    private static let capacity = 10_000

    /// A cache over a store.
    package init(
        store: any KeyStore, signals: StoreSignals, clock: any MonotonicClock = SystemMonotonicClock()
    ) {
        self.store = store
        self.signals = signals
        self.clock = clock
    }

    /// The key with an id; nil when there is none.
    ///
    /// Revoked keys are returned, marked.
    package func key(_ id: String) async throws -> AccessKey? {
        let now = clock.elapsed
        let generation = signals.generation(of: .keysChanged)
        let known = state.withLock { state -> Entry? in
            if state.generation != generation || state.entries.count > Self.capacity {
                state.entries = [:]
                state.generation = generation
            }
            return state.entries[id].flatMap { now - $0.readAt < Self.lifetime ? $0 : nil }
        }
        if let known { return known.key }
        let key = try await store.key(id)
        // Unknown ids are not kept: they come from outside and would never end.
        state.withLock { state in
            if let key, state.generation == generation { state.entries[id] = Entry(key: key, readAt: now) }
        }
        return key
    }
}
