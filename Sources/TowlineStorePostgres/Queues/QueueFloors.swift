import Synchronization
import TowlineCore

/// Where the living begin in each queue's indexes, as this node knows.
///
/// What was received and deleted leaves its index entries behind, and no vacuum may remove them while an old transaction
/// is open. So a look begins where the last one found the first living row. These are hints: a row may become known below
/// such a place when its transaction took longer than ``margin``, or when one that had taken it was undone. Therefore every
/// index is looked at from its very beginning from time to time, the rarer the longer that takes.
final class QueueFloors: Sendable {
    /// How long our transactions take at most, but for a few.
    static let margin: Duration = .seconds(1)

    /// Which index.
    enum Index: Int, CaseIterable {
        /// Messages that can be seen.
        case ready
        /// Messages that cannot, by the end of that.
        case hidden
        /// All messages by age.
        case age
        /// Additions to counters.
        case counts
        /// The first hidden message, to set an alarm by.
        case first
    }

    private struct Sweep {
        var last: ContinuousClock.Instant?
        var cost: Duration = .zero

        func isDue(at now: ContinuousClock.Instant, every least: Duration) -> Bool {
            last.map { now - $0 >= max(least, cost * 50) } ?? true
        }
    }

    private struct Floors {
        var lanes = [Int64](repeating: 0, count: QueuePlace.lanes.count)
        var hidden: Int64 = 0
        var age: Int64 = 0
        var counts: Int64 = 0
        var sweeps = [Sweep](repeating: Sweep(), count: Index.allCases.count)
        /// The same of questions, which change no floors.
        var readSweeps = [Sweep](repeating: Sweep(), count: Index.allCases.count)
        /// The end of hiding of the first hidden message; the distant future where none is hidden.
        var first = Int64.max
        /// Additions to the counters since they were last put together.
        var additions = 0

        subscript(index: Index) -> Int64 {
            switch index {
            case .hidden: hidden
            case .age: age
            case .counts: counts
            case .ready, .first: 0
            }
        }
    }

    private static let capacity = 8192
    private let state = Mutex<[Int64: Floors]>([:])

    /// Knows nothing.
    init() {}

    /// Forgets what is known about a queue, in which old messages may have come alive.
    func forget(_ queue: Int64) { state.withLock { $0[queue] = nil } }

    /// Where a look at visible messages begins, for each of ``QueuePlace/lanes``, and whether that is at the beginning.
    func lanes(of queue: Int64) -> (floors: [Int64], isSweep: Bool) {
        change(queue) { floors in
            guard floors.sweeps[Index.ready.rawValue].isDue(at: .now, every: .seconds(2)) else {
                return (floors.lanes, false)
            }
            return ([Int64](repeating: 0, count: floors.lanes.count), true)
        }
    }

    /// Notes where the next look at visible messages may begin.
    func note(lanes: [Int64], of queue: Int64) { change(queue) { $0.lanes = lanes } }

    /// Where a look at an index begins: a time in milliseconds, or a place.
    func floor(_ index: Index, of queue: Int64) -> (floor: Int64, isSweep: Bool) {
        change(queue) { floors in
            if floors.sweeps[index.rawValue].isDue(at: .now, every: .seconds(2)) { return (0, true) }
            return (floors[index], false)
        }
    }

    /// Where a question begins that changes nothing; at the beginning when that was not so for long.
    func readFloor(_ index: Index, of queue: Int64) -> (floor: Int64, isSweep: Bool) {
        change(queue) { floors in
            if floors.readSweeps[index.rawValue].isDue(at: .now, every: .seconds(2)) { return (0, true) }
            return (floors[index], false)
        }
    }

    /// Notes how long a question from the very beginning took.
    func noteReadSweep(_ index: Index, of queue: Int64, since start: ContinuousClock.Instant) {
        let now = ContinuousClock.now
        change(queue) { $0.readSweeps[index.rawValue] = Sweep(last: now, cost: now - start) }
    }

    /// Notes where the next look at an index may begin.
    func note(_ index: Index, floor: Int64, of queue: Int64) {
        change(queue) { floors in
            switch index {
            case .hidden: floors.hidden = floor
            case .age: floors.age = floor
            case .counts: floors.counts = floor
            case .ready, .first: break
            }
        }
    }

    /// Notes how long a look from the very beginning took.
    func noteSweep(_ index: Index, of queue: Int64, since start: ContinuousClock.Instant) {
        let now = ContinuousClock.now
        change(queue) { $0.sweeps[index.rawValue] = Sweep(last: now, cost: now - start) }
    }

    /// A message of a queue is as old as this; it may be older than all others.
    func noteAge(_ time: Timestamp, in queue: Int64) { change(queue) { $0.age = min($0.age, time.milliseconds) } }

    /// A message of a queue is hidden until a moment.
    func noteHidden(until time: Timestamp, in queue: Int64) {
        change(queue) { $0.first = min($0.first, time.milliseconds) }
    }

    /// The end of hiding of the first hidden message, the distant future where none is hidden; nil when somebody must
    /// look: other nodes hide messages, too.
    func firstHidden(in queue: Int64, after now: Timestamp) -> Timestamp? {
        change(queue) { floors in
            guard !floors.sweeps[Index.first.rawValue].isDue(at: .now, every: .milliseconds(250)),
                floors.first > now.milliseconds
            else { return nil }
            return Timestamp(milliseconds: floors.first)
        }
    }

    /// Somebody has looked for the first hidden message.
    func noteFirst(_ time: Timestamp?, in queue: Int64, since start: ContinuousClock.Instant) {
        change(queue) { $0.first = time?.milliseconds ?? .max }
        noteSweep(.first, of: queue, since: start)
    }

    /// Counts an addition to a queue's counters.
    ///
    /// - Returns: Whether it is time to put them together.
    func countAddition(to queue: Int64) -> Bool {
        change(queue) { floors in
            floors.additions += 1
            guard floors.additions >= 32 else { return false }
            floors.additions = 0
            return true
        }
    }

    private func change<T>(_ queue: Int64, _ body: (inout Floors) -> T) -> T {
        state.withLock { state in
            if state[queue] == nil, state.count >= Self.capacity { state.removeAll() }
            return body(&state[queue, default: Floors()])
        }
    }
}
