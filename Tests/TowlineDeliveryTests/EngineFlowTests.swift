import ServiceLifecycle
import ServiceLifecycleTestKit
import Testing
import TowlineCore
import TowlineDelivery
import TowlineStore
import TowlineTesting

@Suite("The flow of the delivery engine", .timeLimit(.minutes(5)))
struct EngineFlowTests {
    private func withEngine(
        _ store: MemoryDeliveryStore, _ sender: any EventSender, signals: StoreSignals = StoreSignals(),
        concurrency: Int = 8, clock: any MonotonicClock = SystemMonotonicClock(), grace: Duration = .seconds(6),
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        var configuration = DeliveryConfiguration(node: NodeID("test"))
        configuration.concurrency = concurrency
        configuration.grace = grace
        let engine = DeliveryEngine(
            store: store, signals: signals, sender: sender, configuration: configuration, clock: clock,
            wallClock: { TestDelivery.now }, random: { 0 }, logger: .silent)
        try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await engine.run() }
                try await body()
                trigger.triggerGracefulShutdown()
                try await group.waitForAll()
            }
        }
    }

    private func claims(_ numbers: ClosedRange<Int>) -> [ClaimedDelivery] {
        numbers.map { TestDelivery.claim("https://hook.test/", $0) }
    }

    private func ids(_ numbers: ClosedRange<Int>) -> [String] { numbers.map { TestDelivery.event($0).id.description } }

    @Test("slots are filled again while other attempts are running")
    func overlap() async throws {
        let store = MemoryDeliveryStore(claims(1...10))
        let sender = HeldSender()
        try await withEngine(store, sender) {
            await sender.arrived.wait { $0.count == 8 }
            #expect(store.state.value.limits == [8])
            // A quarter of the slots is worth a claim; six attempts are still under way.
            sender.release(ids(1...2))
            await sender.arrived.wait { $0.count == 10 }
            #expect(store.state.value.reports.count == 2)
            sender.release(ids(3...10))
            await store.state.wait { $0.reports.count == 10 }
        }
        #expect(store.state.value.reports.allSatisfy { $0.next == .delivered && $0.signal == .success })
        #expect(store.state.value.limits.dropFirst().reduce(0, +) >= 2)
    }

    @Test("a slot that becomes free alone is used as well")
    func oneSlot() async throws {
        let store = MemoryDeliveryStore(claims(1...9))
        let sender = HeldSender()
        try await withEngine(store, sender) {
            await sender.arrived.wait { $0.count == 8 }
            sender.release(ids(1...1))
            await sender.arrived.wait { $0.count == 9 }
            sender.release(ids(2...9))
            await store.state.wait { $0.reports.count == 9 }
        }
    }

    @Test("an idle engine asks for nothing until a signal, or for half a minute")
    func noPolling() async throws {
        let store = MemoryDeliveryStore()
        let signals = StoreSignals()
        let clock = ManualClock()
        let sender = ScriptedSender(["https://hook.test/": [.status(200)]])
        try await withEngine(store, sender, signals: signals, clock: clock) {
            await clock.waitForSleepers(1)
            clock.advance(by: .seconds(29))
            #expect(store.state.value.limits.count == 1)
            // Somebody else made these: no signal tells of them.
            store.state.update { $0.waiting = claims(1...1) }
            clock.advance(by: .seconds(1))
            await store.state.wait { $0.reports.count == 1 }
            store.state.update { $0.waiting = claims(2...2) }
            signals.send(.deliveriesDue)
            await store.state.wait { $0.reports.count == 2 }
            #expect(store.state.value.limits.count == 3)
        }
    }

    @Test("an outcome that cannot be recorded is tried again")
    func recordAgain() async throws {
        let store = MemoryDeliveryStore(claims(1...1))
        store.state.update { $0.failures = 2 }
        let clock = ManualClock()
        let sender = ScriptedSender(["https://hook.test/": [.status(200)]])
        try await withEngine(store, sender, clock: clock) {
            for _ in 0..<2 {
                // The engine's own wait, and the one before the next try.
                await clock.waitForSleepers(2)
                clock.advance(by: .seconds(1))
            }
            await store.state.wait { $0.reports.count == 1 }
        }
        #expect(store.state.value.groups.count == 1)
    }

    @Test("at a shutdown what ends within the grace is recorded, and the rest is given back")
    func shutdown() async throws {
        let url = "https://hook.test/"
        let store = MemoryDeliveryStore(claims(1...3))
        let sender = ScriptedSender([url: [.status(200), .hangs]])
        try await withEngine(store, sender, grace: .zero) {
            await store.state.wait { $0.reports.count == 1 }
            await sender.waitForRequests(3)
        }
        let reports = store.state.value.reports
        #expect(reports.count == 3)
        #expect(reports.count { $0.next == .delivered } == 1)
        #expect(reports.count { $0.next == .released && $0.signal == .none } == 2)
    }

    @Test("a cancelled engine records what had ended all the same")
    func cancelled() async throws {
        let store = MemoryDeliveryStore(claims(1...2))
        let sender = ScriptedSender(["https://hook.test/": [.hangs]])
        let engine = DeliveryEngine(
            store: store, signals: StoreSignals(), sender: sender,
            configuration: DeliveryConfiguration(node: NodeID("test")), wallClock: { TestDelivery.now },
            logger: .silent)
        let run = Task { try await engine.run() }
        await sender.waitForRequests(2)
        run.cancel()
        _ = try? await run.value
        #expect(store.state.value.reports.map(\.next) == [.released, .released])
    }
}
