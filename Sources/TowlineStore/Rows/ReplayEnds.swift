package import TowlineCore

/// How deliveries of replays ended within one operation.
package struct ReplayEnds {
    package private(set) var counts: [ReplayID: (delivered: Int, dead: Int)] = [:]

    /// Nothing has ended.
    package init() {}

    /// Notes that a delivery has ended.
    package mutating func add(_ replay: ReplayID, _ state: DeliveryState) {
        var count = counts[replay] ?? (0, 0)
        if state == .delivered { count.delivered += 1 } else { count.dead += 1 }
        counts[replay] = count
    }
}
