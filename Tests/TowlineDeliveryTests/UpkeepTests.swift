import ServiceLifecycle
import ServiceLifecycleTestKit
import Testing
import TowlineCore
import TowlineDelivery
import TowlineStore
import TowlineTesting

@Suite("Replays, the care of endpoints and the age of the log", .timeLimit(.minutes(5)))
struct UpkeepTests {
    private func run(_ service: any Service, _ body: @escaping @Sendable () async throws -> Void) async throws {
        try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await service.run() }
                try await body()
                trigger.triggerGracefulShutdown()
                try await group.waitForAll()
            }
        }
    }

    @Test("replays go on step by step as long as there is more, and rest until the time that the store names")
    func steps() async throws {
        let store = UpkeepStore(replay: [.zero, .zero, .seconds(7), nil], tend: [true, false])
        let clock = ManualClock()
        try await run(ReplayEngine(store: store, signals: StoreSignals(), clock: clock, logger: .silent)) {
            for looks in 1...3 {
                await store.looks.wait { $0 == looks }
                await clock.waitForSleepers(1)
                if looks < 3 { clock.advance(by: .milliseconds(1)) }
            }
            clock.advance(by: .seconds(6))
            await clock.waitForSleepers(1)
            #expect(store.looks.value == 3)
            clock.advance(by: .seconds(1))
            await store.looks.wait { $0 == 4 }
        }
    }

    @Test("without replays a signal wakes the engine, and nothing else for half a minute")
    func signal() async throws {
        let store = UpkeepStore(replay: [nil], tend: [false])
        let clock = ManualClock()
        let signals = StoreSignals()
        try await run(ReplayEngine(store: store, signals: signals, clock: clock, logger: .silent)) {
            await store.looks.wait { $0 == 1 }
            await clock.waitForSleepers(1)
            clock.advance(by: .seconds(29))
            await clock.waitForSleepers(1)
            #expect(store.looks.value == 1)
            signals.send(.upkeepDue)
            await store.looks.wait { $0 == 2 }
            await clock.waitForSleepers(1)
            clock.advance(by: .seconds(30))
            await store.looks.wait { $0 == 3 }
        }
    }

    @Test("a store that fails is asked again after a second")
    func failure() async throws {
        let store = UpkeepStore(replay: [nil], tend: [false])
        store.fails.update { $0 = true }
        let clock = ManualClock()
        try await run(ReplayEngine(store: store, signals: StoreSignals(), clock: clock, logger: .silent)) {
            await store.looks.wait { $0 == 1 }
            await clock.waitForSleepers(1)
            store.fails.update { $0 = false }
            clock.advance(by: .seconds(1))
            await store.looks.wait { $0 == 2 }
        }
    }

    @Test("the log is trimmed in steps until nothing is left, and again after an hour")
    func trimming() async throws {
        let store = MemoryDeliveryStore()
        store.state.update { $0.trimmed = [500, 500, 20, 3] }
        let clock = ManualClock()
        let trimmer = DeliveryLogTrimmer(
            store: store, retention: .seconds(86_400), clock: clock, logger: .silent)
        try await run(trimmer) {
            for steps in 1...3 {
                await store.state.wait { $0.trims.count == steps }
                await clock.waitForSleepers(1)
                if steps < 3 { clock.advance(by: .milliseconds(1)) }
            }
            clock.advance(by: .seconds(3599))
            await clock.waitForSleepers(1)
            #expect(store.state.value.trims.count == 3)
            clock.advance(by: .seconds(1))
            await store.state.wait { $0.trims.count == 4 }
        }
        #expect(store.state.value.trims.allSatisfy { $0.age == .seconds(86_400) && $0.limit == 500 })
    }
}

/// Says what a script says when replays are stepped and endpoints tended; the last word stays.
private final class UpkeepStore: ReplayStore, EndpointStore {
    let looks = Observed(0)
    let fails = Observed(false)
    private let replay: Observed<[Duration?]>
    private let tend: Observed<[Bool]>

    init(replay: [Duration?], tend: [Bool]) {
        self.replay = Observed(replay)
        self.tend = Observed(tend)
    }

    func stepReplays() async throws -> Duration? {
        defer { looks.update { $0 += 1 } }
        return replay.update { $0.count > 1 ? $0.removeFirst() : $0.first ?? nil }
    }

    func tendEndpoints() async throws -> Bool {
        if fails.value {
            looks.update { $0 += 1 }
            throw unused
        }
        return tend.update { $0.count > 1 ? $0.removeFirst() : $0.first ?? false }
    }

    private var unused: StoreError { StoreError(.unavailable, "not part of these tests") }

    func countReplay(_ request: ReplayRequest) async throws -> (events: Int, deliveries: Int) { throw unused }
    func startReplay(_ request: ReplayRequest) async throws -> Replay { throw unused }
    func replay(_ id: ReplayID) async throws -> Replay? { nil }
    func replays(limit: Int) async throws -> [Replay] { [] }
    func cancelReplay(_ id: ReplayID) async throws -> Replay { throw unused }
    func createSubscription(
        account: AccountID, url: String, options: EndpointOptions, authKey: String?, webhookSecret: String?
    ) async throws -> Endpoint { throw unused }
    func endpoints(matching filter: EndpointFilter, limit: Int) async throws -> Page<Endpoint> { throw unused }
    func endpoint(_ id: EndpointID) async throws -> EndpointDetail? { nil }
    func setOptions(_ options: EndpointOptions, of id: EndpointID) async throws -> Endpoint { throw unused }
    func enableEndpoint(_ id: EndpointID) async throws -> Endpoint { throw unused }
    func disableEndpoint(_ id: EndpointID, reason: String) async throws -> Endpoint { throw unused }
    func removeSubscription(_ id: EndpointID) async throws {}
    func setWebhookSecret(_ secret: String?, of id: EndpointID, keepingPreviousFor overlap: Duration) async throws {}
    func signing(of id: EndpointID, app: AppID) async throws -> DeliverySigning? { nil }
}
