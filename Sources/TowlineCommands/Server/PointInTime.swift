import ArgumentParser
import Foundation
import TowlineCore
import VODSignatures

/// Reads moments as people type them: RFC 3339, or an age.
enum PointInTime {
    /// What is allowed, for help and errors.
    static let shape = "a time such as 2026-11-23T10:00:00Z or an age such as 90s, 15m, 2h, 7d"

    /// The clock of this machine.
    static let now: @Sendable () -> Timestamp = {
        Timestamp(milliseconds: Int64((Date().timeIntervalSince1970 * 1000).rounded(.down)))
    }

    /// Reads a moment.
    ///
    /// - Parameters:
    ///   - text: RFC 3339 with `Z` or an offset, perhaps with a fraction, or a number with s, m, h or d.
    ///   - option: The option that an error names.
    ///   - now: What an age is counted back from.
    /// - Returns: The moment, to the millisecond.
    /// - Throws: `ValidationError` naming the option and what is allowed.
    static func parse(_ text: String, _ option: String, now: Timestamp) throws -> Timestamp {
        guard let moment = age(text).map({ now - $0 }) ?? rfc3339(text) else {
            throw ValidationError("\(option) must be \(shape); it is '\(TerminalText.clean(text))'.")
        }
        return moment
    }

    /// The form that the admin API takes: UTC, with a fraction where there is one.
    static func text(_ moment: Timestamp) -> String {
        let fraction = ((moment.milliseconds % 1000) + 1000) % 1000
        let whole = moment.description
        guard fraction > 0 else { return whole }
        let digits = String(fraction)
        return "\(whole.dropLast()).\(String(repeating: "0", count: 3 - digits.count))\(digits)Z"
    }

    private static func age(_ text: String) -> Duration? {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let letter = text.last, let unit = units[letter], text.dropLast().utf8.allSatisfy(isDigit),
            let count = Int64(text.dropLast()), count <= 100 * 365 * 86_400 / unit
        else { return nil }
        return .seconds(count * unit)
    }

    private static func rfc3339(_ text: String) -> Timestamp? {
        let upper = text.uppercased()
        guard let seconds = UTCTimestamp.parse(String(upper.prefix(19)) + "Z") else { return nil }
        var rest = upper.dropFirst(19)
        var milliseconds: Int64 = 0
        if rest.first == "." {
            let digits = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
            guard (1...9).contains(digits.count), let value = Int64((digits + "00").prefix(3)) else { return nil }
            milliseconds = value
            rest = rest.dropFirst(1 + digits.count)
        }
        guard let offset = offset(rest) else { return nil }
        return Timestamp(milliseconds: (seconds - offset) * 1000 + milliseconds)
    }

    /// Seconds that `Z`, `+hh:mm` or `-hh:mm` is ahead of UTC.
    private static func offset(_ text: Substring) -> Int64? {
        if text == "Z" { return 0 }
        let bytes = Array(text.utf8)
        guard bytes.count == 6, bytes[0] == 0x2B || bytes[0] == 0x2D, bytes[3] == 0x3A,
            [1, 2, 4, 5].allSatisfy({ isDigit(bytes[$0]) })
        else { return nil }
        let hours = Int64(bytes[1] - 0x30) * 10 + Int64(bytes[2] - 0x30)
        let minutes = Int64(bytes[4] - 0x30) * 10 + Int64(bytes[5] - 0x30)
        guard hours < 24, minutes < 60 else { return nil }
        return (hours * 3600 + minutes * 60) * (bytes[0] == 0x2D ? -1 : 1)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
