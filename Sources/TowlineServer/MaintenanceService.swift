import Logging
import ServiceLifecycle
import TowlineCore
import TowlineStore

/// Takes back leases that ended, ends runs that waited too long, and removes what has outlived its use, in small steps.
struct MaintenanceService: Service, CustomStringConvertible {
    /// The name that service groups log; without it they would spell out every stored property.
    var description: String { "MaintenanceService" }

    let store: any Store
    let interval: Duration
    let clock: any MonotonicClock
    let logger: Logger
    /// Rows that one step removes.
    private static let step = 500
    /// Runs that one step ends.
    private static let expiryStep = 100

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await clock.sleep(for: interval)) != nil {
                do {
                    var taken = 0
                    while case let step = try await store.reapLeases(), step > 0 { taken += step }
                    if taken > 0 { logger.notice("leases ended without a report", metadata: ["count": "\(taken)"]) }
                    while try await store.expireJobs(limit: Self.expiryStep) == Self.expiryStep, !Task.isCancelled {}
                    while try await store.prune(limit: Self.step) == Self.step, !Task.isCancelled {}
                    while try await store.trimQueues(limit: Self.step) == Self.step, !Task.isCancelled {}
                } catch {
                    logger.error("maintenance failed", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}
