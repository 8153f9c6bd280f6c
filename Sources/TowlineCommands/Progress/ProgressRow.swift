import TowlineClient

/// One job on the way, as a line of a terminal.
struct ProgressRow: Sendable, Hashable {
    /// The title or the file name, clean.
    let label: String
    let status: UploadStatus
    var bytesReceived: Int64?
    var bytesTotal: Int64?
    var bytesPerSecond: Double?
    var timeLeft: Duration?
    /// The code and the sentence of the failure.
    var failure: String?

    /// Whether the job will not change any more, as far as its file goes.
    var isDone: Bool { status.isTerminal || status.isStored }

    /// Whether bytes are on the way.
    var isMoving: Bool { !isDone && status != .pending }

    private static let barLimit = 30
    private static let barMinimum = 8

    /// The line, at most `columns` wide.
    ///
    /// What does not fit is left out, the least needed first: time left, rate, bytes, the bar; the label is cut last.
    /// The label takes `labelWidth` columns, the same for all rows.
    func line(columns: Int, labelWidth: Int, style: Style) -> String {
        // A line that ends in the last column would break on some terminals.
        let columns = columns - 1
        let name = TerminalText.pad(label, min(labelWidth, max(4, columns - 6)))
        let room = columns - TerminalText.width(of: name) - 2
        guard room > 0 else { return TerminalText.fit(label, max(0, columns)) }
        return "\(name)  \(tail(room: room, style: style))"
    }

    private func tail(room: Int, style: Style) -> String {
        if status.isFailure { return style.red(TerminalText.fit("failed: \(TerminalText.clean(failure ?? ""))", room)) }
        if isDone {
            let size = bytesTotal.map { ", \(Measure.bytes($0))" } ?? ""
            let word = status == .success ? "done\(size)" : "stored\(size), callback open"
            return style.green(TerminalText.fit(word, room))
        }
        guard let received = bytesReceived, status != .pending else {
            return style.dim(TerminalText.fit(Self.word(for: status), room))
        }
        guard let total = bytesTotal, total > 0 else {
            return openTail(received: received, room: room, style: style)
        }
        return barTail(received: received, total: total, room: room, style: style)
    }

    /// How much has come of nobody knows how much.
    private func openTail(received: Int64, room: Int, style: Style) -> String {
        let bytes = Measure.bytes(received)
        let candidates = [[bytes, rateText], [bytes]].map { $0.compactMap { $0 }.joined(separator: "  ") }
        return candidates.first { TerminalText.width(of: $0) <= room } ?? TerminalText.fit(bytes, room)
    }

    private func barTail(received: Int64, total: Int64, room: Int, style: Style) -> String {
        let percent = TerminalText.pad(Measure.percent(received, of: total), 4, alignment: .right)
        let bytes = TerminalText.pad(Measure.bytes(received, of: total), 13)
        let rate = TerminalText.pad(rateText ?? "", 10, alignment: .right)
        let left = TerminalText.pad(timeLeft.map { "\(Measure.time($0)) left" } ?? "", 12, alignment: .right)
        for parts in [[percent, bytes, rate, left], [percent, bytes, rate], [percent, bytes], [percent]] {
            let text = parts.joined(separator: "  ")
            let bar = min(room - text.count - 3, Self.barLimit)
            guard bar >= Self.barMinimum else { continue }
            return Measure.bar(received, of: total, columns: bar, style: style) + " " + Self.trimmed(text)
        }
        return TerminalText.fit(Self.trimmed(percent), room)
    }

    private var rateText: String? { bytesPerSecond.map { Measure.rate(bytesPerSecond: $0) } }

    private static func trimmed(_ text: String) -> String {
        var text = text
        while text.last == " " { text.removeLast() }
        return text
    }

    private static func word(for status: UploadStatus) -> String {
        switch status {
        case .pending: "waiting"
        case .processing: "connecting"
        case .downloading: "downloading"
        case .downloadSuccess, .uploading: "storing"
        default: TerminalText.clean(status.rawValue)
        }
    }
}
