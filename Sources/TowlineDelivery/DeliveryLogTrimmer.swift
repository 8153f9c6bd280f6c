package import Logging
import ServiceLifecycle
package import TowlineCore
package import TowlineStore

/// Removes attempts of ended deliveries from the log once they are old: hourly and in small steps.
package struct DeliveryLogTrimmer: Service, CustomStringConvertible {
    /// The name that service groups log.
    package var description: String { "DeliveryLogTrimmer" }

    /// Rows that one step removes.
    private static let step = 500

    private let store: any DeliveryStore
    private let retention: Duration
    private let interval: Duration
    private let clock: any MonotonicClock
    private let logger: Logger

    /// A trimmer over a store.
    ///
    /// - Parameters:
    ///   - store: Whose log is trimmed.
    ///   - retention: How long attempts stay.
    ///   - interval: How long to wait when nothing is left to remove.
    ///   - clock: Measures waits.
    ///   - logger: Gets what goes wrong.
    package init(
        store: any DeliveryStore, retention: Duration, interval: Duration = .seconds(3600),
        clock: any MonotonicClock = SystemMonotonicClock(), logger: Logger
    ) {
        self.store = store
        self.retention = retention
        self.interval = interval
        self.clock = clock
        self.logger = logger
    }

    /// Runs until graceful shutdown or cancellation.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let wait = await trim()
                try? await clock.sleep(for: wait)
            }
        }
    }

    /// Does one step and says how long to wait before the next.
    private func trim() async -> Duration {
        let start = clock.elapsed
        do {
            let removed = try await store.trimDeliveryLog(olderThan: retention, limit: Self.step)
            return removed < Self.step ? interval : Pace.pause(after: clock.elapsed - start)
        } catch {
            if !Task.isCancelled {
                logger.error("the log of deliveries could not be trimmed", metadata: ["error": "\(error)"])
            }
            return interval
        }
    }
}

/// How bulk work leaves room for others.
enum Pace {
    /// The pause after a step: as long as the step took, so that it has at most half of the store's time.
    static func pause(after step: Duration) -> Duration { min(max(step, .milliseconds(1)), .seconds(1)) }
}
