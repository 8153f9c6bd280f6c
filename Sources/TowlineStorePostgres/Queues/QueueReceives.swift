import TowlineCore
import TowlineQueue
import TowlineStore

/// The part of a batch that hands out messages of one queue: to those who wait in line, then to those who come now.
struct QueueReceives {
    /// A receive that has no answer yet.
    struct Call {
        let call: QueueCall
        let request: ReceiveRequest
        let waiter: WaiterID
        /// When it came, by the clock for waiting.
        let since: Duration
    }

    private struct Taker {
        let waiter: Waiter
        /// Nil for one that stands in line.
        let call: Call?
    }

    /// Most rows of a queue that one transaction moves or removes on the way.
    static let stepLimit = 64
    /// Most receivers in line that one transaction serves.
    static let lineLimit = 256
    /// Most messages that one transaction hands out.
    private static let claimLimit = 256

    private let transaction: Transaction
    private let queue: StoredQueue
    private let key: Int64
    private let news: Int
    private let takers: [Taker]
    private let isLineFull: Bool
    /// What to do after the commit.
    private(set) var replies: [QueueBatch.Reply] = []
    /// Whether nothing stands in the way of messages that can be seen.
    private var isDone = true

    /// Receives of a queue.
    ///
    /// - Parameters:
    ///   - transaction: Where.
    ///   - queue: The queue.
    ///   - key: Its key.
    ///   - news: ``QueueDesk/news(of:)`` from before the transaction.
    ///   - line: Who waits.
    ///   - calls: Who comes now.
    init(_ transaction: Transaction, queue: StoredQueue, key: Int64, news: Int, line: [Waiter], calls: [Call]) {
        self.transaction = transaction
        self.queue = queue
        self.key = key
        self.news = news
        isLineFull = line.count == Self.lineLimit
        takers =
            line.map { Taker(waiter: $0, call: nil) }
            + calls.map { call in
                let waiter = Waiter(
                    id: call.waiter, count: call.request.count, visibility: call.request.visibility)
                return Taker(waiter: waiter, call: call)
            }
    }

    private var desk: QueueDesk { transaction.desk }

    /// Hands out what there is.
    ///
    /// - Returns: The number of messages.
    /// - Throws: ``PostgresFailure``; ``StoreError``.
    mutating func perform() throws -> Int {
        try transaction.writeQueueRows()
        isDone = try transaction.showDue(in: queue, limit: Self.stepLimit).isDone
        try transaction.writeQueueRows()
        let wanted = takers.reduce(0) { $0 + $1.waiter.count }
        let limit = min(wanted, Self.claimLimit)
        let messages = try claim(limit)
        let unserved = deal(messages)
        try transaction.writeQueueRows()
        let isCut = messages.count == limit && (limit < wanted || isLineFull)
        try settle(unserved, again: isCut || !isDone)
        return messages.count
    }

    /// Gives each taker its part; those for whom nothing was left are returned.
    private mutating func deal(_ messages: [StoredMessage]) -> [Taker] {
        var rest = messages[...]
        var unserved: [Taker] = []
        let desk = desk
        let address = queue.address
        for taker in takers {
            let part = rest.prefix(taker.waiter.count)
            rest = rest.dropFirst(taker.waiter.count)
            guard !part.isEmpty else {
                unserved.append(taker)
                continue
            }
            let claims = part.map { receive($0, visibility: taker.waiter.visibility) }
            replies.append { desk.hand(claims, of: address, to: taker.waiter.id) }
        }
        return unserved
    }

    private func receive(_ stored: StoredMessage, visibility: Duration?) -> ClaimedMessage {
        var timing = stored.timing
        timing.receive(
            at: transaction.now, visibility: visibility ?? queue.attributes.visibilityTimeout,
            number: transaction.newReceiveNumber())
        transaction.queueChanges.hidden.append(
            .init(message: stored.number, queue: queue.id, priority: stored.message.priority, timing: timing))
        transaction.queueChanges.noteMove(in: queue, from: MessageHiding.none, to: timing.hiding)
        return ClaimedMessage(
            handle: ReceiptHandle(message: stored.number, timing: timing), message: stored.message.with(timing))
    }

