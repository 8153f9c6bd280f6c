import Foundation
import Logging
import Synchronization
import TowlineCore
import TowlineStore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Listens for what other nodes say, on a connection and a thread of its own; and wakes everybody from time to time,
/// since notifications may be lost.
final class NotificationEar: Sendable {
    private enum Phase {
        case idle
        case running([CheckedContinuation<Void, Never>])
        case ended
    }

    private let connector: PostgresConnector
    private let hub: PostgresSignals
    private let safetyPoll: Duration
    private let logger: Logger
    private let phase = Mutex(Phase.idle)
    private let isStopped = Mutex(false)
    /// A pipe that ends the thread's wait.
    private let wake: (read: Int32, write: Int32)

    /// An ear that does not listen yet.
    init(connector: PostgresConnector, hub: PostgresSignals, safetyPoll: Duration, logger: Logger) {
        self.connector = connector
        self.hub = hub
        self.safetyPoll = safetyPoll
        self.logger = logger
        var ends: [Int32] = [-1, -1]
        if pipe(&ends) != 0 { ends = [-1, -1] }
        wake = (ends[0], ends[1])
    }

    deinit {
        close(wake.read)
        close(wake.write)
    }

    /// Starts the thread.
    func start() {
        phase.withLock { $0 = .running([]) }
        let thread = Thread { [self] in
            Thread.current.name = "towline-pg-ear"
            while !hasStopped {
                do {
                    try listen()
                } catch {
                    logger.debug("Listening to PostgreSQL was interrupted", metadata: ["cause": "\(error)"])
                    wait(socket: -1, for: .milliseconds(500))
                }
                hub.wakeAll()
            }
            let waiting = phase.withLock { phase -> [CheckedContinuation<Void, Never>] in
                guard case .running(let waiting) = phase else { return [] }
                phase = .ended
                return waiting
            }
            for continuation in waiting { continuation.resume() }
        }
        thread.stackSize = 512 << 10
        thread.start()
    }

    /// Ends the thread soon.
    func stop() {
        isStopped.withLock { $0 = true }
        var byte: UInt8 = 1
        _ = write(wake.write, &byte, 1)
    }

    /// Returns when the thread has ended, or was never started.
    func ended() async {
        await withCheckedContinuation { continuation in
            let isOver = phase.withLock { phase in
                guard case .running(let waiting) = phase else { return true }
                phase = .running(waiting + [continuation])
                return false
            }
            if isOver { continuation.resume() }
        }
    }

    private var hasStopped: Bool { isStopped.withLock { $0 } }

    private func listen() throws {
        let connection = try connector.connect()
        try connection.runScript("DO $$ BEGIN EXECUTE format('LISTEN %I', 'towline_' || current_schema()); END $$")
        MigrationMark.holdForNode(connection)
        // What was said before is not heard.
        hub.wakeAll()
        var due = ContinuousClock.now + safetyPoll
        while !hasStopped {
            for payload in try connection.notifications() { hub.receive(payload) }
            let left = due - .now
            if left <= .zero {
                hub.wakeAll()
                due = .now + safetyPoll
            } else {
                wait(socket: connection.socket, for: left)
            }
        }
    }

    private func wait(socket: Int32, for duration: Duration) {
        var files = [
            pollfd(fd: wake.read, events: Int16(POLLIN), revents: 0),
            pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
        ]
        _ = poll(&files, nfds_t(files.count), Int32(clamping: max(1, duration.wholeMilliseconds)))
    }
}
