package import Logging
import ServiceLifecycle
import Synchronization
package import TowlineCore
package import TowlineStore

/// Claims due deliveries in batches and makes their attempts until it is told to stop.
package struct DeliveryEngine: Service, CustomStringConvertible {
    /// The name that service groups log; without it they would spell out every stored property.
    package var description: String { "DeliveryEngine" }

    private let store: any DeliveryStore
    private let signals: StoreSignals
    private let sender: any EventSender
    private let configuration: DeliveryConfiguration
    private let clock: any MonotonicClock
    private let wallClock: @Sendable () -> Timestamp
    private let random: @Sendable () -> Double
    private let logger: Logger
    private let loop: ClaimLoop
    private let running = Counter()

    /// An engine over a store and a way to send.
    ///
    /// - Parameters:
    ///   - store: Where deliveries are claimed and recorded.
    ///   - signals: The store's wake-ups.
    ///   - sender: Makes the requests.
    ///   - configuration: What the engine may do.
    ///   - clock: Measures waits.
    ///   - wallClock: What signatures are dated with.
    ///   - random: Numbers from 0 up to 1 for jitter.
    ///   - logger: Gets what goes wrong.
    package init(
        store: any DeliveryStore, signals: StoreSignals, sender: any EventSender,
        configuration: DeliveryConfiguration, clock: any MonotonicClock = SystemMonotonicClock(),
        wallClock: @escaping @Sendable () -> Timestamp,
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }, logger: Logger
    ) {
        self.store = store
        self.signals = signals
        self.sender = sender
        self.configuration = configuration
        self.clock = clock
        self.wallClock = wallClock
        self.random = random
        self.logger = logger
        loop = ClaimLoop(clock: clock, grace: configuration.grace)
    }

    /// Runs until graceful shutdown or cancellation.
    package func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { helpers in
                helpers.addTask { for await _ in signals.listen(to: .deliveriesDue) { loop.ring() } }
                await loop.run(running: { running.value }, claim: claim)
                helpers.cancelAll()
            }
        } onGracefulShutdown: {
            loop.stop()
        }
    }

    /// Fills the free slots and says how long to wait before asking again.
    private func claim(into attempts: inout DiscardingTaskGroup) async -> Duration {
        let room = configuration.concurrency - running.value
        guard room > 0 else { return .seconds(30) }
        do {
            let claims = try await store.claimDeliveries(
                DeliveryClaimRequest(
                    node: configuration.node, limit: min(room, 100), perEndpoint: configuration.perEndpoint,
                    lease: configuration.lease))
            for claim in claims.items {
                running.add(1)
                attempts.addTask { await attempt(claim) }
            }
            return min(claims.nextDue ?? .seconds(30), .seconds(30))
        } catch {
            logger.error("deliveries could not be claimed", metadata: ["error": "\(error)"])
            return .seconds(1)
        }
    }

    private func attempt(_ claim: ClaimedDelivery) async {
        let runner = DeliveryAttemptRunner(
            claim: claim, sender: sender, configuration: configuration, clock: clock, wallClock: wallClock,
            random: random)
        let report = await runner.run()
        do {
            let verdicts = try await store.recordDeliveries([report])
            if verdicts.first == .recorded, case .dead(let reason) = report.next {
                logger.warning(
                    "an event could not be delivered",
                    metadata: [
                        "delivery.id": "\(claim.id)", "event.id": "\(claim.event.id)", "reason": "\(reason)",
                    ])
            }
        } catch {
            // The lease ends by itself or at the next start, and the event is sent again.
            logger.error(
                "a delivery's outcome could not be recorded",
                metadata: [
                    "delivery.id": "\(claim.id)", "attempt": "\(claim.attempt)", "error": "\(error)",
                ])
        }
        running.add(-1)
        loop.ring()
    }
}

/// A number that several tasks change.
private final class Counter: Sendable {
    private let storage = Mutex(0)
    var value: Int { storage.withLock { $0 } }
    func add(_ change: Int) { storage.withLock { $0 += change } }
}
