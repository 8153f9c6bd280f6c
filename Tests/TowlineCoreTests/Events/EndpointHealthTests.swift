import Testing
import TowlineCore

@Suite("The health of an endpoint")
struct EndpointHealthTests {
    private static let start = Timestamp(milliseconds: 1_900_000_000_000)

    /// Three failures open the circuit; pauses of 5, 10, 20 and at most 30 s; ten hours disable.
    private static let rule: EndpointHealthRule = {
        var rule = EndpointHealthRule()
        rule.breakerFailures = 3
        rule.firstPause = .seconds(5)
        rule.longestPause = .seconds(30)
        rule.disableAfter = .seconds(36_000)
        return rule
    }()

    /// What an attempt told, and when it began and ended, in seconds.
    private struct Step {
        let signal: EndpointSignal
        let begun: Int
        let ended: Int

        init(_ signal: EndpointSignal, from begun: Int? = nil, at ended: Int) {
            self.signal = signal
            self.begun = begun ?? ended
            self.ended = ended
        }
    }

    private static let failure = EndpointSignal.failure(cause: "500")

    private func second(_ second: Int) -> Timestamp { Self.start + .seconds(second) }

    private func health(after steps: [Step]) -> EndpointHealth {
        var health = EndpointHealth()
        for step in steps {
            _ = health.note(step.signal, begun: second(step.begun), at: second(step.ended), rule: Self.rule)
        }
        return health
    }

    /// One row: attempts, and what follows.
    struct Expectation: Sendable, CustomTestStringConvertible {
        let testDescription: String
        fileprivate let steps: @Sendable () -> [(signal: EndpointSignal, begun: Int, ended: Int)]
        let failures: Int
        let pauses: Int
        /// Seconds after the start.
        let pausedUntil: Int?
        let isDisabled: Bool

        fileprivate init(
            _ description: String, _ steps: [(EndpointSignal, Int, Int)], failures: Int, pauses: Int,
            pausedUntil: Int?, isDisabled: Bool = false
        ) {
            testDescription = description
            self.steps = { steps.map { (signal: $0.0, begun: $0.1, ended: $0.2) } }
            self.failures = failures
            self.pauses = pauses
            self.pausedUntil = pausedUntil
            self.isDisabled = isDisabled
        }
    }

    static let table: [Expectation] = [
        Expectation("nothing follows from nothing", [(.none, 0, 0)], failures: 0, pauses: 0, pausedUntil: nil),
        Expectation("a success changes nothing", [(.success, 0, 1)], failures: 0, pauses: 0, pausedUntil: nil),
        Expectation(
            "fewer failures than open the circuit only count", [(failure, 0, 1), (failure, 1, 2)],
            failures: 2, pauses: 0, pausedUntil: nil),
        Expectation(
            "a success between failures starts the count anew",
            [(failure, 0, 1), (failure, 1, 2), (.success, 2, 3), (failure, 3, 4)],
            failures: 1, pauses: 0, pausedUntil: nil),
        Expectation(
            "failures in a row open the circuit", [(failure, 0, 1), (failure, 1, 2), (failure, 2, 3)],
            failures: 3, pauses: 1, pausedUntil: 8),
        Expectation(
            "what was under way when the pause began lengthens nothing",
            [(failure, 0, 1), (failure, 1, 2), (failure, 2, 3), (failure, 2, 4), (failure, 2, 9)],
            failures: 5, pauses: 1, pausedUntil: 8),
        Expectation(
            "a failure after the pause begins one twice as long",
            [(failure, 0, 1), (failure, 1, 2), (failure, 2, 3), (failure, 8, 9)],
            failures: 4, pauses: 2, pausedUntil: 19),
        Expectation(
            "pauses do not grow without end",
            [(failure, 0, 0), (failure, 0, 0), (failure, 0, 0)]
                + [(failure, 100, 100), (failure, 200, 200), (failure, 300, 300), (failure, 400, 400)],
            failures: 7, pauses: 5, pausedUntil: 430),
        Expectation(
            "a success ends a pause and its growth",
            [(failure, 0, 0), (failure, 0, 0), (failure, 0, 0), (.success, 0, 2)],
            failures: 0, pauses: 0, pausedUntil: nil),
        Expectation(
            "an answer that asks for less pauses at once", [(.slowDown(cause: "429", pause: nil), 0, 1)],
            failures: 1, pauses: 1, pausedUntil: 6),
        Expectation(
            "a receiver may name a longer pause than any of ours",
            [(.slowDown(cause: "429", pause: .seconds(600)), 0, 1)],
            failures: 1, pauses: 1, pausedUntil: 601),
        Expectation(
            "a receiver cannot shorten the pause",
            [(.slowDown(cause: "429", pause: .seconds(1)), 0, 1)],
            failures: 1, pauses: 1, pausedUntil: 6),
        Expectation(
            "a pause asked for while paused lengthens it and is not another one",
            [
                (.slowDown(cause: "429", pause: nil), 0, 1),
                (.slowDown(cause: "429", pause: .seconds(60)), 0, 2),
                (.slowDown(cause: "429", pause: .seconds(3)), 0, 3),
                (.slowDown(cause: "503", pause: nil), 0, 4),
            ],
            failures: 4, pauses: 1, pausedUntil: 62),
        Expectation(
            "any failure of a probe begins the next pause",
            [(.slowDown(cause: "429", pause: nil), 0, 1), (failure, 6, 7)],
            failures: 2, pauses: 2, pausedUntil: 17),
        Expectation(
            "a receiver that is gone disables", [(.gone(cause: "410"), 0, 1)],
            failures: 1, pauses: 0, pausedUntil: nil, isDisabled: true),
        Expectation(
            "a late success leaves it disabled", [(.gone(cause: "410"), 0, 1), (.success, 0, 2)],
            failures: 0, pauses: 0, pausedUntil: nil, isDisabled: true),
        Expectation(
            "failures over a long time disable",
            [(failure, 0, 0), (failure, 0, 0), (failure, 0, 0), (failure, 36_000, 36_000)],
            failures: 4, pauses: 2, pausedUntil: 36_010, isDisabled: true),
        Expectation(
            "a moment less does not",
            [(failure, 0, 0), (failure, 0, 0), (failure, 0, 0), (failure, 35_999, 35_999)],
            failures: 4, pauses: 2, pausedUntil: 36_009),
        Expectation(
            "two failures far apart do not", [(failure, 0, 0), (failure, 80_000, 80_000)],
            failures: 2, pauses: 0, pausedUntil: nil),
        Expectation(
            "answers that ask for less disable as well after that time",
            [
                (.slowDown(cause: "503", pause: nil), 0, 0), (.slowDown(cause: "503", pause: nil), 5, 5),
                (.slowDown(cause: "503", pause: nil), 36_000, 36_000),
            ],
            failures: 3, pauses: 3, pausedUntil: 36_020, isDisabled: true),
        Expectation(
            "what is only observed counts and has no consequence",
            (0..<20).map { (.observed(cause: "500"), $0 * 36_000, $0 * 36_000) },
            failures: 20, pauses: 0, pausedUntil: nil),
    ]

