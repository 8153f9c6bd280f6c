/// The ranges of the queue protocol.
///
/// Wire reference: mns-api 3.1, 4.1, 4.5 to 4.10 and 6.
package enum MNSLimits {
    /// How long a message stays hidden after it was sent.
    package static let delaySeconds = MNSNumber("DelaySeconds", 0...604_800, unit: "seconds")
    /// The longest message body, in bytes of UTF-8 as sent.
    package static let maximumMessageSize = MNSNumber("MaximumMessageSize", 1024...65_536, unit: "bytes")
    /// How long a message is kept; older clients go up to 15 days.
    package static let messageRetentionPeriod = MNSNumber("MessageRetentionPeriod", 60...1_296_000, unit: "seconds")
    /// How long a received message stays hidden.
    package static let visibilityTimeout = MNSNumber("VisibilityTimeout", 1...43_200, unit: "seconds")
    /// How long a receive waits if it does not say so itself.
    package static let pollingWaitSeconds = MNSNumber("PollingWaitSeconds", 0...30, unit: "seconds")
    /// How urgent a message is; 1 is most urgent.
    package static let priority = MNSNumber("Priority", 1...16)
    /// The priority of a message that does not say so itself.
    package static let defaultPriority = 8

    /// How long a receive waits.
    package static let waitSeconds = MNSNumber("waitseconds", 0...30, unit: "seconds")
    /// How many messages a batch receive or peek asks for.
    package static let numOfMessages = MNSNumber("numOfMessages", 1...16)
    /// How many queues a page of the list has.
    package static let listPageSize = MNSNumber("x-mns-ret-number", 1...1000)

    /// Most entries of a batch.
    package static let batchEntries = 16
    /// Most bytes of all message bodies of a batch together, and of one body.
    package static let bodyBytes = 65_536
    /// Most characters of a queue's name.
    package static let queueNameLength = 120

    /// Checks a queue's name: letters, digits and hyphens, the first a letter or digit.
    ///
    /// - Parameter name: The name, without escapes.
    /// - Throws: ``MNSError`` with `QueueNameLengthError` or `InvalidQueueName`.
    package static func checkQueueName(_ name: String) throws(MNSError) {
        let hyphen = UInt8(ascii: "-")
        let fits = name.utf8.allSatisfy { $0 == hyphen || ASCIIText.isDigit($0) || ASCIIText.isLetter($0) }
        guard fits, name.utf8.first != hyphen else { throw MNSError(.invalidQueueName) }
        guard (1...queueNameLength).contains(name.utf8.count) else { throw MNSError(.queueNameLengthError) }
    }
}

/// A whole number of the protocol: its name on the wire and its range.
package struct MNSNumber: Sendable, Hashable {
    /// The name of the element, parameter or header.
    package let name: String
    /// The values that are allowed.
    package let range: ClosedRange<Int>
    /// What is counted, in the plural; `nil` for a bare number.
    package let unit: String?

    init(_ name: String, _ range: ClosedRange<Int>, unit: String? = nil) {
        self.name = name
        self.range = range
        self.unit = unit
    }

    /// The rule in words: `DelaySeconds must be a whole number of seconds from 0 to 604800`.
    package var requirement: String {
        "\(name) must be a whole number\(unit.map { " of \($0)" } ?? "") from \(range.lowerBound) to \(range.upperBound)"
    }

    /// Parses a number of any size; the range is checked apart.
    ///
    /// - Parameter text: Decimal digits, perhaps with a sign and blanks around them.
    /// - Returns: The number.
    /// - Throws: ``MNSError`` with `InvalidArgument` that names the form and the range.
    package func parse(_ text: String) throws(MNSError) -> Int {
        guard let value = Int(ASCIIText.trimmed(text)) else { throw .invalid(requirement) }
        return value
    }

    /// Checks the range.
    ///
    /// - Parameter value: A number, or `nil`, which is in every range.
    /// - Throws: ``MNSError`` with `InvalidArgument` that names the range.
    package func check(_ value: Int?) throws(MNSError) {
        guard let value, !range.contains(value) else { return }
        throw .invalid("\(requirement), not \(value)")
    }

    /// Parses a number and checks its range.
    ///
    /// - Parameter text: As for ``parse(_:)``.
    /// - Returns: The number.
    /// - Throws: ``MNSError`` with `InvalidArgument`.
    package func parseInRange(_ text: String) throws(MNSError) -> Int {
        let value = try parse(text)
        try check(value)
        return value
    }
}
