import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
import TowlineCore
import TowlineStore
import UnixSignals

/// A server as `towline dev` and `towline serve` start it: reads nothing but its settings.
package struct TowlineServer: Sendable {
    /// Where a running server listens.
    package struct Addresses: Sendable, Hashable {
        /// The API listener's URL, for callers.
        package let api: String
        /// The admin listener's URL.
        package let admin: String
    }

    private let settings: Settings

    /// A server with settings.
    package init(settings: Settings) { self.settings = settings }

    /// Runs until SIGTERM or SIGINT, or until the surrounding task is cancelled.
    ///
    /// - Parameter onReady: Called once, when both listeners answer.
    /// - Throws: ``ServerError`` when it cannot start, or had to stop because what it keeps cannot be trusted.
    package func run(
        handlesSignals: Bool = true, onReady: @escaping @Sendable (Addresses) async -> Void
    ) async throws {
        let logger = makeLogger()
        defer { if settings.data.isTemporary { DataFolder.remove(settings.data.path) } }
        let build = try await ServerBuild(settings: settings, logger: logger)
        do {
            try await run(build, handlesSignals: handlesSignals, onReady: onReady, logger: logger)
        } catch {
            await build.close()
            throw build.fatalError ?? Self.explain(error, settings: settings)
        }
        await build.close()
        if let error = build.fatalError { throw error }
    }

    private func run(
        _ build: ServerBuild, handlesSignals: Bool, onReady: @escaping @Sendable (Addresses) async -> Void,
        logger: Logger
    ) async throws {
        let listeners = Mutex(0)
        let listening: @Sendable () async -> Void = {
            let count = listeners.withLock { count in
                count += 1
                return count
            }
            if count == build.listenerCount { await onReady(build.addresses) }
        }
        let group = ServiceGroup(
            configuration: .init(
                services: try build.services(onListening: listening).map { .init(service: $0) },
                gracefulShutdownSignals: handlesSignals ? [.sigterm, .sigint] : [], logger: logger))
        build.onFatal { await group.triggerGracefulShutdown() }
        try await group.run()
    }

    private func makeLogger() -> Logger {
        let level = Logger.Level(rawValue: settings.log.level.rawValue) ?? .info
        let isJSON = settings.log.format == .json
        return Logger(label: "towline") {
            LogOutput(label: $0, level: level, isJSON: isJSON, wallClock: WallClock.now)
        }
    }

    /// The sentence for an error that ended the start or the run.
    private static func explain(_ error: any Error, settings: Settings) -> any Error {
        switch error {
        case let error as ServerError: error
        case let error as StoreError: ServerError(error.message)
        case let error as IOError: ServerError("a listener failed: \(error)")
        default: error
        }
    }
}
