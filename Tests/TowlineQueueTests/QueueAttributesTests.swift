import Testing
import TowlineCore
import TowlineQueue

@Suite("the attributes of a queue")
struct QueueAttributesTests {
    /// One settable attribute with the ends of its range.
    struct Range: Sendable, CustomTestStringConvertible {
        let limit: QueueLimit
        let lowest: Int
        let highest: Int
        let set: @Sendable (inout QueueAttributeChanges, Int) -> Void

        var testDescription: String { limit.name }
    }

    static let ranges = [
        Range(limit: .delay, lowest: 0, highest: 604_800) { $0.delay = .seconds($1) },
        Range(limit: .maximumMessageSize, lowest: 1024, highest: 65_536) { $0.maximumMessageBytes = $1 },
        Range(limit: .retention, lowest: 60, highest: 1_296_000) { $0.retention = .seconds($1) },
        Range(limit: .visibility, lowest: 1, highest: 43_200) { $0.visibilityTimeout = .seconds($1) },
        Range(limit: .pollingWait, lowest: 0, highest: 30) { $0.pollingWait = .seconds($1) },
    ]

    @Test("every attribute takes the ends of its range and nothing beyond, and says so", arguments: ranges)
    func ends(_ range: Range) {
        func refusal(of value: Int) -> QueueError? {
            var changes = QueueAttributeChanges()
            range.set(&changes, value)
            do {
                try changes.validate()
                return nil
            } catch {
                return error
            }
        }
        #expect(refusal(of: range.lowest) == nil)
        #expect(refusal(of: range.highest) == nil)
        for value in [range.lowest - 1, range.highest + 1, -1, 1 << 40] {
            let error = refusal(of: value)
            #expect(error?.code == .argumentInvalid, "\(value)")
            let sentence = "\(range.limit.name) is \(value); allowed are \(range.lowest) to \(range.highest) "
            #expect(error?.message.hasPrefix(sentence) == true, "\(error?.message ?? "accepted")")
        }
    }

    @Test("times are whole seconds")
    func wholeSeconds() {
        var changes = QueueAttributeChanges()
        changes.visibilityTimeout = .milliseconds(1500)
        #expect(throws: QueueError.self) { try changes.validate() }
    }

    @Test("the defaults are those of the reference and are allowed")
    func defaults() throws {
        let attributes = QueueAttributes()
        #expect(attributes.delay == .zero)
        #expect(attributes.maximumMessageBytes == 65_536)
        #expect(attributes.retention == .seconds(345_600))
        #expect(attributes.visibilityTimeout == .seconds(30))
        #expect(attributes.pollingWait == .zero)
        #expect(!attributes.isLoggingEnabled)
        try QueueAttributeChanges(attributes).validate()
    }

    @Test("a partial update leaves the rest as it is")
    func partialUpdate() {
        var attributes = QueueAttributes()
        attributes.delay = .seconds(5)
        attributes.isLoggingEnabled = true
        var changes = QueueAttributeChanges()
        changes.visibilityTimeout = .seconds(77)
        var expected = attributes
        expected.visibilityTimeout = .seconds(77)
        #expect(changes.applied(to: attributes) == expected)
        #expect(QueueAttributeChanges().applied(to: attributes) == attributes)
        #expect(QueueAttributeChanges(attributes).applied(to: QueueAttributes()) == attributes)
    }

    @Test("what a create request leaves out is no difference to a queue that is there")
    func creation() throws {
        let name = try QueueName("q")
        var stored = QueueAttributes()
        stored.delay = .seconds(5)
        #expect(try QueueCreation(of: name, request: QueueAttributeChanges(), existing: nil) == .created)
        #expect(try QueueCreation(of: name, request: QueueAttributeChanges(), existing: stored) == .unchanged)
        #expect(try QueueCreation(of: name, request: QueueAttributeChanges(stored), existing: stored) == .unchanged)
        var other = QueueAttributeChanges()
        other.delay = .seconds(6)
        other.isLoggingEnabled = true
        other.retention = stored.retention
        let error = #expect(throws: QueueError.self) {
            _ = try QueueCreation(of: name, request: other, existing: stored)
        }
        #expect(error?.code == .queueExists)
        #expect(error?.message.contains("DelaySeconds, LoggingEnabled") == true)
    }

    @Test("each attribute that differs is named", arguments: ranges)
    func differences(_ range: Range) {
        var changes = QueueAttributeChanges()
        range.set(&changes, range.lowest + 7)
        #expect(changes.differences(from: QueueAttributes()) == [range.limit.name])
    }

    @Test(
        "queue names have letters, digits and hyphens, first a letter or digit, and at most 120 characters",
        arguments: [
            ("a", QueueError.Code?.none), ("Z-9", nil), ("0queue", nil), (String(repeating: "q", count: 120), nil),
            ("", .nameLength), (String(repeating: "q", count: 121), .nameLength), ("-a", .nameInvalid),
            ("a_b", .nameInvalid), ("a b", .nameInvalid), ("a/b", .nameInvalid), ("ä", .nameInvalid),
            ("a\0", .nameInvalid), ("a%41", .nameInvalid),
        ])
    func names(text: String, refusal: QueueError.Code?) {
        var found: QueueError.Code?
        do {
            #expect(try QueueName(text).description == text)
        } catch {
            found = error.code
        }
        #expect(found == refusal)
    }

    @Test("a dead-letter policy has a sensible limit and another queue as its target")
    func deadLetters() throws {
        let name = try QueueName("q")
        let target = try QueueName("dead")
        try DeadLetterPolicy(maxReceives: 1, target: target).validate(for: name)
        for policy in [
            DeadLetterPolicy(maxReceives: 0, target: target), DeadLetterPolicy(maxReceives: 1001, target: target),
            DeadLetterPolicy(maxReceives: 3, target: name),
        ] {
            #expect(throws: QueueError.self) { try policy.validate(for: name) }
        }
        let policy = DeadLetterPolicy(maxReceives: 3, target: target)
        #expect(!policy.condemns(dequeueCount: 2))
        #expect(policy.condemns(dequeueCount: 3))
    }
}
