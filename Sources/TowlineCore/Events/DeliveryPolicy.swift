/// How often and when a delivery is tried.
package struct DeliveryPolicy: Sendable, Hashable {
    /// The name in `delivery.policy` and on a delivery's row.
    package let name: String
    /// The waits between attempts; one attempt more than there are waits.
    package let waits: [Duration]

    /// Three attempts, one second apart, as the original (vod-api.md 5.1).
    ///
    /// Waits: 1 s, 1 s.
    package static let exact = DeliveryPolicy(name: "exact", waits: [.seconds(1), .seconds(1)])

    /// Twelve attempts over at least 76 hours.
    ///
    /// Waits: 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h, 5 h, 10 h, 20 h, 38 h.
    package static let durable = DeliveryPolicy(
        name: "durable",
        waits: [5, 30, 120, 600, 1800, 3600, 7200, 18_000, 36_000, 72_000, 136_800].map { .seconds($0) }
    )

    /// The policy of a name; nil for an unknown one.
    package init?(named name: String) {
        switch name {
        case Self.exact.name: self = .exact
        case Self.durable.name: self = .durable
        default: return nil
        }
    }

    private init(name: String, waits: [Duration]) {
        self.name = name
        self.waits = waits
    }

    /// What follows an attempt that did not succeed.
    ///
    /// Jitter only lengthens a wait, by up to a tenth.
    ///
    /// - Parameters:
    ///   - attempt: The attempt that ended, from 1.
    ///   - random: A number from 0 up to 1 for the jitter.
    /// - Returns: The wait before the next attempt, nil when there is none left.
    package func wait(after attempt: Int, random: Double) -> Duration? {
        guard attempt >= 1, attempt <= waits.count else { return nil }
        return waits[attempt - 1] * (1 + 0.1 * min(max(random, 0), 1))
    }
}

/// Where a delivery stands.
package enum DeliveryState: String, Sendable, Hashable, CaseIterable {
    /// Waits for its next attempt. Left by a claim.
    case pending
    /// An attempt is running. Left by its outcome, or by the end of the lease (back to pending).
    case sending
    /// The receiver accepted it. Left by nothing.
    case delivered
    /// Every attempt failed, or it cannot be sent; the reason is on the row. Left by a redelivery of the event.
    case dead
}
