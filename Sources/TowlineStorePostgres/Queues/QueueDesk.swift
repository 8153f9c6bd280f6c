import Synchronization
import TowlineCore
import TowlineQueue
import TowlineStore

/// Receivers that wait for messages of a store; an answer is what was claimed for one of them.
typealias MessageWaiters = QueueWaiters<[ClaimedMessage]>

/// This node's part of the queues: who waits here, the lines in which its calls are done, and what it knows of the
/// tables.
///
/// Calls on one queue are done one transaction after the other on each node, many calls in one transaction; so those who
/// wait here are served in their order, within the transaction that stores a message. Nodes meet at the rows only. They
/// tell each other of messages by the keys of their queues.
final class QueueDesk: Sendable {
    private struct State {
        var lanes: [QueueLane] = []
        /// Tells the other nodes that something can be seen in queues.
        var notify: (@Sendable (Set<Int64>) -> Void)?
        /// The queues in whose lines somebody may stand.
        var addresses: [Int64: QueueAddress] = [:]
        /// Queues for whose lines somebody is about to look.
        var serving: Set<Int64> = []
        /// How often something was heard of each queue; of all of them in ``epoch``.
        var news: [Int64: Int] = [:]
        var epoch = 0
    }

    /// How many transactions on queues this node runs at once.
    private static let laneCount = 2
    private static let capacity = 32_768

    /// Who waits, in the line of their queue's key.
    let waiters: MessageWaiters
    /// Where the living begin in the tables.
    let floors = QueueFloors()
    /// Makes and reads receipt handles; every node with the same key file has the same.
    let receiptKey: ReceiptKey
    private let state: Shared

    /// What alarms reach though they must not keep the desk alive.
    private final class Shared: Sendable {
        let state = Mutex(State())

        func lane(of key: Int64) -> QueueLane? {
            state.withLock { $0.lanes.isEmpty ? nil : $0.lanes[Int(UInt64(bitPattern: key) % UInt64($0.lanes.count))] }
        }

        /// Has somebody look for messages for those who wait for a queue, unless that is about to happen.
        func serve(_ key: Int64, waiters: MessageWaiters) {
            guard waiters.hasLine(key) else { return }
            let address = state.withLock { state -> QueueAddress? in
                guard let address = state.addresses[key], state.serving.insert(key).inserted else { return nil }
                return address
            }
            guard let address, let lane = lane(of: key) else { return }
            lane.add(
                QueueCall(
                    address: address,
                    work: .serve(
                        // Who waits must not wait for ever for a store that was out of reach for a moment.
                        onFailure: { waiters.expect(key, after: .seconds(1)) })))
        }
    }

    /// A desk where nobody waits.
    init(settings: PostgresStoreConfiguration) {
        let shared = Shared()
        state = shared
        receiptKey = ReceiptKey(bytes: settings.secretBox.derivedKey(for: "receipt-handles"))
        waiters = MessageWaiters(clock: settings.waitClock, limit: settings.maxWaitingReceives) { key, waiters in
            shared.serve(key, waiters: waiters)
        }
    }

    /// Begins to do calls.
    ///
    /// - Parameters:
    ///   - pool: Where transactions run.
    ///   - runner: Runs them.
    ///   - settings: The store's.
    ///   - notify: Tells the other nodes that something can be seen in queues of these keys.
    func start(
        pool: PostgresPool, runner: TransactionRunner, settings: PostgresStoreConfiguration,
        notify: @escaping @Sendable (Set<Int64>) -> Void
    ) {
        let lanes = (0..<Self.laneCount).map { _ in
            QueueLane(pool: pool, runner: runner, most: max(1, settings.maxGroup), limit: settings.maxWaiting)
        }
        state.state.withLock { state in
            state.lanes = lanes
            state.notify = notify
        }
    }

    /// Does no more calls, and answers all who wait.
    func stop() {
        state.state.withLock { state in
            state.lanes = []
            state.notify = nil
        }
        waiters.close()
    }

    /// Does a call in its turn.
    func add(_ call: QueueCall) {
        guard let lane = state.lane(of: call.key) else {
            return call.fail(StoreError(.unavailable, "the store is closed"))
        }
        lane.add(call)
    }

    /// Remembers a queue in whose line somebody may stand.
    func remember(_ address: QueueAddress, key: Int64) {
        state.state.withLock { state in
            if state.addresses.count >= Self.capacity {
                state.addresses = state.addresses.filter { waiters.hasLine($0.key) }
            }
            state.addresses[key] = address
        }
    }

    /// How often something was heard of a queue; another number later means that there may be messages.
    func news(of key: Int64) -> Int { state.state.withLock { $0.epoch + ($0.news[key] ?? 0) } }

    /// Has somebody look for messages for those who wait for a queue.
    func serve(_ key: Int64) { state.serve(key, waiters: waiters) }

    /// Somebody looks for messages for those who wait for a queue: what comes from now on needs another look.
    func beginServing(_ key: Int64) { state.state.withLock { _ = $0.serving.remove(key) } }

    /// Something can be seen in queues, by a transaction of this node that has served nobody here.
    func noteShown(_ keys: Set<Int64>) {
        guard !keys.isEmpty else { return }
        hear(of: keys)
        tell(keys)
    }

    /// Tells other nodes that something can be seen in queues.
    func tell(_ keys: Set<Int64>) {
        guard !keys.isEmpty else { return }
        state.state.withLock { $0.notify }?(keys)
    }

    /// Something can be seen in queues, or they are gone.
    func hear(of keys: Set<Int64>) {
        state.state.withLock { state in
            if state.news.count + keys.count > Self.capacity {
                state.epoch += 1 + (state.news.values.max() ?? 0)
                state.news.removeAll()
            }
            for key in keys { state.news[key, default: 0] += 1 }
        }
        for key in keys { serve(key) }
    }

    /// Anything may have happened.
    func hearOfAll() {
        let keys = state.state.withLock { state in
            state.epoch += 1
            return Array(state.addresses.keys)
        }
        for key in keys { serve(key) }
    }

    /// Gives a receiver what was claimed for it and is committed; what it does not take goes back to its queue.
    func hand(_ claims: [ClaimedMessage], of address: QueueAddress, to waiter: WaiterID) {
        if !waiters.answer(waiter, with: claims) { giveBack(claims.map(\.handle), to: address) }
    }

    /// Lets messages be received again at once as if they had not been.
    ///
    /// Nobody waits for it: should the store fail, they come back when their visibility is over.
    private func giveBack(_ handles: [ReceiptHandle], to address: QueueAddress) {
        add(QueueCall(address: address, work: .giveBack(handles, QueueReply { _ in })))
    }
}

extension QueueAddress {
    /// What nodes name a queue by, the same before and after a purge.
    var key: Int64 { Int64(truncatingIfNeeded: LaneKey.lane(account: account, key: "queue \(name)")) }
}
