import Testing
import TowlineCore
import TowlineQueue

private let start = Timestamp(milliseconds: 1_900_000_000_000)

@Suite("receipt handles as text")
struct ReceiptKeyTests {
    private let key = ReceiptKey(bytes: [UInt8](repeating: 7, count: 32))
    private let account = AccountID("1000000000000001")
    private let handle = ReceiptHandle(message: 42, receive: -9, revision: 3, validUntil: start)

    private func queue(_ name: String = "orders", account: String? = nil) throws -> QueueAddress {
        QueueAddress(account: account.map { AccountID($0) } ?? self.account, name: try QueueName(name))
    }

    private func refusal(
        _ text: String, queue: String = "orders", account: String? = nil, key: ReceiptKey? = nil
    )
        throws -> QueueError.Code?
    {
        do {
            _ = try (key ?? self.key).handle(
                from: text, of: try self.queue(queue, account: account))
            return nil
        } catch let error as QueueError {
            return error.code
        }
    }

    @Test("what was made can be read, and is safe in a query")
    func roundTrip() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            let handle = ReceiptHandle(
                message: .random(in: 1 ... .max, using: &random), receive: .random(in: .min ... .max, using: &random),
                revision: .random(in: 0...70_000, using: &random),
                validUntil: start + .milliseconds(.random(in: 0...43_200_000, using: &random)))
            let text = key.text(of: handle, in: try queue())
            #expect(try key.handle(from: text, of: try queue()) == handle)
            #expect(text.utf8.count == 58)
            #expect(
                text.utf8.allSatisfy { byte in
                    let character = Character(UnicodeScalar(byte))
                    return character.isASCII && (character.isLetter || character.isNumber || "-_".contains(character))
                })
        }
    }

    @Test("a handle is good for its queue, its account and its installation only")
    func bound() throws {
        let text = key.text(of: handle, in: try queue())
        #expect(try refusal(text) == nil)
        #expect(try refusal(text, queue: "orders2") == .handleInvalid)
        #expect(try refusal(text, account: "1000000000000002") == .handleInvalid)
        #expect(try refusal(text, key: ReceiptKey(bytes: [UInt8](repeating: 8, count: 32))) == .handleInvalid)
    }

    @Test("every altered character is noticed")
    func altered() throws {
        let text = Array(key.text(of: handle, in: try queue()))
        for index in text.indices {
            for replacement: Character in ["A", "b", "0", "-"] where text[index] != replacement {
                var other = text
                other[index] = replacement
                #expect(try refusal(String(other)) == .handleInvalid, "at \(index)")
            }
        }
    }

    @Test(
        "anything else is refused",
        arguments: [
            "", "1", "1-", "x", "1-AAAA", "ä", "1-" + String(repeating: "A", count: 56),
            "1-" + String(repeating: "A", count: 57), "1-" + String(repeating: "=", count: 56),
            String(repeating: "1-", count: 100_000),
        ])
    func garbage(text: String) throws {
        #expect(try refusal(text) == .handleInvalid)
    }

    @Test("a handle with something behind it is refused")
    func trailing() throws {
        let text = key.text(of: handle, in: try queue())
        for tail in ["A", "AAAA", "AAAAAAAA", "=", " "] {
            #expect(try refusal(text + tail) == .handleInvalid)
        }
    }
}

@Suite("how receipt handles go stale")
struct ReceiptHandleTests {
    private let attributes = QueueAttributes()

    /// What a handle is refused with; nil when it is good.
    private func verdict(
        _ handle: ReceiptHandle, _ use: ReceiptHandle.Use, _ timing: MessageTiming?, at now: Timestamp
    ) -> QueueError.Code? {
        do {
            try handle.validate(for: use, of: timing, at: now, in: attributes)
            return nil
        } catch {
            return error.code
        }
    }

    private func received(at now: Timestamp = start, number: Int64 = 2) -> MessageTiming {
        var timing = MessageTiming(sentAt: start, delay: .zero, receive: 1)
        timing.receive(at: now, visibility: .seconds(30), number: number)
        return timing
    }

    @Test("a handle is good until the message's next visible time", arguments: ReceiptHandle.Use.allCases)
    func time(use: ReceiptHandle.Use) {
        let timing = received()
        let handle = ReceiptHandle(message: 1, timing: timing)
        #expect(verdict(handle, use, timing, at: start) == nil)
        #expect(verdict(handle, use, timing, at: start + .milliseconds(29_999)) == nil)
        #expect(verdict(handle, use, timing, at: start + .seconds(30)) == .messageMissing)
        #expect(verdict(handle, use, nil, at: start) == .messageMissing)
    }

    @Test("the handle of a delayed send is good at once", arguments: ReceiptHandle.Use.allCases)
    func delayed(use: ReceiptHandle.Use) {
        let timing = MessageTiming(sentAt: start, delay: .seconds(60), receive: 1)
        let handle = ReceiptHandle(message: 1, timing: timing)
        #expect(verdict(handle, use, timing, at: start) == nil)
        #expect(verdict(handle, use, timing, at: start + .seconds(60)) == .messageMissing)
    }

    @Test("the next receive makes the handles before it void", arguments: ReceiptHandle.Use.allCases)
    func nextReceive(use: ReceiptHandle.Use) {
        var timing = received()
        let first = ReceiptHandle(message: 1, timing: timing)
        timing.changeVisibility(at: start, to: .seconds(1))
        timing.receive(at: start + .seconds(2), visibility: .seconds(30), number: 3)
        #expect(verdict(first, use, timing, at: start + .seconds(3)) == .messageMissing)
        #expect(verdict(ReceiptHandle(message: 1, timing: timing), use, timing, at: start + .seconds(3)) == nil)
    }

    @Test("after a change of visibility the old handle still deletes, until its old time, and changes nothing more")
    func replaced() {
        var timing = received()
        let old = ReceiptHandle(message: 1, timing: timing)
        timing.changeVisibility(at: start + .seconds(1), to: .seconds(300))
        let new = ReceiptHandle(message: 1, timing: timing)
        let now = start + .seconds(2)
        #expect(verdict(old, .delete, timing, at: now) == nil)
        #expect(verdict(old, .changeVisibility, timing, at: now) == .handleInvalid)
        #expect(verdict(new, .delete, timing, at: now) == nil)
        #expect(verdict(new, .changeVisibility, timing, at: now) == nil)
        #expect(verdict(old, .delete, timing, at: start + .seconds(30)) == .messageMissing)
        #expect(verdict(new, .delete, timing, at: start + .seconds(30)) == nil)
    }

    @Test("no handle is good once the message is to be seen again")
    func shortened() {
        var timing = received()
        let old = ReceiptHandle(message: 1, timing: timing)
        timing.changeVisibility(at: start, to: .seconds(1))
        #expect(verdict(old, .delete, timing, at: start + .seconds(1)) == .messageMissing)
    }

    @Test("no handle is good for an expired message")
    func expired() {
        var timing = MessageTiming(sentAt: start - attributes.retention, delay: .zero, receive: 1)
        timing.receive(at: start, visibility: .seconds(30), number: 2)
        let handle = ReceiptHandle(message: 1, timing: timing)
        #expect(verdict(handle, .delete, timing, at: start) == nil)
        #expect(verdict(handle, .delete, timing, at: start + .milliseconds(1)) == .messageMissing)
    }
}
