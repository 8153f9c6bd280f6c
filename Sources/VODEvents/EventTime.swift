#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads the time format of events without calendars or locales.
enum EventTime {
    /// The moment of `yyyy-MM-ddTHH:mm:ssZ`, also with `.SSS` or `:SSS` before the `Z`; `nil` for any other text.
    static func date(from text: String) -> Date? {
        let bytes = Array(text.utf8)
        guard bytes.count == 20 || (bytes.count == 24 && (bytes[19] == 0x2E || bytes[19] == 0x3A)),
            bytes.last == 0x5A, bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54, bytes[13] == 0x3A,
            bytes[16] == 0x3A,
            let year = number(bytes[0..<4]), let month = number(bytes[5..<7]), let day = number(bytes[8..<10]),
            let hour = number(bytes[11..<13]), let minute = number(bytes[14..<16]), let second = number(bytes[17..<19]),
            let milliseconds = bytes.count == 24 ? number(bytes[20..<23]) : 0,
            (1...12).contains(month), hour < 24, minute < 60, second < 60
        else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let daysInMonth = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard day >= 1, day <= daysInMonth[month - 1] else { return nil }
        let before = max(year - 1, 0)
        let leapDays = before / 4 - before / 100 + before / 400 + (year > 0 ? 1 : 0)
        // 719,528 days lie between 0000-01-01 and 1970-01-01.
        let days = year * 365 + leapDays + daysInMonth[..<(month - 1)].reduce(0, +) + day - 1 - 719_528
        let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
        return Date(timeIntervalSince1970: Double(seconds) + Double(milliseconds) / 1000)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        var value = 0
        for digit in digits {
            guard Bytes.isDigit(digit) else { return nil }
            value = value * 10 + Int(digit - 0x30)
        }
        return value
    }
}
