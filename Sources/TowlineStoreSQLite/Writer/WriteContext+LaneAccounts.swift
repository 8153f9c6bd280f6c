import TowlineCore
import TowlineStore

extension WriteContext {
    /// Visits accounts with ready lanes of pulls in turn, each up to its share and its limit.
    ///
    /// - Parameters:
    ///   - limit: Most runs in all.
    ///   - perAccount: Most attempts of one account at once.
    ///   - admit: What a group lets through.
    ///   - visit: Claims up to a number of runs of a lane.
    /// - Returns: What ``Claims/nextDue`` says.
    /// - Throws: SQLite's failure, or what the closures throw.
    func claimByAccount(
        limit: Int, perAccount: Int, admit: (_ group: Int64) throws -> Admission,
        visit: (_ lane: Lane, _ room: Int) throws -> LaneVisit
    ) throws -> Duration? {
        var remaining = max(1, limit)
        // What turns out to have nothing costs a visit too; what is left over stays due at once.
        var visits = remaining + 256
        while remaining > 0, visits > 0 {
            let turns = try accountTurns(limit: min(remaining, visits), perAccount: perAccount, share: remaining)
            guard !turns.isEmpty else { break }
            visits -= turns.reduce(0) { $0 + max(1, $1.lanes.count) }
            var turn = LaneTurn(
                kind: .pull, isAlone: turns.count == 1 && turns[0].lanes.count == 1 && turns[0].share > 1,
                lanes: turns.lazy.flatMap(\.lanes))
            for account in turns {
                let most = min(account.share, remaining)
                let taken =
                    most > 0
                    ? try take(from: account.lanes, atMost: most, turn: &turn, admit: admit, visit: visit) : 0
                remaining -= taken
                try settle(account, taken: taken)
            }
        }
        let next = try connection.first(LaneAccountSQL.next) { $0.time(0) }
        return next.map { max(.zero, $0 - now) }
    }

    /// The accounts whose turn it is, each with its ready lanes; those without a free slot are put aside.
    private func accountTurns(limit: Int, perAccount: Int, share: Int) throws -> [AccountTurn] {
        let ready = try connection.all(LaneAccountSQL.ready, .time(now), .integer(limit)) {
            (account: $0.text(0), inUse: $0.int(1))
        }
        let share = (share + ready.count - 1) / max(1, ready.count)
        var turns: [AccountTurn] = []
        for (account, inUse) in ready {
            let room = max(1, perAccount) - inUse
            guard room > 0 else {
                try connection.run(LaneAccountSQL.block, .integer(0), .text(account))
                continue
            }
            let share = min(share, room)
            let lanes = try connection.all(LaneAccountSQL.readyLanes, .text(account), .time(now), .integer(share)) {
                Lane(id: $0.integer(0), group: $0.integer(1), account: account)
            }
            turns.append(AccountTurn(account: account, room: room, share: share, lanes: lanes))
        }
        // Every account that was looked at is full: there may be others behind them.
        return turns.isEmpty && !ready.isEmpty
            ? try accountTurns(limit: limit, perAccount: perAccount, share: share) : turns
    }

    /// Puts an account where it belongs after a visit.
    private func settle(_ turn: AccountTurn, taken: Int) throws {
        let next = try connection.first(LaneAccountSQL.nextLane, .text(turn.account)) { $0.time(0) }
        if taken >= turn.room, let next, next <= now {
            return try connection.run(LaneAccountSQL.block, .integer(taken), .text(turn.account))
        }
        try connection.run(
            LaneAccountSQL.setReady, .integer(taken), .time(next.map { max($0, now) }), .integer(lanes.nextTurn()),
            .text(turn.account))
    }

    /// Makes an account ready at a time, unless it is sooner or waits for a slot.
    func wakeAccount(_ account: String, at time: Timestamp) throws {
        let changed = try connection.change(
            LaneAccountSQL.wake, .time(time), .integer(lanes.nextTurn()), .text(account))
        if changed > 0 { effects.signal(.jobsDue) }
    }

    /// Gives back the slots of accounts that the operation has freed; an account that waited for one is ready again.
    func settleAccounts() throws {
        for (account, count) in lanes.releasedAccounts {
            let wasBlocked = try connection.first(
                LaneAccountSQL.release, .integer(count), .text(account)
            ) { $0.int(0) > 0 }
            guard wasBlocked == true else { continue }
            try connection.run(
                LaneAccountSQL.unblock, .time(now), .integer(lanes.nextTurn()), .text(account))
            effects.signal(.jobsDue)
        }
    }
}

/// One account's part of a claim.
private struct AccountTurn {
    let account: String
    /// Attempts that it may begin.
    let room: Int
    /// How many it may begin in this turn.
    let share: Int
    let lanes: [Lane]
}

/// The statements about the turns of accounts.
enum LaneAccountSQL {
    static let insert = SQL("INSERT OR IGNORE INTO lane_accounts (account_id) VALUES (?)")
    static let ready = SQL(
        "SELECT account_id, in_use FROM lane_accounts WHERE ready_at <= ? ORDER BY ready_at, turn LIMIT ?")
    static let next = SQL(
        "SELECT ready_at FROM lane_accounts WHERE ready_at IS NOT NULL ORDER BY ready_at LIMIT 1")
    static let readyLanes = SQL(
        """
        SELECT id, group_id FROM lanes WHERE kind = 0 AND account_id = ? AND ready_at <= ?
        ORDER BY ready_at, turn LIMIT ?
        """)
    static let nextLane = SQL(
        """
        SELECT ready_at FROM lanes WHERE kind = 0 AND account_id = ? AND ready_at IS NOT NULL
        ORDER BY ready_at LIMIT 1
        """)
    static let setReady = SQL(
        "UPDATE lane_accounts SET in_use = in_use + ?, ready_at = ?, turn = ?, blocked = 0 WHERE account_id = ?")
    static let block = SQL(
        "UPDATE lane_accounts SET in_use = in_use + ?, ready_at = NULL, blocked = 1 WHERE account_id = ?")
    static let wake = SQL(
        """
        UPDATE lane_accounts SET ready_at = ?1, turn = ?2
        WHERE account_id = ?3 AND blocked = 0 AND (ready_at IS NULL OR ready_at > ?1)
        """)
    static let release = SQL(
        "UPDATE lane_accounts SET in_use = max(0, in_use - ?) WHERE account_id = ? RETURNING blocked")
    static let unblock = SQL("UPDATE lane_accounts SET ready_at = ?, turn = ?, blocked = 0 WHERE account_id = ?")
}
