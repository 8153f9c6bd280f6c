/// Rows in aligned columns.
struct Table: Sendable {
    /// One column.
    struct Column: Sendable {
        let title: String
        var alignment = TerminalText.Alignment.left
        /// Set for columns that may be cut down to this width, or left out where even that does not fit.
        var minimum: Int?
    }

    let columns: [Column]
    private var rows: [[String]] = []

    init(_ columns: [Column]) { self.columns = columns }

    /// Adds a row with one cell for each column; cells are cleaned.
    mutating func add(_ cells: [String]) { rows.append(cells.map { TerminalText.clean($0) }) }

    /// The lines, a line of titles first, without blanks at their ends.
    ///
    /// Where `limit` gives the columns of a terminal, cells are cut to it; nil keeps every cell whole.
    func lines(limit: Int? = nil, style: Style = Style(isOn: false)) -> [String] {
        let widths = widths(limit: limit)
        func line(_ cells: [String]) -> String {
            var text = ""
            for (index, cell) in cells.enumerated() where widths[index] > 0 {
                if !text.isEmpty { text += "  " }
                text += TerminalText.pad(cell, widths[index], alignment: columns[index].alignment)
            }
            while text.last == " " { text.removeLast() }
            return text
        }
        return [style.bold(line(columns.map(\.title)))] + rows.map(line)
    }

    /// The width of each column, 0 for those that are left out.
    private func widths(limit: Int?) -> [Int] {
        var widths = columns.indices.map { index in
            rows.reduce(TerminalText.width(of: columns[index].title)) { max($0, TerminalText.width(of: $1[index])) }
        }
        guard let limit else { return widths }
        func excess() -> Int {
            let shown = widths.filter { $0 > 0 }
            return shown.reduce(0, +) + 2 * max(0, shown.count - 1) - limit
        }
        for index in columns.indices.reversed() {
            guard let minimum = columns[index].minimum, excess() > 0 else { continue }
            widths[index] = max(min(widths[index], minimum), widths[index] - excess())
        }
        for index in columns.indices.reversed() where columns[index].minimum != nil && excess() > 0 {
            widths[index] = 0
        }
        // What the columns that were left out have made free goes to the others, from the left.
        for index in columns.indices where columns[index].minimum != nil && widths[index] > 0 && excess() < 0 {
            let whole = rows.reduce(TerminalText.width(of: columns[index].title)) {
                max($0, TerminalText.width(of: $1[index]))
            }
            widths[index] = min(whole, widths[index] - excess())
        }
        return widths
    }
}

/// The lines of a table with one name and figures: the first column to the left, the others to the right.
package func figureLines(_ titles: [String], _ rows: [[String]]) -> [String] {
    var table = Table(
        titles.enumerated().map { Table.Column(title: $0.element, alignment: $0.offset == 0 ? .left : .right) })
    for row in rows { table.add(row) }
    return table.lines()
}
