/// Reads `Retry-After` (RFC 9110 section 10.2.3).
package enum RetryAfter {
    /// How long a server asks to be left alone.
    ///
    /// Seconds or an HTTP date, which is held against the wall clock; a date that is past asks for nothing. Of several
    /// values the largest counts; what is neither is ignored.
    ///
    /// - Parameters:
    ///   - values: Every such field of the answer.
    ///   - now: The wall clock.
    ///   - limit: The longest wait that is accepted.
    /// - Returns: At least zero and at most the limit; nil when nothing usable is there.
    package static func wait(
        in values: some Sequence<String>, now: Timestamp, atMost limit: Duration
    ) -> Duration? {
        var longest: Duration?
        for value in values {
            for wait in waits(value, now: now) { longest = max(longest ?? wait, wait) }
        }
        return longest.map { min(max($0, .zero), max(limit, .zero)) }
    }

    /// The waits of one field: usually one, several where somebody joined fields by commas.
    private static func waits(_ value: String, now: Timestamp) -> [Duration] {
        if let date = HTTPDate.parse(value, now: now) { return [date - now] }
        let parts = value.split(separator: ",").map { $0.drop { $0 == " " } }.map { part in
            part.last == " " ? part.dropLast() : part
        }
        let waits = parts.compactMap(seconds)
        return waits.count == parts.count ? waits : []
    }

    private static func seconds(_ digits: Substring) -> Duration? {
        guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        // More digits than a number of seconds ever has are simply very long.
        return .seconds(Int64(digits.drop { $0 == "0" }.prefix(12)) ?? 0)
    }
}

/// Reads the three forms of an HTTP date (RFC 9110 section 5.6.7).
package enum HTTPDate {
    private static let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    private static let months = [
        "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6, "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11,
        "Dec": 12,
    ]

    /// Reads a date; nil for anything else.
    ///
    /// - Parameters:
    ///   - text: Such as `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or
    ///     `Sun Nov  6 08:49:37 1994`.
    ///   - now: Says which century two digits mean: at most 50 years ahead.
    /// - Returns: The moment; nil for a text of another form.
    package static func parse(_ text: String, now: Timestamp) -> Timestamp? {
        let words = text.split(separator: " ")
        switch words.count {
        case 6 where words[5] == "GMT" && words[0].last == ",":
            return moment(day: words[1], month: words[2], year: words[3], time: words[4], now: now)
        case 4 where words[3] == "GMT" && words[0].last == ",":
            let date = words[1].split(separator: "-")
            guard date.count == 3 else { return nil }
            return moment(day: date[0], month: date[1], year: date[2], time: words[2], now: now)
        case 5: return moment(day: words[2], month: words[1], year: words[4], time: words[3], now: now)
        default: return nil
        }
    }

    /// Reads the preferred form alone, such as `Sun, 06 Nov 1994 08:49:37 GMT`; nil for anything else.
    package static func parsePreferred(_ text: String) -> Timestamp? {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 6, words[0].utf8.count == 4, words[0].last == ",",
            days.contains(String(words[0].prefix(3))), words[1].utf8.count == 2, words[3].utf8.count == 4,
            words[5] == "GMT"
        else { return nil }
        // Four digits of a year need no century.
        return moment(
            day: words[1], month: words[2], year: words[3], time: words[4], now: Timestamp(milliseconds: 0))
    }

    private static func moment(
        day: Substring, month: Substring, year: Substring, time: Substring, now: Timestamp
    ) -> Timestamp? {
        let clock = time.split(separator: ":", omittingEmptySubsequences: false).map { number($0, digits: 2...2) }
        guard let day = number(day, digits: 1...2), (1...31).contains(day), let month = months[String(month)],
            let year = fullYear(year, now: now), day <= lastDay(of: month, in: year), clock.count == 3,
            let hour = clock[0], let minute = clock[1],
            let second = clock[2], hour < 24, minute < 60, second <= 60
        else { return nil }
        let days = daysSince1970(year: year, month: month, day: day)
        return Timestamp(milliseconds: (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
    }

    private static func lastDay(of month: Int, in year: Int64) -> Int64 {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func fullYear(_ text: Substring, now: Timestamp) -> Int64? {
        guard text.utf8.count == 2, let short = number(text, digits: 2...2) else { return number(text, digits: 4...4) }
        let thisYear = 1970 + now.milliseconds / 31_556_952_000
        let year = thisYear - thisYear % 100 + short
        return year > thisYear + 50 ? year - 100 : year
    }

    private static func number(_ text: Substring, digits: ClosedRange<Int>) -> Int64? {
        guard digits.contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        return Int64(text)
    }

    /// The number of a day in the Gregorian calendar, counted in years that begin in March.
    private static func daysSince1970(year: Int64, month: Int, day: Int64) -> Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let marchMonth = Int64(month <= 2 ? month + 9 : month - 3)
        let leapDays = marchYear / 4 - marchYear / 100 + marchYear / 400
        return marchYear * 365 + leapDays + (marchMonth * 153 + 2) / 5 + day - 1 - 719_468
    }
}
