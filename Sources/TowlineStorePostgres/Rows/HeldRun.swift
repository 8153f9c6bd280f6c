import TowlineCore
import TowlineStore

/// A job with its current run, held by the transaction.
struct HeldRun {
    let stored: StoredRun
    let lane: Lane
    /// Further connections that its attempt has taken (``SharedSlotStore``).
    let extraSlots: Int

    /// What a run is read with.
    static let columns = "\(JobRows.columns), \(StoredRun.columns), r.extra_slots"
    /// Where its lane's number stands among ``columns``.
    static let laneColumn = JobRows.end + 1
    /// Whether a run `r` is its job's current one, said so that no index of current runs comes into question: the one of
    /// the primary key is meant, also where nothing is known about the table yet.
    static let isCurrent = "NOT coalesce(r.superseded, false)"
    /// The number of ``columns``.
    static let end = JobRows.end + 10
    /// What a query for ``columns`` joins to `runs r`.
    static let joins = "JOIN jobs j ON j.seq = r.job"

    /// Reads ``columns``.
    init(_ row: borrowing PostgresRow, lane: Lane) throws {
        stored = try StoredRun(row)
        self.lane = lane
        extraSlots = row.int(JobRows.end + 9)
    }
}
