import Testing

@testable import TowlineWorker

@Suite("When a transfer writes down how far it is")
struct CheckpointPlanTests {
    @Test("it begins at half the interval and waits at the whole one")
    func bytes() {
        var plan = CheckpointPlan(bytes: 1000, time: .seconds(30), recorded: 0, now: .zero)
        #expect(plan.step(position: 499, now: .zero) == .goOn)
        #expect(plan.step(position: 500, now: .zero) == .begin)
        plan.begin(position: 500, now: .zero)
        #expect(plan.step(position: 999, now: .zero) == .goOn)
        #expect(plan.step(position: 1000, now: .zero) == .wait)
        plan.end()
        #expect(plan.step(position: 1000, now: .zero) == .begin)
        plan.begin(position: 1000, now: .zero)
        #expect(plan.step(position: 1499, now: .zero) == .goOn)
        #expect(plan.step(position: 1500, now: .zero) == .wait)
    }

    @Test(
        "however the checkpoints end, never more than the interval is not recorded", arguments: [1, 7, 100, 333, 500])
    func bound(chunk: Int) {
        var plan = CheckpointPlan(bytes: 1000, time: .seconds(3600), recorded: 0, now: .zero)
        var recorded: Int64 = 0
        var begun: Int64?
        for position in stride(from: Int64(chunk), to: 20_000, by: chunk) {
            switch plan.step(position: position, now: .zero) {
            case .goOn: break
            case .begin:
                plan.begin(position: position, now: .zero)
                begun = position
            case .wait:
                recorded = begun ?? recorded
                plan.end()
            }
            #expect(position - recorded < 1000 + Int64(chunk))
        }
        #expect(recorded > 0)
    }

    @Test("after its time it writes down less, unless it is next to nothing")
    func time() {
        var plan = CheckpointPlan(bytes: 1 << 30, time: .seconds(30), recorded: 100, now: .seconds(5))
        #expect(plan.step(position: 300_000, now: .seconds(34)) == .goOn)
        #expect(plan.step(position: 300_000, now: .seconds(35)) == .begin)
        #expect(plan.step(position: 1000, now: .seconds(500)) == .goOn)
        plan.begin(position: 300_000, now: .seconds(35))
        plan.end()
        #expect(plan.step(position: 700_000, now: .seconds(64)) == .goOn)
        #expect(plan.step(position: 700_000, now: .seconds(65)) == .begin)
    }

    @Test("what a store left out of a checkpoint counts as not recorded")
    func partly() {
        var plan = CheckpointPlan(bytes: 1000, time: .seconds(30), recorded: 0, now: .zero)
        plan.begin(position: 500, now: .zero)
        plan.end(recorded: 300)
        #expect(plan.step(position: 999, now: .zero) == .goOn)
        #expect(plan.step(position: 1000, now: .zero) == .begin)
        plan.begin(position: 1000, now: .zero)
        #expect(plan.step(position: 1299, now: .zero) == .goOn)
        #expect(plan.step(position: 1300, now: .zero) == .wait)
        plan.end(recorded: 200)
        plan.begin(position: 1300, now: .zero)
        #expect(plan.step(position: 1300, now: .zero) == .wait)
    }

    @Test("an interval of zero means none")
    func off() {
        let plan = CheckpointPlan(bytes: 0, time: .zero, recorded: 0, now: .zero)
        #expect(plan.step(position: 1 << 40, now: .seconds(1000)) == .goOn)
    }

    @Test("starting anew starts the count anew")
    func restart() {
        var plan = CheckpointPlan(bytes: 1000, time: .seconds(30), recorded: 5000, now: .zero)
        plan.restart(now: .zero)
        #expect(plan.step(position: 499, now: .zero) == .goOn)
        #expect(plan.step(position: 500, now: .zero) == .begin)
    }
}
