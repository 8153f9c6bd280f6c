import TowlineClient

/// The rows of all jobs as the lines of a terminal.
struct ProgressBoard: Sendable {
    let rows: [ProgressRow]

    /// The lines for a terminal of a size; one line stays free below.
    ///
    /// When there are more jobs than lines, those on the way are shown before those that wait and those that have ended,
    /// each in the order of the rows, and a last line counts the others.
    func lines(size: TerminalSize, style: Style) -> [String] {
        let room = max(1, size.rows - 1)
        var shown = rows
        var summary: [String] = []
        if rows.count > room {
            let ranked = rows.indices.sorted { (Self.rank(rows[$0]), $0) < (Self.rank(rows[$1]), $1) }
            shown = ranked.prefix(room - 1).sorted().map { rows[$0] }
            summary = [TerminalText.fit(Self.summary(ranked.dropFirst(room - 1).map { rows[$0] }), size.columns - 1)]
        }
        let longest = rows.reduce(0) { max($0, TerminalText.width(of: $1.label)) }
        let labelWidth = max(8, min(longest, size.columns / 4))
        return shown.map { $0.line(columns: size.columns, labelWidth: min(labelWidth, longest), style: style) }
            + summary.map { style.dim($0) }
    }

    private static func rank(_ row: ProgressRow) -> Int {
        row.isMoving ? 0 : row.isDone ? 2 : 1
    }

    private static func summary(_ rows: [ProgressRow]) -> String {
        let failed = rows.count { $0.status.isFailure }
        let done = rows.count { $0.isDone } - failed
        let moving = rows.count { $0.isMoving }
        let waiting = rows.count - failed - done - moving
        let counts = [(moving, "on the way"), (waiting, "waiting"), (done, "done"), (failed, "failed")]
        let words = counts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        return "… and \(rows.count) more: \(words.joined(separator: ", "))"
    }
}

/// Lines at the end of a terminal that are drawn again in place.
struct LiveArea: Sendable {
    private var height = 0

    /// What to write so that these lines stand where the lines of the frame before stood; the cursor ends below them.
    mutating func frame(_ lines: [String]) -> String {
        var text = height > 0 ? "\u{1B}[\(height)A" : ""
        for line in lines { text += "\r\u{1B}[2K\(line)\n" }
        if lines.count < height { text += "\u{1B}[J" }
        height = lines.count
        return text
    }
}
