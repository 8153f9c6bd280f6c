import TowlineCore
import TowlineStore

/// How deliveries of replays ended within one operation.
struct ReplayEnds {
    private(set) var counts: [ReplayID: (delivered: Int, dead: Int)] = [:]

    /// Notes that a delivery has ended.
    mutating func add(_ replay: ReplayID, _ state: DeliveryState) {
        var count = counts[replay] ?? (0, 0)
        if state == .delivered { count.delivered += 1 } else { count.dead += 1 }
        counts[replay] = count
    }
}

extension WriteContext {
    /// Counts the end of a replay's delivery, as `delivered` or as `dead`; the row is written when the operation ends.
    func countReplayEnd(of replay: ReplayID, as state: DeliveryState) { replayEnds.add(replay, state) }

    /// Writes what was counted.
    func settleReplays() throws {
        for (replay, count) in replayEnds.counts {
            try connection.run(
                ReplayCountSQL.add, .id(replay), .integer(count.delivered), .integer(count.dead))
        }
    }
}

/// The statement that counts the ends of a replay's deliveries.
enum ReplayCountSQL {
    static let add = SQL("UPDATE replays SET delivered = delivered + ?2, dead = dead + ?3 WHERE id = ?1")
}
