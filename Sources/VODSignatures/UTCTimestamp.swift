/// The time formats of the wire, to and from Unix seconds, without calendars or locales.
///
/// All times are UTC in the proleptic Gregorian calendar, years 0000 to 9999; seconds run from 0 to 59, so a leap
/// second is refused.
package enum UTCTimestamp {
    /// Formats a time as `yyyy-MM-ddTHH:mm:ssZ`.
    ///
    /// - Parameter unixSeconds: Seconds since 1970-01-01T00:00:00Z; values outside the years 0000 to 9999 become the
    ///   nearest time within them.
    /// - Returns: 20 ASCII characters.
    package static func format(_ unixSeconds: Int64) -> String {
        let fields = CivilTime(unixSeconds: unixSeconds)
        var text = FixedText(capacity: 20)
        text.append(fields.year, digits: 4)
        text.append("-")
        text.append(fields.month, digits: 2)
        text.append("-")
        text.append(fields.day, digits: 2)
        text.append("T")
        text.appendClock(fields)
        text.append("Z")
        return text.string
    }

    /// Formats a time as `yyyyMMddTHHmmssZ`, the form inside MNS signatures of version 4.
    ///
    /// - Parameter unixSeconds: As for ``format(_:)``.
    /// - Returns: 16 ASCII characters; the first eight are the day.
    package static func compact(_ unixSeconds: Int64) -> String {
        String(decoding: format(unixSeconds).utf8.filter { $0 != 0x2D && $0 != 0x3A }, as: UTF8.self)
    }

    /// Parses `yyyy-MM-ddTHH:mm:ssZ`, and nothing else.
    ///
    /// - Parameter text: Exactly 20 characters; no fraction, no offset, no blanks.
    /// - Returns: Seconds since 1970-01-01T00:00:00Z, or `nil` when the shape differs or a field is out of range.
    package static func parse(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count == 20, bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54, bytes[13] == 0x3A,
            bytes[16] == 0x3A, bytes[19] == 0x5A,
            let year = number(bytes[0..<4]), let month = number(bytes[5..<7]), let day = number(bytes[8..<10]),
            let hour = number(bytes[11..<13]), let minute = number(bytes[14..<16]), let second = number(bytes[17..<19])
        else { return nil }
        let time = CivilTime(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        return time?.unixSeconds
    }

    /// Formats a time as an HTTP date of RFC 1123, for example `Tue, 01 Jul 2025 08:00:00 GMT`.
    ///
    /// - Parameter unixSeconds: As for ``format(_:)``.
    /// - Returns: 29 ASCII characters.
    package static func httpDate(_ unixSeconds: Int64) -> String {
        let fields = CivilTime(unixSeconds: unixSeconds)
        var text = FixedText(capacity: 29)
        text.append(weekdays[fields.weekday])
        text.append(", ")
        text.append(fields.day, digits: 2)
        text.append(" ")
        text.append(months[fields.month - 1])
        text.append(" ")
        text.append(fields.year, digits: 4)
        text.append(" ")
        text.appendClock(fields)
        text.append(" GMT")
        return text.string
    }

    /// Parses an HTTP date of RFC 1123, and nothing else.
    ///
    /// - Parameter text: Exactly 29 characters such as `Tue, 01 Jul 2025 08:00:00 GMT`, English names with a capital.
    /// - Returns: Seconds since 1970-01-01T00:00:00Z, or `nil` when the shape differs, a field is out of range or the
    ///   day of the week does not belong to the date.
    package static func parseHTTPDate(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count == 29, bytes[3] == 0x2C, bytes[4] == 0x20, bytes[7] == 0x20, bytes[11] == 0x20,
            bytes[16] == 0x20, bytes[19] == 0x3A, bytes[22] == 0x3A, bytes[25..<29].elementsEqual(" GMT".utf8),
            let weekday = weekdays.firstIndex(where: { bytes[0..<3].elementsEqual($0.utf8) }),
            let month = months.firstIndex(where: { bytes[8..<11].elementsEqual($0.utf8) }),
            let day = number(bytes[5..<7]), let year = number(bytes[12..<16]),
            let hour = number(bytes[17..<19]), let minute = number(bytes[20..<22]), let second = number(bytes[23..<25])
        else { return nil }
        let time = CivilTime(year: year, month: month + 1, day: day, hour: hour, minute: minute, second: second)
        guard let time, time.weekday == weekday else { return nil }
        return time.unixSeconds
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        var value = 0
        for digit in digits {
            guard ASCII.isDigit(digit) else { return nil }
            value = value * 10 + Int(digit - 0x30)
        }
        return value
    }
}

/// ASCII text of a known length, built number by number.
private struct FixedText {
    private var bytes: [UInt8] = []

    init(capacity: Int) {
        bytes.reserveCapacity(capacity)
    }

    var string: String {
        String(decoding: bytes, as: UTF8.self)
    }

    mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    mutating func append(_ number: Int, digits: Int) {
        var divisor = digits == 4 ? 1000 : 10
        while divisor > 0 {
            bytes.append(0x30 + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }

    mutating func appendClock(_ time: CivilTime) {
        append(time.hour, digits: 2)
        append(":")
        append(time.minute, digits: 2)
        append(":")
        append(time.second, digits: 2)
    }
}
