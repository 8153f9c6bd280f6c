import NIOCore
import Synchronization

/// Knows every open connection of a client and keeps the idle ones for reuse.
///
/// The state is under a lock; connections are closed outside it. There is no queue: whoever finds no idle connection
/// opens one, so that a stalled origin delays nobody. How many are open is bounded by the callers' own concurrency.
final class ConnectionPool: Sendable {
    /// Most bytes of read buffers that idle connections may hold together.
    private static let maximumRetainedBytes = 16 << 20

    private struct Idle {
        let connection: HTTP1Connection
        let retainedBytes: Int
    }

    private struct State {
        var open: [ObjectIdentifier: HTTP1Connection] = [:]
        var idle: [HTTP1Connection.Key: [Idle]] = [:]
        var idleCount = 0
        var retainedBytes = 0
        var isShutDown = false

        /// Takes an idle connection that was removed from its list out of the counts.
        mutating func forget(_ idle: Idle, at key: HTTP1Connection.Key) {
            idleCount -= 1
            retainedBytes -= idle.retainedBytes
            if self.idle[key]?.isEmpty == true { self.idle[key] = nil }
        }
    }

    /// How long a connection may be idle.
    let idleLifetime: TimeAmount
    private let maximumIdle: Int
    private let state = Mutex(State())

    init(maximumIdle: Int, idleLifetime: TimeAmount) {
        self.maximumIdle = maximumIdle
        self.idleLifetime = idleLifetime
    }

    /// Registers a new connection.
    ///
    /// - Returns: Whether it may be used; not after the shutdown.
    func add(_ connection: HTTP1Connection) -> Bool {
        state.withLock { state in
            guard !state.isShutDown else { return false }
            state.open[ObjectIdentifier(connection)] = connection
            return true
        }
    }

    /// Takes the connection that became idle last.
    func take(_ key: HTTP1Connection.Key) -> HTTP1Connection? {
        state.withLock { state in
            while let idle = state.idle[key]?.popLast() {
                state.forget(idle, at: key)
                if idle.connection.channel.isActive { return idle.connection }
            }
            return nil
        }
    }

    /// Keeps a connection for reuse.
    ///
    /// - Returns: Whether there is room for it; when not, it has to be closed.
    func put(_ connection: HTTP1Connection, retainedBytes: Int) -> Bool {
        state.withLock { state in
            guard !state.isShutDown, state.idleCount < maximumIdle,
                state.retainedBytes + retainedBytes <= Self.maximumRetainedBytes
            else { return false }
            state.idle[connection.key, default: []].append(Idle(connection: connection, retainedBytes: retainedBytes))
            state.idleCount += 1
            state.retainedBytes += retainedBytes
            return true
        }
    }

    /// Forgets a connection that is closed.
    func remove(_ connection: HTTP1Connection) {
        state.withLock { state in
            state.open[ObjectIdentifier(connection)] = nil
            guard let index = state.idle[connection.key]?.firstIndex(where: { $0.connection === connection }),
                let idle = state.idle[connection.key]?.remove(at: index)
            else { return }
            state.forget(idle, at: connection.key)
        }
    }

    /// The number of open and of idle connections.
    var counts: (open: Int, idle: Int) {
        state.withLock { ($0.open.count, $0.idleCount) }
    }

    /// Closes every connection and takes no new ones.
    ///
    /// - Returns: When all are closed.
    func shutDown() async {
        let connections = state.withLock { state in
            state.isShutDown = true
            return Array(state.open.values)
        }
        for connection in connections { connection.close() }
        for connection in connections { _ = try? await connection.channel.closeFuture.get() }
    }
}
