import Foundation
import TowlineCore

/// Where a command writes: results to stdout, everything else to stderr.
package struct Console: Sendable {
    /// What is known of one of the two streams.
    package struct Stream: Sendable {
        /// Whether a person sees it: lines can be drawn anew.
        let isTerminal: Bool
        /// Whether colours are wanted.
        let hasColor: Bool
        /// Columns and rows as of now.
        let size: @Sendable () -> TerminalSize
        let write: @Sendable (String) -> Void
        /// Why something that was written is lost; nil while nothing is.
        var loss: @Sendable () -> OutputLoss? = { nil }
    }

    let out: Stream
    let error: Stream
    let input: Input

    init(out: Stream, error: Stream, input: Input = .none) {
        self.out = out
        self.error = error
        self.input = input
    }

    /// The streams of the process; colours only on a terminal and unless `NO_COLOR` is set.
    package static let standard: Console = {
        let environment = ProcessInfo.processInfo.environment
        return Console(
            out: .standard(.standardOutput, environment: environment),
            error: .standard(.standardError, environment: environment),
            input: .standard)
    }()

    /// Writes lines to stdout.
    func print(_ text: String) { out.write(text + "\n") }

    /// Writes a line to stderr that is neither a result nor an error.
    func note(_ text: String) { error.write(TerminalText.clean(text) + "\n") }

    /// Writes why the command failed to stderr.
    func fail(_ message: String) {
        error.write(Style(isOn: error.hasColor).red("error:") + " " + TerminalText.clean(message) + "\n")
    }

    /// Writes a message of the command-line parser to stderr: the first line is the error, the rest shows the usage.
    func fail(withUsage text: String) {
        guard text.hasPrefix("Error: ") else { return error.write(text + "\n") }
        error.write(Style(isOn: error.hasColor).red("error:") + text.dropFirst("Error:".count) + "\n")
    }

    /// Ends the line in which a terminal has echoed Ctrl-C.
    func endEcho() {
        if error.isTerminal { error.write("\n") }
    }

    /// Writes a JSON value to stdout, on one line.
    func print(_ value: JSONValue) { print(value.terminalText) }

    /// Writes a table to stdout, cut to a terminal.
    func print(_ table: Table) {
        let limit = out.isTerminal ? out.size().columns : nil
        for line in table.lines(limit: limit, style: style) { print(line) }
    }

    /// The colours of stdout.
    var style: Style { Style(isOn: out.hasColor) }
}

/// Columns and rows of a terminal.
struct TerminalSize: Sendable, Hashable {
    var columns: Int
    var rows: Int

    /// What is taken when nobody knows.
    static let usual = TerminalSize(columns: 80, rows: 24)
}

/// Colours, or none.
struct Style: Sendable {
    let isOn: Bool

    func bold(_ text: String) -> String { wrap(text, "1") }
    func dim(_ text: String) -> String { wrap(text, "2") }
    func red(_ text: String) -> String { wrap(text, "31") }
    func green(_ text: String) -> String { wrap(text, "32") }
    func cyan(_ text: String) -> String { wrap(text, "36") }

    private func wrap(_ text: String, _ code: String) -> String {
        isOn && !text.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}

extension JSONValue {
    /// The compact text, with the scalars escaped that could steer a terminal; they can only stand within strings.
    var terminalText: String {
        let text = compactText
        guard text.unicodeScalars.contains(where: TerminalText.isUnsafe) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if TerminalText.isUnsafe(scalar) {
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
