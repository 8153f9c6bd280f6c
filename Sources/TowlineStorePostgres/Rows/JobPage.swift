import TowlineCore
import TowlineStore

/// One page of the operators' list of jobs, newest first.
///
/// The state is looked up in an index. Origin and text are compared row by row on the server, in a bounded number of rows
/// for each page: a page may hold fewer jobs than asked for, or none, and still name a next one.
struct JobPage {
    /// Most rows that one page looks at.
    static let scanned = 5000

    let filter: JobFilter
    let limit: Int

    /// Reads the page.
    func read(from connection: PostgresConnection) throws -> Page<Job> {
        let before = try start(in: connection)
        let needle = filter.text.flatMap { $0.isEmpty ? nil : $0.lowercased() }
        let look: [PostgresValue] = [
            .integer(before), .text(filter.origin), .text(needle), .integer(limit + 1), .integer(Self.scanned),
        ]
        let pending =
            if let state = filter.state {
                connection.add(PageSQL.byState, look + [.integer(state.number)])
            } else {
                connection.add(PageSQL.all, look)
            }
        try connection.flush()
        var rows = try pending.result().map { (seq: $0.integer(0), isMatch: $0.isTrue(1)) }
        let end = rows.last { !$0.isMatch }
        rows.removeAll { !$0.isMatch }
        let isFull = rows.count > limit
        if isFull { rows.removeLast() }
        let jobs = try connection.all(PageSQL.jobs, .integers(rows.map(\.seq))) { try JobRows.read($0) }
        if isFull { return Page(items: jobs, next: jobs.last?.id.description) }
        guard let end else { return Page(items: jobs, next: nil) }
        let mark = try connection.first(PageSQL.id, .integer(end.seq)) { try $0.id(0, as: JobID.self) }
        return Page(items: jobs, next: mark?.description)
    }

    /// The row before which the page begins.
    private func start(in connection: PostgresConnection) throws -> Int64 {
        guard let before = filter.before else { return .max }
        return try connection.first(PageSQL.seqNotAfter, .id(before)) { row in
            try row.id(1, as: JobID.self) == before ? row.integer(0) : row.integer(0) + 1
        } ?? 0
    }
}

/// The queries behind ``JobPage``: matches, and the last row that was looked at where there may be more.
enum PageSQL {
    private static func page(_ rows: String) -> SQL {
        SQL(
            """
            WITH looked AS MATERIALIZED (\(rows)),
            matched AS (
              SELECT seq FROM looked WHERE ($2::text IS NULL OR origin = $2)
                AND ($3::text IS NULL OR position($3 IN lower(title)) > 0 OR position($3 IN lower(source_url)) > 0)
              ORDER BY seq DESC LIMIT $4)
            SELECT seq, true FROM matched
            UNION ALL (SELECT seq, false FROM looked WHERE (SELECT count(*) FROM looked) = $5 ORDER BY seq LIMIT 1)
            """)
    }

    static let all = page(
        "SELECT seq, origin, title, source_url FROM jobs WHERE seq < $1 ORDER BY seq DESC LIMIT $5")
    static let byState = page(
        """
        SELECT j.seq, j.origin, j.title, j.source_url FROM (
          SELECT r.job FROM runs r WHERE NOT r.superseded AND r.state = $6 AND r.job < $1
          ORDER BY r.job DESC LIMIT $5) s
        JOIN jobs j ON j.seq = s.job
        """)
    static let jobs = SQL(
        """
        SELECT \(JobRows.columns) FROM jobs j JOIN runs r ON r.job = j.seq AND \(HeldRun.isCurrent)
        WHERE j.seq = ANY($1::bigint[]) ORDER BY j.seq DESC
        """)
    static let id = SQL("SELECT id FROM jobs WHERE seq = $1")
    static let seqNotAfter = SQL("SELECT seq, id FROM jobs WHERE id <= $1 ORDER BY id DESC LIMIT 1")
}
