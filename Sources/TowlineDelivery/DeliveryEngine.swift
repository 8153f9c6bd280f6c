package import Logging
import ServiceLifecycle
import Synchronization
package import TowlineCore
package import TowlineStore

/// Claims due deliveries in batches, makes their attempts and records the outcomes in groups, until it is told to stop.
package struct DeliveryEngine: Service, CustomStringConvertible {
    /// The name that service groups log; without it they would spell out every stored property.
    package var description: String { "DeliveryEngine" }

    /// How long to wait before an outcome that could not be recorded is tried again, and how often.
    private static let recordPause = Duration.seconds(1)
    private static let recordTries = 5

    private let store: any DeliveryStore
    private let signals: StoreSignals
    private let configuration: DeliveryConfiguration
    private let clock: any MonotonicClock
    private let logger: Logger
    private let runner: DeliveryAttemptRunner
    private let loop: ClaimLoop
    private let recorder = OutcomeRecorder()
    private let progress: Progress
    private let isStopping = StopFlag()

    /// An engine over a store and a way to send.
    ///
    /// - Parameters:
    ///   - store: Where deliveries are claimed and recorded.
    ///   - signals: The store's wake-ups.
    ///   - sender: Makes the requests of HTTP callbacks.
    ///   - queues: Puts events into built-in queues.
    ///   - remoteQueues: Puts events into queues of other servers.
    ///   - configuration: What the engine may do.
    ///   - clock: Measures waits.
    ///   - wallClock: What signatures are dated with, and dates of receivers held against.
    ///   - random: Numbers from 0 up to 1 for jitter.
    ///   - logger: Gets what goes wrong.
    package init(
        store: any DeliveryStore, signals: StoreSignals, sender: any EventSender,
        queues: any QueueSender = NoQueueSender(), remoteQueues: any QueueSender = NoQueueSender(),
        configuration: DeliveryConfiguration, clock: any MonotonicClock = SystemMonotonicClock(),
        wallClock: @escaping @Sendable () -> Timestamp,
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }, logger: Logger
    ) {
        self.store = store
        self.signals = signals
        self.configuration = configuration
        self.clock = clock
        self.logger = logger
        runner = DeliveryAttemptRunner(
            senders: EventSenders(http: sender, queues: queues, remoteQueues: remoteQueues),
            configuration: configuration, clock: clock, wallClock: wallClock, random: random)
        loop = ClaimLoop(clock: clock, grace: configuration.grace)
        progress = Progress(ClaimPacer(slots: configuration.concurrency))
    }

    /// Runs until graceful shutdown or cancellation.
    ///
    /// Then nothing more is claimed, running attempts go on for the grace, what is left is given back, and every outcome
    /// is recorded before it returns.
    package func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { helpers in
                helpers.addTask {
                    for await _ in signals.listen(to: .deliveriesDue) {
                        progress.pacer.withLock { $0.signal() }
                        loop.ring()
                    }
                }
                await withDiscardingTaskGroup { writers in
                    for _ in 0..<OutcomeRecorder.writers {
                        writers.addTask { await recorder.run(record) }
                    }
                    await loop.run(running: { progress.taken }, claim: claim)
                    isStopping.set()
                    recorder.finish()
                }
                helpers.cancelAll()
            }
        } onGracefulShutdown: {
            isStopping.set()
            loop.stop()
        }
    }

    /// Claims if it is time, and says how long to wait before looking again.
    private func claim(into attempts: inout DiscardingTaskGroup) async -> Duration {
        let step = progress.pacer.withLock { $0.step(taken: progress.taken, now: clock.elapsed) }
        guard case .claim(let limit) = step else {
            if case .wait(let time) = step { return time }
            return ClaimPacer.longestWait
        }
        do {
            let claims = try await store.claimDeliveries(
                DeliveryClaimRequest(
                    node: configuration.node, limit: limit, perEndpoint: configuration.perEndpoint,
                    perSecond: configuration.perEndpointPerSecond, lease: configuration.lease))
            progress.take(claims.items.count)
            for claim in claims.items {
                attempts.addTask(executorPreference: runner.executor(for: claim)) {
                    recorder.add(await runner.run(claim))
                }
            }
            progress.pacer.withLock {
                $0.claimed(claims.items.count, nextDue: claims.nextDue, now: clock.elapsed)
            }
        } catch {
            logger.error("deliveries could not be claimed", metadata: ["error": "\(error)"])
            progress.pacer.withLock { $0.failed(now: clock.elapsed) }
        }
        return .zero
    }

    /// Records a group of outcomes and frees their slots.
    @concurrent
    private func record(_ reports: [DeliveryReport]) async {
        for attempt in 1...Self.recordTries {
            do {
                // In a task of its own: a shutdown must not keep what has ended from being recorded.
                let verdicts = try await Task { try await store.recordDeliveries(reports) }.value
                for (report, verdict) in zip(reports, verdicts) where verdict == .recorded { log(report) }
                break
            } catch {
                let isLast = attempt == Self.recordTries || isStopping.isSet || Task.isCancelled
                logger.error(
                    "outcomes of deliveries could not be recorded",
                    metadata: [
                        "deliveries": "\(reports.count)", "error": "\(error)",
                        // Their leases end by themselves or at the next start, and the events are sent again.
                        "again": "\(isLast ? "no" : "yes")",
                    ])
                if isLast { break }
                try? await clock.sleep(for: Self.recordPause)
            }
        }
        if progress.free(reports.count) { loop.ring() }
    }

    private func log(_ report: DeliveryReport) {
        guard case .dead(let reason) = report.next else { return }
        logger.warning(
            "an event could not be delivered",
            metadata: ["delivery.id": "\(report.delivery)", "reason": "\(reason)"])
    }
}

/// How many claims are not recorded yet, and when to claim again.
private final class Progress: Sendable {
    let pacer: Mutex<ClaimPacer>
    private let count = Atomic<Int>(0)

    init(_ pacer: ClaimPacer) { self.pacer = Mutex(pacer) }

    /// Slots that are taken.
    var taken: Int { count.load(ordering: .acquiring) }

    /// Takes slots.
    func take(_ number: Int) { count.add(number, ordering: .acquiringAndReleasing) }

    /// Frees slots and says whether that is worth a look.
    func free(_ number: Int) -> Bool {
        let now = count.subtract(number, ordering: .acquiringAndReleasing).newValue
        return pacer.withLock { $0.isNews(from: now + number, to: now) }
    }
}
