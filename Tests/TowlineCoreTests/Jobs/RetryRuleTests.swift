import Testing
import TowlineCore

@Suite("When a pull is tried again")
struct RetryRuleTests {
    private let rule = RetryRule(attempts: 5)
    private let passing = JobFailure(.sourceUnavailable, "HTTP 503")

    @Test("waits grow threefold up to the longest", arguments: [(1, 1.0), (2, 3.0), (3, 9.0), (4, 27.0)])
    func growth(fruitless: Int, seconds: Double) {
        #expect(
            rule.decide(after: passing, fruitless: fruitless, remaining: .seconds(1000), random: 1)
                == .retry(after: .seconds(seconds)))
        let generous = RetryRule(attempts: 100)
        #expect(
            generous.decide(after: passing, fruitless: 50, remaining: .seconds(1000), random: 1)
                == .retry(after: .seconds(300)))
    }

    @Test("jitter takes away half of a wait at most")
    func jitter() {
        #expect(
            rule.decide(after: passing, fruitless: 1, remaining: .seconds(1000), random: 0)
                == .retry(after: .milliseconds(500)))
    }

    @Test("the last attempt, a lasting cause and the end of the run's time give up")
    func givingUp() {
        #expect(rule.decide(after: passing, fruitless: 5, remaining: .seconds(1000), random: 0) == .giveUp)
        #expect(rule.decide(after: passing, fruitless: 1, remaining: .milliseconds(400), random: 1) == .giveUp)
        for code in FailureCode.allCases where !code.isRetryable {
            let failure = JobFailure(code, "")
            #expect(rule.decide(after: failure, fruitless: 1, remaining: .seconds(1000), random: 0) == .giveUp)
        }
    }
}
