/// Rows of one table, as many as one transaction takes.
package struct MovedPage: Sendable {
    package let rows: [[MovedValue]]
    /// The key of the last row, as the source has it.
    package let last: [MovedValue]?
    /// Whether no rows come after these.
    package let isLast: Bool

    /// Joins rows with the place behind them.
    package init(rows: [[MovedValue]], last: [MovedValue]?, isLast: Bool) {
        self.rows = rows
        self.last = last
        self.isLast = isLast
    }
}

/// How far a table's rows have been written.
package struct MovedProgress: Sendable, Hashable {
    /// The rows that are there, as they came from the source.
    package var digest = MovedDigest()
    /// The key of the last of them.
    package var last: [MovedValue]?
    /// Whether there are no more.
    package var isDone = false

    /// Nothing yet.
    package init() {}
}

/// Where rows come from: a store that nobody uses.
package protocol MoveSource {
    /// The number of a table's rows that are to be moved.
    func count(_ table: MovedTable) throws -> Int64
    /// The next rows of a table in the order of its key, after a key or from the first.
    func page(of table: MovedTable, after key: [MovedValue]?) throws -> MovedPage
}

/// Where rows go to: a store that takes them and nothing else until they are all there.
package protocol MoveTarget {
    /// How far a table has come.
    func progress(of table: MovedTable) throws -> MovedProgress
    /// Writes rows and how far the table has come with them: both or neither.
    ///
    /// - Throws: ``StoreError`` with code `conflict` when somebody else has gone on meanwhile.
    func write(_ page: MovedPage, to table: MovedTable, from old: MovedProgress, to new: MovedProgress) throws
    /// Reads what stands in a table now.
    func digest(of table: MovedTable, counted: (Int64) -> Void) throws -> MovedDigest
    /// Opens the store to nodes, with what follows from the rows.
    func finish(_ counts: [MovedCount]) throws
}

/// What both sides have of one table.
package struct MovedCount: Sendable, Hashable {
    package let table: String
    /// Rows of the source.
    package let source: Int64
    /// Rows of the target.
    package let target: Int64
    /// The sum of the digests of the target's rows, the same as of what was read from the source.
    package let digest: UInt128

    /// Joins the figures.
    package init(table: String, source: Int64, target: Int64, digest: UInt128) {
        self.table = table
        self.source = source
        self.target = target
        self.digest = digest
    }
}

/// Moves every table from one store to another, page by page, and compares both sides at the end.
///
/// It may end at any time: the next one goes on behind the last page that was written.
package struct StoreMove {
    /// What is going on.
    package enum Step: Sendable, Hashable {
        /// Rows are written; how many of a table's rows are there.
        case copied(MovedTable, Int64, of: Int64)
        /// Rows are read again; how many of a table's rows were looked at.
        case compared(MovedTable, Int64, of: Int64)
    }

    private let source: any MoveSource
    private let target: any MoveTarget
    private let report: (Step) -> Void

    /// A move.
    ///
    /// - Parameters:
    ///   - source: Where from.
    ///   - target: Where to.
    ///   - report: Called after every page.
    package init(from source: any MoveSource, to target: any MoveTarget, report: @escaping (Step) -> Void = { _ in }) {
        self.source = source
        self.target = target
        self.report = report
    }

    /// Copies what is missing, compares, and opens the target.
    ///
    /// - Returns: The figures of every table.
    /// - Throws: ``StoreError``; with code `corrupted` when both sides differ, and the target stays closed.
    package func run() throws -> [MovedCount] {
        for table in MovedTable.allCases { try copy(table) }
        let counts = try MovedTable.allCases.map { try compare($0) }
        try target.finish(counts)
        return counts
    }

    private func copy(_ table: MovedTable) throws {
        var progress = try target.progress(of: table)
        guard !progress.isDone else { return }
        let total = try source.count(table)
        while !progress.isDone {
            let page = try source.page(of: table, after: progress.last)
            var next = progress
            for row in page.rows { next.digest.add(row) }
            next.last = page.last ?? progress.last
            next.isDone = page.isLast
            try target.write(page, to: table, from: progress, to: next)
            progress = next
            report(.copied(table, progress.digest.rows, of: total))
        }
    }

    private func compare(_ table: MovedTable) throws -> MovedCount {
        let total = try source.count(table)
        let read = try target.progress(of: table).digest
        let found = try target.digest(of: table) { report(.compared(table, $0, of: total)) }
        guard total == read.rows, read.rows == found.rows else {
            throw StoreError(
                .corrupted,
                "the table \(table.name) has \(total) rows in the source, of which \(read.rows) were read, and "
                    + "\(found.rows) in the target; the target stays closed to nodes: make it empty and begin anew")
        }
        guard read.sum == found.sum else {
            throw StoreError(
                .corrupted,
                "the table \(table.name) has \(total) rows on both sides, but not with the same content; the target "
                    + "stays closed to nodes: make it empty and begin anew")
        }
        return MovedCount(table: table.name, source: total, target: found.rows, digest: found.sum)
    }
}
