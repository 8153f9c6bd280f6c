import TowlineCore
import TowlineStore

/// A job with its current run, held by the transaction.
struct HeldRun {
    let stored: StoredRun
    let lane: Lane
    /// Further connections that its attempt has taken (``SharedSlotStore``).
    let extraSlots: Int

    /// What a run is read with.
    static let columns = "\(JobRows.columns), \(StoredRun.columns), l.group_id, l.owner_id, r.extra_slots"
    /// Whether a run `r` is its job's current one, said so that no index of current runs comes into question: the one of
    /// the primary key is meant, also where nothing is known about the table yet.
    static let isCurrent = "NOT coalesce(r.superseded, false)"
    /// The number of ``columns``.
    static let end = JobRows.end + 12
    /// What a query for ``columns`` joins to `runs r`.
    static let joins = "JOIN jobs j ON j.seq = r.job JOIN lanes l ON l.id = r.lane_id"

    /// Reads ``columns``.
    init(_ row: borrowing PostgresRow) throws {
        stored = try StoredRun(row)
        let first = JobRows.end + 9
        lane = Lane(id: stored.lane, group: row.integer(first), owner: row.integer(first + 1))
        extraSlots = row.int(first + 2)
    }
}
