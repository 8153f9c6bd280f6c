import Testing
import TowlineCore
import TowlineStore

@testable import TowlineDelivery

@Suite("What follows an attempt")
struct AttemptOutcomeTests {
    private static let url = "https://hook.example.com/"
    private let rule = OutcomeRule(durable: .durable, maxRetryAfter: .seconds(3600))

    private func outcome(
        _ status: Int, _ headers: [EventHeader] = [], attempt: Int = 1, policy: DeliveryPolicy.Name = .durable,
        origin: DeliveryOrigin = .event, random: Double = 0
    ) -> AttemptOutcome {
        rule.outcome(
            of: .answered(EventAnswer(status: status, headers: headers)),
            for: TestDelivery.claim(Self.url, attempt: attempt, policy: policy, origin: origin),
            now: TestDelivery.now, random: random)
    }

    @Test("jitter lengthens a wait of durable by up to a tenth and leaves exact alone")
    func jitter() {
        #expect(outcome(500, random: 0.5).next == .retry(after: .seconds(5) * 1.05))
        #expect(outcome(500, policy: .exact, random: 0.5).next == .retry(after: .seconds(1)))
    }

    @Test("a Retry-After that is shorter than the schedule's wait does not shorten it")
    func shortRetryAfter() {
        let headers = [EventHeader("Retry-After", "60")]
        #expect(outcome(429, headers, attempt: 1).next == .retry(after: .seconds(60)))
        #expect(outcome(429, headers, attempt: 3).next == .retry(after: .seconds(120)))
    }

