import Synchronization

/// The connections of this node's transfers by origin, so that parallel ones take only what the limit leaves free.
final class OriginSlots: Sendable {
    private let counts = Mutex<[String: Int]>([:])
    /// Connections at once against one origin.
    let limit: Int

    /// Slots with a limit for each origin.
    init(limit: Int) { self.limit = limit }

    /// Takes the slot of a transfer, which its claim has allowed.
    func enter(_ origin: String) { counts.withLock { $0[origin, default: 0] += 1 } }

    /// Takes a slot for a further connection; false when the limit is reached.
    func takeExtra(_ origin: String) -> Bool {
        counts.withLock { counts in
            guard counts[origin, default: 0] < limit else { return false }
            counts[origin, default: 0] += 1
            return true
        }
    }

    /// How many further connections may be opened.
    func room(_ origin: String) -> Int { counts.withLock { max(0, limit - $0[origin, default: 0]) } }

    /// Gives a slot back.
    func leave(_ origin: String) {
        counts.withLock { counts in
            let left = counts[origin, default: 1] - 1
            counts[origin] = left > 0 ? left : nil
        }
    }

    /// Whether more connections are open than may be: transfers that were claimed since need the room.
    func isOver(_ origin: String) -> Bool { counts.withLock { $0[origin, default: 0] > limit } }
}
