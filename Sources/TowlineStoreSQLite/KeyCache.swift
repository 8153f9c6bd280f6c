import Synchronization
import TowlineStore

/// Access keys with their secrets opened, so that a signed request costs no query. Emptied when a key is made or
/// revoked; what was read before that is not kept after it.
final class KeyCache: Sendable {
    private struct State {
        var known: [String: AccessKey] = [:]
        var generation = 0
    }

    private static let capacity = 1024
    private let state = Mutex(State())

    /// An empty cache.
    init() {}

    /// The key with an id where it is known, and the generation to give to ``keep(_:generation:)``.
    func find(_ id: String) -> (key: AccessKey?, generation: Int) {
        state.withLock { ($0.known[id], $0.generation) }
    }

    /// Keeps a key that was read, unless keys have changed since the look-up that missed.
    func keep(_ key: AccessKey, generation: Int) {
        state.withLock { state in
            guard state.generation == generation else { return }
            if state.known.count >= Self.capacity { state.known.removeAll() }
            state.known[key.id] = key
        }
    }

    /// Forgets all: keys have changed.
    func forget() {
        state.withLock { state in
            state.known.removeAll()
            state.generation += 1
        }
    }
}
