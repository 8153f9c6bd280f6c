import TowlineCore
import TowlineStore

/// The rows of events that the times and the job of a filter leave.
///
/// Rows of events follow their times, and identifiers begin with theirs, so the ends are looked up in the index of
/// identifiers. Rows of the millisecond before `since` may be within.
struct EventRange {
    /// The row before the first.
    let after: Int64
    /// The last row; ``after`` where there is none.
    let last: Int64

    /// Looks the ends up.
    init(_ filter: EventFilter, in connection: SQLConnection) throws {
        var after: Int64 = 0
        var last = try connection.first(EventRangeSQL.last) { $0.integer(0) } ?? 0
        if let since = filter.since {
            let bound = EventID.first(at: since)
            after = try connection.first(EventRangeSQL.lastBefore, .id(bound)) { $0.integer(0) } ?? 0
        }
        if let until = filter.until {
            let bound = EventID.first(at: until)
            if let end = try connection.first(EventRangeSQL.firstFrom, .id(bound), read: { $0.integer(0) }) {
                last = min(last, end - 1)
            }
        }
        if let job = filter.job {
            let rows = try connection.first(EventRangeSQL.ofJob, .id(job)) { ($0.integer(0), $0.integer(1)) } ?? (0, 0)
            after = max(after, rows.0 - 1)
            last = min(last, rows.1)
        }
        self.after = after
        self.last = max(after, last)
    }
}

/// The queries behind ``EventRange``.
private enum EventRangeSQL {
    static let last = SQL("SELECT max(seq) FROM events")
    static let lastBefore = SQL("SELECT seq FROM events WHERE id < ? ORDER BY id DESC LIMIT 1")
    static let firstFrom = SQL("SELECT seq FROM events WHERE id >= ? ORDER BY id LIMIT 1")
    static let ofJob = SQL("SELECT min(seq), max(seq) FROM events WHERE job = ?")
}
