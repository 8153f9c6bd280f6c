/// Moments with what is to be done at each, the earliest first: a binary heap.
struct AlarmQueue<Item: Sendable>: Sendable {
    private var alarms: [(time: Duration, item: Item)] = []

    /// No alarms.
    init() {}

    var count: Int { alarms.count }

    /// The earliest; nil without alarms.
    var first: (time: Duration, item: Item)? { alarms.first }

    /// Adds an alarm.
    mutating func add(_ item: Item, at time: Duration) {
        alarms.append((time, item))
        var child = alarms.count - 1
        while child > 0, case let parent = (child - 1) / 2, alarms[child].time < alarms[parent].time {
            alarms.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes the earliest out.
    mutating func removeFirst() {
        guard let last = alarms.popLast(), !alarms.isEmpty else { return }
        alarms[0] = last
        sink(from: 0)
    }

    /// Keeps only what a closure says.
    mutating func keep(where isMeant: (Duration, Item) -> Bool) {
        alarms.removeAll { !isMeant($0.time, $0.item) }
        for index in stride(from: alarms.count / 2 - 1, through: 0, by: -1) { sink(from: index) }
    }

    private mutating func sink(from start: Int) {
        var parent = start
        while true {
            var earliest = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < alarms.count && alarms[child].time < alarms[earliest].time {
                earliest = child
            }
            guard earliest != parent else { return }
            alarms.swapAt(earliest, parent)
            parent = earliest
        }
    }
}
