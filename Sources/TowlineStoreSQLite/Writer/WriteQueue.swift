import Dispatch
import Synchronization
import TowlineStore

/// Kinds of operations that share each group by weight, so that none of them waits for another's backlog.
enum WriteClass: Int, CaseIterable {
    case accept
    case complete
    case delivery
    /// Messages of the built-in queues.
    case queue
    /// Work that nobody waits for; never more than its share of a group.
    case bulk

    /// The part of a group in hundredths.
    var share: Int {
        switch self {
        case .accept, .complete: 26
        case .delivery, .queue: 19
        case .bulk: 10
        }
    }
}

/// One operation that waits for the writer.
struct WriteOperation: Sendable {
    /// Roughly the rows that it touches, at least 1.
    let cost: Int
    /// Does the work inside the group's transaction and returns what is to be done after the commit.
    ///
    /// It may run more than once: when another operation of its group fails, the group is undone and begun again.
    let run: @Sendable (WriteContext) throws -> (effects: WriteEffects, deliver: @Sendable () -> Void)
    /// Tells the caller that nothing has happened.
    let fail: @Sendable (StoreError) -> Void
}

/// What waits for the writer's thread, by class, in the order of arrival.
final class WriteQueue: Sendable {
    private struct State {
        var waiting = WriteClass.allCases.map { _ in Line() }
        var count = 0
        var isSleeping = false
        /// Why nothing is taken any more; nil while the store is open.
        var refusal: StoreError?
    }

    private let state = Mutex(State())
    private let wake = DispatchSemaphore(value: 0)

    /// An empty queue that takes operations.
    init() {}

    /// Why operations are refused; nil while they are taken.
    var refusal: StoreError? { state.withLock { $0.refusal } }

    /// The number of operations that wait.
    var count: Int { state.withLock { $0.count } }

    /// Adds an operation; one that comes too late fails at once.
    func add(_ operation: WriteOperation, to line: WriteClass) {
        let outcome = state.withLock { state -> (wakes: Bool, refusal: StoreError?) in
            if let refusal = state.refusal { return (false, refusal) }
            state.waiting[line.rawValue].append(operation)
            state.count += 1
            defer { state.isSleeping = false }
            return (state.isSleeping, nil)
        }
        if let refusal = outcome.refusal { operation.fail(refusal) }
        if outcome.wakes { wake.signal() }
    }

    /// Refuses operations from now on; those that wait already are still handed out.
    func close(_ reason: StoreError) {
        let wakes = state.withLock { state in
            if state.refusal == nil { state.refusal = reason }
            defer { state.isSleeping = false }
            return state.isSleeping
        }
        if wakes { wake.signal() }
    }

    /// Refuses operations from now on and fails those that wait.
    func fail(_ reason: StoreError) {
        close(reason)
        while let group = state.withLock({ Self.take(from: &$0, budget: .max) }) {
            for operation in group { operation.fail(reason) }
        }
    }

    /// The next group of operations; blocks the thread until there is one.
    ///
    /// - Returns: nil when the queue is closed and empty.
    func next(budget: Int) -> [WriteOperation]? {
        while true {
            let (group, isClosed) = state.withLock { state -> ([WriteOperation]?, Bool) in
                let group = Self.take(from: &state, budget: budget)
                state.isSleeping = group == nil && state.refusal == nil
                return (group, state.refusal != nil)
            }
            if let group { return group }
            if isClosed { return nil }
            wake.wait()
        }
    }

    private static func take(from state: inout State, budget: Int) -> [WriteOperation]? {
        guard state.count > 0 else { return nil }
        var group: [WriteOperation] = []
        var left = budget
        for line in WriteClass.allCases {
            let share = budget == .max ? budget : max(1, budget * line.share / 100)
            left -= state.waiting[line.rawValue].move(upTo: share, into: &group)
        }
        for line in WriteClass.allCases where line != .bulk && left > 0 {
            left -= state.waiting[line.rawValue].move(upTo: left, into: &group)
        }
        state.count -= group.count
        return group
    }
}

/// Operations of one class in the order of arrival.
private struct Line {
    private var operations: [WriteOperation] = []
    private var first = 0

    mutating func append(_ operation: WriteOperation) { operations.append(operation) }

    /// Moves operations until their cost reaches a budget: always one, where there is one.
    ///
    /// - Returns: The cost of what was moved.
    mutating func move(upTo budget: Int, into group: inout [WriteOperation]) -> Int {
        var cost = 0
        while first < operations.count, cost < budget {
            group.append(operations[first])
            cost += operations[first].cost
            first += 1
        }
        if first == operations.count {
            operations.removeAll(keepingCapacity: operations.capacity <= 1024)
            first = 0
        } else if first > 1024, first > operations.count / 2 {
            operations.removeFirst(first)
            first = 0
        }
        return cost
    }
}