    @Test("exact dies with its third attempt, durable with its twelfth, whatever was asked for")
    func last() {
        guard case .dead(let exact) = outcome(500, attempt: 3, policy: .exact).next,
            case .dead(let durable) = outcome(503, [EventHeader("Retry-After", "5")], attempt: 12).next
        else {
            Issue.record("not dead")
            return
        }
        #expect(exact == "the receiver answered 500; only 200 counts; this was attempt 3, the last (exact)")
        #expect(durable == "the receiver answered 503; this was attempt 12, the last (durable)")
        #expect(
            outcome(503, [EventHeader("Retry-After", "5")], attempt: 12).signal
                == .slowDown(cause: "the receiver answered 503", pause: .seconds(5)))
    }

    @Test(
        "what an operator sends again says nothing about the endpoint",
        arguments: [200, 410, 429, 500], [DeliveryOrigin.redelivery, .replay(ReplayID(rawValue: 1))])
    func again(status: Int, origin: DeliveryOrigin) {
        for policy in DeliveryPolicy.Name.allCases {
            let outcome = outcome(status, policy: policy, origin: origin)
            #expect(outcome.signal == .none)
            if status == 200 {
                #expect(outcome.next == .delivered)
            } else {
                // 410 as well: nothing would ever take it up again while the endpoint is enabled.
                #expect(outcome.next == .retry(after: policy == .exact ? .seconds(1) : .seconds(5)))
            }
        }
    }

    @Test("a queue's verdicts follow the policies, but what it can never take is dead at once and says nothing of it")
    func queues() {
        func outcome(
            _ verdict: QueueVerdict, _ policy: DeliveryPolicy.Name, attempt: Int = 1, origin: DeliveryOrigin = .event
        ) -> AttemptOutcome {
            rule.outcome(
                of: .queued(
                    verdict, answer: EventAnswer(status: 429, headers: [EventHeader("Retry-After", "60")])),
                for: TestDelivery.claim(
                    to: .remoteQueue(endpoint: "http://mns.test", name: "q"), attempt: attempt, policy: policy,
                    origin: origin),
                now: TestDelivery.now, random: 0)
        }
        let stored = QueueVerdict.stored(messageID: "m")
        for policy in DeliveryPolicy.Name.allCases {
            #expect(outcome(stored, policy) == AttemptOutcome(next: .delivered, signal: .success))
            #expect(outcome(stored, policy, origin: .redelivery).signal == .none)
            for origin in [DeliveryOrigin.event, .redelivery] {
                #expect(
                    outcome(.refused(cause: "c"), policy, origin: origin)
                        == AttemptOutcome(next: .dead(reason: "c"), signal: .none, cause: "c"))
            }
            #expect(outcome(.failed(cause: "c"), policy, origin: .redelivery).signal == .none)
        }
        #expect(
            outcome(.busy(cause: "c"), .durable)
                == AttemptOutcome(
                    next: .retry(after: .seconds(60)), signal: .slowDown(cause: "c", pause: .seconds(60)), cause: "c"))
        #expect(
            outcome(.busy(cause: "c"), .exact)
                == AttemptOutcome(next: .retry(after: .seconds(1)), signal: .observed(cause: "c"), cause: "c"))
        #expect(
            outcome(.failed(cause: "c"), .durable)
                == AttemptOutcome(next: .retry(after: .seconds(5)), signal: .failure(cause: "c"), cause: "c"))
        #expect(
            outcome(.failed(cause: "c"), .exact, attempt: 3)
                == AttemptOutcome(
                    next: .dead(reason: "c; this was attempt 3, the last (exact)"), signal: .observed(cause: "c"),
                    cause: "c"))
    }

    @Test("an attempt that was interrupted leaves nothing behind", arguments: DeliveryPolicy.Name.allCases)
    func cancelled(policy: DeliveryPolicy.Name) {
        let outcome = rule.outcome(
            of: .cancelled, for: TestDelivery.claim(Self.url, policy: policy), now: TestDelivery.now, random: 0)
        #expect(outcome == AttemptOutcome(next: .released, signal: .none, cause: nil))
    }

    @Test("the schedule of durable is a setting")
    func schedule() {
        let rule = OutcomeRule(durable: .durable(waits: [.seconds(9)]), maxRetryAfter: .zero)
        let failed = EventExchange.Outcome.failed(cause: "no luck")
        let claim = TestDelivery.claim(Self.url)
        #expect(
            rule.outcome(of: failed, for: claim, now: TestDelivery.now, random: 0).next == .retry(after: .seconds(9)))
        #expect(
            rule.outcome(of: failed, for: TestDelivery.claim(Self.url, attempt: 2), now: TestDelivery.now, random: 0)
                .next
                == .dead(reason: "no luck; this was attempt 2, the last (durable)"))
    }

    @Test(
        "two-digit years lie at most 50 years ahead",
        arguments: [("Tuesday, 01-Jan-74 00:00:00 GMT", 2074), ("Tuesday, 01-Jan-80 00:00:00 GMT", 1980)])
    func century(_ text: String, year: Int) throws {
        let date = try #require(HTTPDate.parse(text, now: TestDelivery.now))
        #expect(date.description == "\(year)-01-01T00:00:00Z")
    }

    @Test(
        "what is no date is none",
        arguments: [
            "", "now", "Fri, 02 Jan 2026 03:05:05", "Fri, 02 Jan 2026 24:00:00 GMT", "Fri, 02 Foo 2026 03:05:05 GMT",
            "Fri, 02 Jan 2026 03:05 GMT", "Fri, 0x Jan 2026 03:05:05 GMT", "Fri, 02-Jan 03:05:05 GMT", "a b c d e",
        ])
    func noDate(_ text: String) {
        #expect(HTTPDate.parse(text, now: TestDelivery.now) == nil)
    }

    @Test("dates agree with the calendar over four hundred years")
    func calendar() throws {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        for year in stride(from: 1970, through: 2370, by: 1) {
            for (index, month) in months.enumerated() {
                let date = try #require(HTTPDate.parse("Mon, 28 \(month) \(year) 23:59:58 GMT", now: TestDelivery.now))
                let number = index + 1
                #expect(date.description == "\(year)-\(number < 10 ? "0" : "")\(number)-28T23:59:58Z")
            }
        }
    }

    @Test("secrets are masked by the names of their fields, and long heads are cut")
    func masks() {
        let secret = [
            "Set-Cookie", "authorization", "Proxy-Authenticate", "X-Auth-Token", "X-VOD-SIGNATURE", "webhook-signature",
            "Client-Secret", "Cookie", "X-Amz-Security-Token",
        ]
        let plain = ["Content-Type", "X-VOD-TIMESTAMP", "webhook-id", "Date", "ETag", "X-Token-Count"]
        let text = HeaderMask.text((secret + plain).map { EventHeader($0, "value") })
        for name in secret { #expect(text.contains("\(name): (masked)")) }
        for name in plain { #expect(text.contains("\(name): value")) }
        let long = HeaderMask.text((0..<1000).map { EventHeader("X-\($0)", String(repeating: "a", count: 80)) })
        #expect(long.utf8.count < HeaderMask.largestHead + 10)
        #expect(long.hasSuffix("…"))
    }
}
