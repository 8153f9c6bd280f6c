import Synchronization
import TowlineCore
import TowlineStore

/// Signals of this node and of the others.
///
/// This node's engines are woken at once. The others hear of it through NOTIFY, which is sent after the commit, by a
/// connection of its own, for all that has gathered: within commits it would make them wait for each other. A
/// notification may be lost; whoever relies on one also looks by itself (``NotificationEar``).
final class PostgresSignals: Sendable {
    private struct State {
        var topics: Set<StoreTopic> = []
        var revoked: [LeaseToken] = []
        var isSending = false
    }

    /// Most leases named in one notification, whose payload is limited to 8,000 bytes.
    private static let leasesAtOnce = 200
    /// Which node sent a notification: its own are passed over.
    private let node = UInt64.random(in: .min ... .max)
    private let local: StoreSignals
    private let pool: PostgresPool
    private let state = Mutex(State())
    /// What hears of queues.
    ///
    /// A value of its own around the closure: a `Mutex` of the closure itself would wrap it once more each time it is read,
    /// until a call of it needs more stack than there is.
    private struct QueueEar {
        let hear: @Sendable (String?) -> Void
    }

    private let queueEar = Mutex<QueueEar?>(nil)

    /// Signals for the engines of this process, sent to other nodes on a connection of a pool.
    init(signals: StoreSignals, pool: PostgresPool) {
        local = signals
        self.pool = pool
    }

    /// Lets a closure hear what nodes say about queues; nil says that anything may have been missed.
    func hearOfQueues(_ hear: @escaping @Sendable (String?) -> Void) {
        queueEar.withLock { $0 = QueueEar(hear: hear) }
    }

    /// Sends what a transaction leaves to be said.
    func send(_ effects: CommitEffects) {
        guard !effects.topics.isEmpty || !effects.revoked.isEmpty else { return }
        for topic in StoreTopic.allCases where effects.topics.contains(topic) { local.send(topic) }
        for lease in effects.revoked { local.sendRevoked(lease) }
        let mustSend = state.withLock { state in
            state.topics.formUnion(effects.topics)
            state.revoked += effects.revoked
            defer { state.isSending = true }
            return !state.isSending
        }
        if mustSend { schedule() }
    }

    /// Wakes everybody: something may have been missed.
    func wakeAll() {
        for topic in StoreTopic.allCases { local.send(topic) }
        queueEar.withLock { $0 }?.hear(nil)
    }

    /// Takes in the payload of a notification.
    func receive(_ payload: String) {
        if payload.hasPrefix(QueueBell.prefix) { return queueEar.withLock { $0 }?.hear(payload) ?? () }
        let parts = payload.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] != Substring(String(node, radix: 16)) else { return }
        let bits = UInt32(parts[1], radix: 16) ?? .max
        for (index, topic) in StoreTopic.allCases.enumerated() where bits & 1 << UInt32(index) != 0 {
            local.send(topic)
        }
        for text in parts[2].split(separator: ",") {
            if let lease = UInt128(text, radix: 16) { local.sendRevoked(LeaseToken(rawValue: lease)) }
        }
    }

    private func schedule() {
        // What cannot be sent is lost: others look by themselves.
        let job = PostgresJob(
            run: { [weak self] session in self?.notify(on: session) },
            fail: { [weak self] _ in self?.state.withLock { $0 = State() } })
        pool.add(job)
    }

    private func notify(on session: PostgresSession) {
        let (topics, revoked) = state.withLock { state in
            defer {
                state.topics = []
                state.revoked = Array(state.revoked.dropFirst(Self.leasesAtOnce))
            }
            return (state.topics, Array(state.revoked.prefix(Self.leasesAtOnce)))
        }
        var bits: UInt32 = 0
        for (index, topic) in StoreTopic.allCases.enumerated() where topics.contains(topic) {
            bits |= 1 << UInt32(index)
        }
        let leases = revoked.map { String($0.rawValue, radix: 16) }.joined(separator: ",")
        let payload = "\(String(node, radix: 16)) \(String(bits, radix: 16)) \(leases)"
        if let connection = try? session.connected() {
            _ = try? connection.run(Self.notify, .text(payload))
        }
        let mustGoOn = state.withLock { state in
            state.isSending = !state.topics.isEmpty || !state.revoked.isEmpty
            return state.isSending
        }
        if mustGoOn { schedule() }
    }

    /// Channels are known in the whole database; the name has the schema in it, since another may hold another store.
    private static let notify = SQL("SELECT pg_notify('towline_' || current_schema(), $1)")
}
