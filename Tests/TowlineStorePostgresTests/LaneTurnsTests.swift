import Testing
import TowlineCore

@testable import TowlineStorePostgres

@Suite("the order of turns")
struct LaneTurnsTests {
    private let now = Timestamp(milliseconds: 1_000_000)

    @Test("a look from the first is over when it comes to the work at hand, however many lanes wait behind it")
    func sweep() {
        let turns = LaneTurns()
        turns.serve(100, of: .pull)
        #expect(turns.isSweepDue(.pull))
        turns.noteSweep(.pull, since: .now, at: now, last: 99)
        #expect(turns.isSweepDue(.pull) && turns.isMoreToSweep(.pull))
        turns.noteSweep(.pull, since: .now, at: now, last: 100)
        #expect(!turns.isSweepDue(.pull) && !turns.isMoreToSweep(.pull))
        turns.noteSweep(.pull, since: .now, at: now, last: nil)
        #expect(!turns.isSweepDue(.pull) && turns.isSweepDue(.deliver))
    }

    @Test("after a pause longer than looks go back, everything is looked at")
    func pause() {
        let turns = LaneTurns()
        turns.noteSweep(.pull, since: .now, at: now, last: nil)
        turns.noteLook(.pull, at: now + LaneTurns.overdue)
        #expect(!turns.isSweepDue(.pull))
        turns.noteLook(.pull, at: now + LaneTurns.overdue + LaneTurns.overdue + .milliseconds(1))
        #expect(turns.isSweepDue(.pull))
    }
}
