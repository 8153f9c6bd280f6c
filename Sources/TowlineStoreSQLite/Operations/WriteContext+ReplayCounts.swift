import TowlineCore
import TowlineStore

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
