import Synchronization
import TowlineStore

/// Tells the other nodes of queues in which something can be seen, and hears it from them.
///
/// Like other signals it is sent after the commit, on a connection of its own, for all that has gathered. What is lost is
/// found by the look that ``NotificationEar`` sets off from time to time.
final class QueueBell: Sendable {
    private struct State {
        var keys: Set<Int64> = []
        var isSending = false
    }

    /// What payloads about queues begin with.
    static let prefix = "q "
    /// Most queues named in one notification, whose payload is limited to 8,000 bytes.
    private static let keysAtOnce = 300
    /// Which node sent a notification: its own are passed over.
    private let node = UInt64.random(in: .min ... .max)
    private let pool: PostgresPool
    private let state = Mutex(State())

    /// A bell that is rung on a connection of a pool.
    init(pool: PostgresPool) { self.pool = pool }

    /// Tells the other nodes of queues.
    func ring(_ keys: Set<Int64>) {
        let mustSend = state.withLock { state in
            state.keys.formUnion(keys)
            defer { state.isSending = true }
            return !state.isSending
        }
        if mustSend { schedule() }
    }

    /// The queues that another node names; nil for what this node has said.
    func keys(of payload: String) -> Set<Int64>? {
        let parts = payload.split(separator: " ")
        guard parts.count == 3, parts[1] != Substring(String(node, radix: 16)) else { return nil }
        return Set(parts[2].split(separator: ",").compactMap { Int64($0, radix: 16) })
    }

    private func schedule() {
        // What cannot be sent is lost: others look by themselves.
        pool.add(
            PostgresJob(
                run: { [weak self] session in self?.send(on: session) },
                fail: { [weak self] _ in self?.state.withLock { $0 = State() } }))
    }

    private func send(on session: PostgresSession) {
        let keys = state.withLock { state in
            let keys = Array(state.keys.prefix(Self.keysAtOnce))
            state.keys.subtract(keys)
            return keys
        }
        let list = keys.map { String($0, radix: 16) }.joined(separator: ",")
        if let connection = try? session.connected() {
            _ = try? connection.run(Self.notify, .text("\(Self.prefix)\(String(node, radix: 16)) \(list)"))
        }
        let mustGoOn = state.withLock { state in
            state.isSending = !state.keys.isEmpty
            return state.isSending
        }
        if mustGoOn { schedule() }
    }

    private static let notify = SQL("SELECT pg_notify('towline_' || current_schema(), $1)")
}