    @Test("signals and what follows", arguments: table)
    func follows(row: Expectation) {
        let health = health(after: row.steps().map { Step($0.signal, from: $0.begun, at: $0.ended) })
        #expect(health.failures == row.failures)
        #expect(health.pauses == row.pauses)
        #expect(health.pausedUntil == row.pausedUntil.map { second($0) })
        #expect(health.isDisabled == row.isDisabled)
        #expect(health.isProbing == (row.pauses > 0))
    }

    @Test("a note says whether anything changed")
    func changes() {
        var health = EndpointHealth()
        let signals: [EndpointSignal] = [.none, .success, .observed(cause: "500"), .success, .success]
        let changes = signals.map { health.note($0, at: Self.start, rule: Self.rule) }
        #expect(changes == [false, false, true, true, false])
        #expect(health == EndpointHealth())
    }

    @Test("the first failure and the last cause are kept")
    func causes() {
        let failing = health(after: [
            Step(.failure(cause: "500"), at: 1), Step(.observed(cause: "timeout"), at: 2),
        ])
        #expect(failing.failingSince == second(1))
        #expect(failing.lastCause == "timeout")
    }

    @Test("the first reason of being disabled stays, and enabling makes all new")
    func reasons() {
        var health = health(after: [Step(.gone(cause: "410 Gone"), at: 1)])
        health.disable("by an operator", at: second(2))
        #expect(health.disabledAt == second(1))
        #expect(health.disabledReason == "410 Gone")
        health.enable()
        #expect(health == EndpointHealth())
        health.disable("by an operator", at: second(3))
        #expect(health.disabledReason == "by an operator")
    }

    @Test("being disabled after a long time says since when and why")
    func overdueReason() throws {
        let disabled = health(after: [0, 0, 0, 36_000].map { Step(.failure(cause: "connection refused"), at: $0) })
        let reason = try #require(disabled.disabledReason)
        #expect(reason == "no success since \(Self.start); last: connection refused")
    }

    @Test("pauses double from the first up to the longest", arguments: [(0, 5), (1, 10), (2, 20), (3, 30), (64, 30)])
    func pauses(before: Int, seconds: Int) {
        #expect(Self.rule.pause(after: before) == .seconds(seconds))
    }

    @Test("a first pause above the longest is cut, and no number of pauses is too small")
    func oddRules() {
        var rule = EndpointHealthRule()
        rule.firstPause = .seconds(600)
        #expect(rule.pause(after: 0) == .seconds(300))
        #expect(rule.pause(after: -1) == .seconds(300))
    }
}