    /// Says what becomes of those who got nothing.
    ///
    /// - Parameters:
    ///   - unserved: Who they are.
    ///   - again: Whether there may be messages for them all the same.
    /// - Throws: ``PostgresFailure``.
    private mutating func settle(_ unserved: [Taker], again: Bool) throws {
        let (desk, key, news) = (desk, key, news)
        var waits = isLineFull
        for taker in unserved {
            guard let call = taker.call else {
                waits = true
                continue
            }
            let patience = call.request.wait ?? queue.attributes.pollingWait
            if again {
                replies.append { desk.add(call.call) }
            } else if patience > .zero {
                waits = true
                replies.append {
                    guard desk.waiters.stand(taker.waiter, in: key, until: call.since + patience) else {
                        desk.waiters.answer(call.waiter, with: nil)
                        return
                    }
                    // A message that came between the look and now had nobody to go to.
                    if desk.news(of: key) != news { desk.serve(key) }
                }
            } else {
                replies.append { desk.waiters.answer(call.waiter, with: nil) }
            }
        }
        guard waits else { return }
        if again {
            replies.append { desk.serve(key) }
        } else if let first = try transaction.firstHidden(in: queue) {
            let wait = first - transaction.now
            replies.append { desk.waiters.expect(key, after: wait) }
        }
    }

    // MARK: Messages

    /// Claims visible messages, the most urgent first, then about the oldest first.
    ///
    /// Expired messages and dead letters on the way are removed and moved, as many as one step allows.
    ///
    /// - Returns: The messages; fewer than `count` when there are no more, unless ``isDone`` says otherwise.
    private mutating func claim(_ count: Int) throws -> [StoredMessage] {
        let cutoff = queue.attributes.expiryCutoff(at: transaction.now)
        var search = QueueSearch(desk.floors, queue: queue.id, cutoff: cutoff, now: transaction.now)
        var claimed: [StoredMessage] = []
        var passed = 0
        var isExhausted = false
        while claimed.count < count, passed < Self.stepLimit, !isExhausted {
            let wanted = count - claimed.count
            let rows = try transaction.claim(wanted, in: queue.id, search)
            isExhausted = rows.count < wanted
            search.advance(past: rows.last.map { ($0.lane, $0.place) }, isExhausted: isExhausted)
            for row in rows {
                if row.stored.timing.enqueuedAt < cutoff {
                    transaction.queueChanges.removed.append(row.stored.number)
                    transaction.queueChanges.noteMove(in: queue, from: MessageHiding.none, to: nil)
                    passed += 1
                } else if let target = try transaction.deadLetterTarget(of: row.stored.timing, in: queue) {
                    try transaction.move(row.stored, from: queue, to: target)
                    passed += 1
                } else {
                    claimed.append(row.stored)
                }
            }
        }
        isDone = isDone && (isExhausted || claimed.count == count)
        let floors = desk.floors
        transaction.effects.afterCommit { [search] in search.note(in: floors) }
        return claimed
    }
}

/// Where a look for visible messages begins in each lane, and where the next one may.
struct QueueSearch: Sendable {
    private let queue: Int64
    /// Whether it began at the beginning.
    let isSweep: Bool
    private let start = ContinuousClock.now
    /// No floor rises above this place.
    private let safe: Int64
    /// By ``QueuePlace/lanes``.
    private(set) var floors: [Int64]
    private var next: [Int64]

    /// A look that begins where the last one ended, or at the beginning when it is time to.
    ///
    /// Of the lanes of messages as they were sent the expired part is left out.
    init(_ known: QueueFloors, queue: Int64, cutoff: Timestamp, now: Timestamp) {
        self.queue = queue
        safe = QueuePlace.place(at: now - QueueFloors.margin)
        let (floors, isSweep) = known.lanes(of: queue)
        self.isSweep = isSweep
        next = floors
        let expired = QueuePlace.place(at: cutoff)
        self.floors = zip(QueuePlace.lanes, floors).map { lane, floor in lane % 2 == 1 ? max(floor, expired) : floor }
    }

    /// Takes in how far a look came: everything before its last row is gone; where it gave fewer rows than it could, all.
    mutating func advance(past last: (lane: Int64, place: Int64)?, isExhausted: Bool) {
        for (index, lane) in QueuePlace.lanes.enumerated() {
            if isExhausted {
                next[index] = safe
            } else if let last, lane < last.lane {
                next[index] = safe
                floors[index] = max(floors[index], safe)
            } else if let last, lane == last.lane {
                next[index] = min(last.place, safe)
                floors[index] = max(floors[index], last.place)
            }
        }
    }

    /// Lets the next look know.
    func note(in known: QueueFloors) {
        known.note(lanes: next, of: queue)
        if isSweep { known.noteSweep(.ready, of: queue, since: start) }
    }
}

/// A message that was taken from its lane.
struct ClaimedRow {
    let stored: StoredMessage
    let lane: Int64
    let place: Int64
}
