import TowlineCore
import TowlineQueue
import TowlineStore

/// What the writer remembers about queues between statements.
///
/// Lives on the writer's thread.
final class QueueBook {
    private static let capacity = 4096
    private var byAddress: [QueueAddress: StoredQueue] = [:]
    private var addresses: [Int64: QueueAddress] = [:]
    /// For each queue a moment before which none of its hidden messages can be seen.
    ///
    /// The distant future where none is hidden; missing where nobody has looked.
    private var quietUntil: [Int64: Timestamp] = [:]

    /// Where receivers wait for messages.
    let desk: MessageDesk

    /// A book without queues.
    init(desk: MessageDesk) { self.desk = desk }

    /// A remembered queue.
    func queue(at address: QueueAddress) -> StoredQueue? { byAddress[address] }

    /// A remembered queue.
    func queue(number: Int64) -> StoredQueue? { addresses[number].flatMap { byAddress[$0] } }

    /// Remembers a queue; forgets all others first when there are too many.
    func remember(_ queue: StoredQueue) {
        if byAddress.count >= Self.capacity { forget() }
        byAddress[queue.address] = queue
        addresses[queue.id] = queue.address
    }

    /// Forgets a queue that has changed.
    func forget(_ queue: StoredQueue) {
        byAddress[queue.address] = nil
        addresses[queue.id] = nil
    }

    /// Forgets everything, which may have been undone.
    func forget() {
        byAddress.removeAll()
        addresses.removeAll()
        quietUntil.removeAll()
    }

    /// The moment before which no hidden message of a queue can be seen; nil where nobody has looked.
    func quietUntil(_ queue: Int64) -> Timestamp? { quietUntil[queue] }

    /// Somebody has looked: the first hidden message of a queue can be seen at a moment; nil where none is hidden.
    func noteFirstHidden(_ time: Timestamp?, in queue: Int64) {
        if quietUntil.count >= Self.capacity { quietUntil.removeAll() }
        quietUntil[queue] = time ?? .distantFuture
    }

    /// A message of a queue is hidden until a moment.
    func noteHidden(until time: Timestamp, in queue: Int64) {
        guard let known = quietUntil[queue], time < known else { return }
        quietUntil[queue] = time
    }
}

extension Timestamp {
    /// Later than any other.
    static let distantFuture = Timestamp(milliseconds: .max)
}

/// What an operation has changed in one queue.
struct QueueEffect {
    /// The queue's number.
    let queue: Int64
    /// Changes of the counters, by ``MessageHiding``.
    var counts = SIMD4<Int64>(repeating: 0)
    /// Messages that can be seen and could not before.
    var shown = 0

    /// Nothing has changed.
    init(queue: Int64) { self.queue = queue }

    /// Adds what another operation has changed in the same queue.
    mutating func merge(_ other: QueueEffect) {
        counts &+= other.counts
        shown += other.shown
    }
}
