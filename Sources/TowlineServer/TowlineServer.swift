import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
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

    /// Runs until SIGTERM or SIGINT, or until `work` has returned.
    ///
    /// - Parameter work: Begins when the listeners answer. When it returns the server shuts down gracefully; what it
    ///   throws is thrown again after that.
    /// - Throws: ``ServerError`` when it cannot start, or had to stop because what it keeps cannot be trusted.
    package func run(while work: @escaping @Sendable (Addresses) async throws -> Void) async throws {
        let logger = makeLogger()
        defer { if settings.data.isTemporary { DataFolder.remove(settings.data.path) } }
        let build = try await ServerBuild(settings: settings, logger: logger)
        do {
            try await run(build, while: work, logger: logger)
        } catch {
            await build.close()
            throw build.fatalError ?? Self.explain(error, settings: settings)
        }
        await build.close()
        if let error = build.fatalError { throw error }
    }

    private func run(
        _ build: ServerBuild, while work: @escaping @Sendable (Addresses) async throws -> Void, logger: Logger
    ) async throws {
        // The group logs whole services, settings included; only its failures are worth a line.
        var lifecycleLogger = logger
        lifecycleLogger.logLevel = max(logger.logLevel, .error)
        let (listening, listen) = AsyncStream.makeStream(of: Void.self)
        var configuration = ServiceGroupConfiguration(
            services: try build.services(onListening: { listen.yield() }).map { .init(service: $0) },
            gracefulShutdownSignals: [.sigterm, .sigint], logger: lifecycleLogger)
        configuration.maximumGracefulShutdownDuration = settings.shutdownTimeout
        let group = ServiceGroup(configuration: configuration)
        build.onFatal { await group.triggerGracefulShutdown() }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                var listeners = 0
                for await _ in listening {
                    listeners += 1
                    if listeners == build.listenerCount { break }
                }
                guard listeners == build.listenerCount else { return }
                do {
                    try await work(build.addresses)
                } catch {
                    await group.triggerGracefulShutdown()
                    throw error
                }
                await group.triggerGracefulShutdown()
            }
            defer { tasks.cancelAll() }
            try await group.run()
            listen.finish()
            tasks.cancelAll()
            do {
                try await tasks.waitForAll()
            } catch is CancellationError {
                // The server was stopped from outside while the work was under way.
            }
        }
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
