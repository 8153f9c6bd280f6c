import Synchronization
import Testing
import TowlineCore
import TowlineTesting

@testable import TowlineServer

@Suite("A look whether a part of the node works")
struct ReadinessProbeTests {
    private let clock = ManualClock()

    /// A probe with a limit of five seconds.
    private func probe(_ check: @escaping @Sendable () async throws -> Void) -> ReadinessProbe {
        ReadinessProbe(of: "the store", limit: .seconds(5), clock: clock, check: check)
    }

    @Test("says what the check says, each time anew")
    func answers() async throws {
        let isDown = Mutex(false)
        let probe = probe { if isDown.withLock({ $0 }) { throw ServerError("it is read-only") } }
        try await probe.ask()
        isDown.withLock { $0 = true }
        let error = await #expect(throws: ServerError.self) { try await probe.ask() }
        #expect(error?.description == "it is read-only")
        isDown.withLock { $0 = false }
        try await probe.ask()
    }

    @Test("gives up at its limit while the check hangs, shares it until then, and begins another afterwards")
    func limit() async throws {
        let goesOn = TestSignal()
        let checks = Mutex(0)
        let probe = probe {
            checks.withLock { $0 += 1 }
            await goesOn.wait()
        }
        let first = Task { try await probe.ask() }
        await clock.waitForSleepers(1)
        clock.advance(by: .seconds(1))
        let second = Task { try await probe.ask() }
        await clock.waitForSleepers(2)
        clock.advance(by: .seconds(5))
        for asked in [first, second] {
            let error = await #expect(throws: ServerError.self) { try await asked.value }
            #expect(error?.description == "the store has not answered within 5 s")
        }
        #expect(checks.withLock { $0 } == 1)
        let third = Task { try await probe.ask() }
        await clock.waitForSleepers(1)
        goesOn.fire()
        try await third.value
        #expect(checks.withLock { $0 } == 2)
    }

    @Test("leaves the check alone when a caller goes away")
    func cancellation() async throws {
        let begun = TestSignal()
        let goesOn = TestSignal()
        let probe = probe {
            begun.fire()
            await goesOn.wait()
            try Task.checkCancellation()
        }
        let gone = Task { try await probe.ask() }
        await begun.wait()
        gone.cancel()
        await #expect(throws: CancellationError.self) { try await gone.value }
        async let answer: Void = probe.ask()
        goesOn.fire()
        try await answer
    }
}
