import TowlineCore
import TowlineStore

/// One page of the operators' list of jobs, newest first.
///
/// The state is looked up in an index. Origin and text are compared row by row, in a bounded number of rows for each
/// page: a page may hold fewer jobs than asked for, or none, and still name a next one.
struct JobPage {
    /// Most rows that one page looks at.
    static let scanned = 5000

    let filter: JobFilter
    let limit: Int

    /// Reads the page.
    func read(from connection: SQLConnection) throws -> Page<Job> {
        let before = try start(in: connection)
        var matches: [Int64] = []
        var last: Int64?
        var looked = 0
        let needle = filter.text.flatMap { $0.isEmpty ? nil : $0.lowercased() }
        func look(_ row: borrowing SQLRow) -> Bool {
            last = row.integer(0)
            looked += 1
            if fits(row, needle: needle) { matches.append(row.integer(0)) }
            return matches.count <= limit && looked < Self.scanned
        }
        if let state = filter.state {
            try connection.each(PageSQL.byState, .integer(state.number), .integer(before), read: look)
        } else {
            try connection.each(PageSQL.all, .integer(before), read: look)
        }
        let isFull = matches.count > limit
        if isFull { matches.removeLast() }
        let jobs = try matches.compactMap { seq in
            try connection.first(JobSQL.bySeq, .integer(seq)) { try JobRows.read($0) }
        }
        if isFull { return Page(items: jobs, next: jobs.last?.id.description) }
        guard looked == Self.scanned, let last else { return Page(items: jobs, next: nil) }
        let mark = try connection.first(PageSQL.id, .integer(last)) { try $0.id(0, as: JobID.self) }
        return Page(items: jobs, next: mark?.description)
    }

    private func fits(_ row: borrowing SQLRow, needle: String?) -> Bool {
        if let origin = filter.origin, row.text(1) != origin { return false }
        guard let needle else { return true }
        return row.text(2).lowercased().contains(needle) || row.text(3).lowercased().contains(needle)
    }

    /// The row before which the page begins.
    private func start(in connection: SQLConnection) throws -> Int64 {
        guard let before = filter.before else { return .max }
        return try connection.first(PageSQL.seqNotAfter, .id(before)) { row in
            try row.id(1, as: JobID.self) == before ? row.integer(0) : row.integer(0) + 1
        } ?? 0
    }
}

/// The queries behind ``JobPage``.
enum PageSQL {
    static let all = SQL(
        "SELECT seq, origin, title, source_url FROM jobs WHERE seq < ? ORDER BY seq DESC")
    static let byState = SQL(
        """
        SELECT j.seq, j.origin, j.title, j.source_url
        FROM runs r JOIN jobs j ON j.seq = r.job
        WHERE r.superseded = 0 AND r.state = ? AND r.job < ? ORDER BY r.job DESC
        """)
    static let id = SQL("SELECT id FROM jobs WHERE seq = ?")
    static let seqNotAfter = SQL("SELECT seq, id FROM jobs WHERE id <= ? ORDER BY id DESC LIMIT 1")
}
