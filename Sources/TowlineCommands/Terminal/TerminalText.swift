/// Text on its way to a terminal: cleaned of what could steer it, measured and cut by columns.
enum TerminalText {
    /// Drops control characters, line separators and marks that turn the direction of writing.
    ///
    /// Line breaks and tabs become a blank each, so the result is one line.
    static func clean(_ text: some StringProtocol) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x09, 0x0A, 0x0D: result.append(" ")
            default: if !isUnsafe(scalar) { result.append(scalar) }
            }
        }
        return String(result)
    }

    /// Shows control characters and marks of direction as escapes such as `\x1b`; the result is one line.
    static func visible(_ text: some StringProtocol) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": result.append(contentsOf: "\\n".unicodeScalars)
            case "\r": result.append(contentsOf: "\\r".unicodeScalars)
            case "\t": result.append(contentsOf: "\\t".unicodeScalars)
            default:
                guard isUnsafe(scalar) else {
                    result.append(scalar)
                    continue
                }
                let digits = String(scalar.value, radix: 16)
                let escape = scalar.value < 0x100 ? "\\x\(digits.count < 2 ? "0" : "")\(digits)" : "\\u{\(digits)}"
                result.append(contentsOf: escape.unicodeScalars)
            }
        }
        return String(result)
    }

    /// The lines of a text, each with its control characters shown; a line may end in LF or CR LF.
    static func visibleLines(_ text: String) -> [String] {
        text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            visible(String(line.last == "\r" ? line.dropLast() : line))
        }
    }

    /// Whether a scalar could steer a terminal or mislead its reader.
    static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }

    /// The columns that a clean text takes.
    static func width(of text: some StringProtocol) -> Int {
        text.reduce(0) { $0 + width(of: $1) }
    }

    /// Cuts a clean text to a number of columns; what was cut is marked by `…`.
    static func fit(_ text: String, _ columns: Int) -> String {
        guard width(of: text) > columns else { return text }
        guard columns > 0 else { return "" }
        var result = ""
        var used = 0
        for character in text {
            let width = width(of: character)
            if used + width > columns - 1 { break }
            result.append(character)
            used += width
        }
        return result + "…"
    }

    /// Cuts a clean text to a number of columns and fills it up with blanks.
    static func pad(_ text: String, _ columns: Int, alignment: Alignment = .left) -> String {
        let fitted = fit(text, columns)
        let blanks = String(repeating: " ", count: max(0, columns - width(of: fitted)))
        return alignment == .left ? fitted + blanks : blanks + fitted
    }

    /// Where the blanks go.
    enum Alignment: Sendable {
        case left
        case right
    }

    private static func width(of character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first else { return 0 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: break
        }
        if scalar.properties.isEmojiPresentation || character.unicodeScalars.contains("\u{FE0F}") { return 2 }
        return isWide(scalar.value) ? 2 : 1
    }

    /// East Asian wide and full-width scalars.
    private static func isWide(_ value: UInt32) -> Bool {
        switch value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
            0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
            0x17000...0x18DFF, 0x1B000...0x1B2FF, 0x20000...0x3FFFD:
            true
        default: false
        }
    }
}
