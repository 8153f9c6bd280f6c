import Testing

@testable import TowlineDelivery

@Suite("The pace of claims")
struct ClaimPacerTests {
    @Test("the first look claims at once, and while nothing is due nothing is asked for")
    func idle() {
        var pacer = ClaimPacer(slots: 64)
        #expect(pacer.step(taken: 0, now: .seconds(1)) == .claim(64))
        pacer.claimed(0, nextDue: nil, now: .seconds(1))
        #expect(pacer.step(taken: 0, now: .seconds(2)) == .wait(.seconds(29)))
        pacer.signal()
        #expect(pacer.step(taken: 0, now: .seconds(3)) == .claim(64))
        pacer.claimed(1, nextDue: .seconds(7), now: .seconds(3))
        #expect(pacer.step(taken: 1, now: .seconds(3)) == .wait(.seconds(7)))
        #expect(pacer.step(taken: 1, now: .seconds(10)) == .claim(63))
    }

    @Test("a signal during a claim is not lost")
    func signalDuringClaim() {
        var pacer = ClaimPacer(slots: 8)
        #expect(pacer.step(taken: 0, now: .zero) == .claim(8))
        pacer.signal()
        pacer.claimed(0, nextDue: nil, now: .zero)
        #expect(pacer.step(taken: 0, now: .zero) == .claim(8))
    }

    @Test("with more to do, a claim waits for a quarter of the slots, but not for long")
    func batches() {
        var pacer = ClaimPacer(slots: 64)
        #expect(pacer.step(taken: 0, now: .zero) == .claim(64))
        pacer.claimed(64, nextDue: .zero, now: .zero)
        #expect(pacer.step(taken: 64, now: .zero) == .wait(ClaimPacer.longestWait))
        #expect(pacer.step(taken: 50, now: .zero) == .wait(.milliseconds(2)))
        #expect(pacer.step(taken: 49, now: .milliseconds(1)) == .wait(.milliseconds(1)))
        #expect(pacer.step(taken: 48, now: .milliseconds(1)) == .claim(16))
        pacer.claimed(16, nextDue: .zero, now: .milliseconds(1))
        #expect(pacer.step(taken: 63, now: .milliseconds(1)) == .wait(.milliseconds(2)))
        #expect(pacer.step(taken: 63, now: .milliseconds(3)) == .claim(1))
    }

    @Test("one claim takes no more than fits into a short write")
    func largest() {
        var pacer = ClaimPacer(slots: 4096)
        #expect(pacer.step(taken: 0, now: .zero) == .claim(ClaimPacer.largestClaim))
        #expect(pacer.worthwhile == ClaimPacer.largestClaim)
    }

    @Test("a store that says there is more and gives nothing is not asked without a pause")
    func nothingFound() {
        var pacer = ClaimPacer(slots: 4)
        _ = pacer.step(taken: 0, now: .zero)
        pacer.claimed(0, nextDue: .zero, now: .zero)
        #expect(pacer.step(taken: 0, now: .zero) == .wait(ClaimPacer.afterNothing))
    }

    @Test("after a failed claim there is a pause")
    func failure() {
        var pacer = ClaimPacer(slots: 4)
        _ = pacer.step(taken: 0, now: .zero)
        pacer.failed(now: .zero)
        #expect(pacer.step(taken: 0, now: .zero) == .wait(.seconds(1)))
        #expect(pacer.step(taken: 0, now: .seconds(1)) == .claim(4))
    }

    @Test("only the first free slot, a quarter of them and the last are news")
    func news() {
        let pacer = ClaimPacer(slots: 64)
        #expect(pacer.isNews(from: 64, to: 63))
        #expect(!pacer.isNews(from: 63, to: 50))
        #expect(pacer.isNews(from: 50, to: 47))
        #expect(!pacer.isNews(from: 47, to: 1))
        #expect(pacer.isNews(from: 1, to: 0))
    }
}
