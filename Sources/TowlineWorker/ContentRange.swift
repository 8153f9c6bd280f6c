import TowlineCore

/// A `Content-Range` field with the unit `bytes` (RFC 9110 14.4): the part, the length of the whole, or both.
struct ContentRange: Hashable {
    /// The bytes that follow; nil in an answer that has none (416).
    let part: ClosedRange<Int64>?
    /// The length of the whole file; nil where the source does not say.
    let total: Int64?

    /// Reads one field; nil unless it is well-formed and makes sense.
    init?(_ text: String) {
        let words = text.split(separator: " ", omittingEmptySubsequences: true)
        guard words.count == 2, words[0].lowercased() == "bytes" else { return nil }
        let halves = words[1].split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2 else { return nil }
        if halves[1] == "*" {
            total = nil
        } else {
            guard let number = Self.number(halves[1]) else { return nil }
            total = number
        }
        if halves[0] == "*" {
            guard total != nil else { return nil }
            part = nil
            return
        }
        let ends = halves[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]), first <= last,
            last < total ?? .max
        else { return nil }
        part = first...last
    }

    /// Reads the fields of an answer; nil unless there is exactly one.
    init?(_ fields: [String]) {
        guard fields.count == 1 else { return nil }
        self.init(fields[0])
    }

    private static func number(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text)
    }
}
