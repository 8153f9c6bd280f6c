package import Logging
import ServiceLifecycle
package import TowlineCore
package import TowlineStore

/// Goes on with replays and tends endpoints, step by step, until it is told to stop.
///
/// Every step is a bounded write; between two of them the store is left to others for as long as the step took.
package struct ReplayEngine: Service, CustomStringConvertible {
    /// The name that service groups log.
    package var description: String { "ReplayEngine" }

    /// The longest time without a look at the store, in case a signal was lost.
    private static let longestWait = Duration.seconds(30)

    private let store: any ReplayStore & EndpointStore
    private let signals: StoreSignals
    private let clock: any MonotonicClock
    private let logger: Logger
    private let wakeup = Wakeup()

    /// An engine over a store.
    ///
    /// - Parameters:
    ///   - store: Holds the replays and endpoints.
    ///   - signals: The store's wake-ups.
    ///   - clock: Measures waits.
    ///   - logger: Gets what goes wrong.
    package init(
        store: any ReplayStore & EndpointStore, signals: StoreSignals,
        clock: any MonotonicClock = SystemMonotonicClock(), logger: Logger
    ) {
        self.store = store
        self.signals = signals
        self.clock = clock
        self.logger = logger
    }

    /// Runs until graceful shutdown or cancellation.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { helpers in
                // Listening begins before the first look, so that nothing falls between.
                let changes = signals.listen(to: .upkeepDue)
                helpers.addTask { for await _ in changes { wakeup.ring() } }
                while !Task.isCancelled {
                    let start = clock.elapsed
                    let wait = await step()
                    guard wait > .zero else {
                        try? await clock.sleep(for: Pace.pause(after: clock.elapsed - start))
                        continue
                    }
                    await wakeup.wait(atMost: wait, clock: clock)
                }
                helpers.cancelAll()
            }
        }
    }

    /// Does one step of everything and says how long to wait before the next.
    private func step() async -> Duration {
        do {
            let hasMore = try await store.tendEndpoints()
            let replay = try await store.stepReplays()
            return hasMore ? .zero : min(replay ?? Self.longestWait, Self.longestWait)
        } catch {
            if !Task.isCancelled {
                logger.error("a replay or the care of endpoints failed", metadata: ["error": "\(error)"])
            }
            return .seconds(1)
        }
    }
}
