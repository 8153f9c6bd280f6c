/// How often and when a delivery is tried, and which answers count as success.
package struct DeliveryPolicy: Sendable, Hashable {
    /// The two ways to deliver: `delivery.policy`, an endpoint's own policy, and the policy on a delivery's row.
    package enum Name: String, Sendable, Hashable, CaseIterable {
        /// As the original: what it does not do is not done either.
        case exact
        /// Until the receiver has the event.
        case durable
    }

    /// The policy's name.
    package let name: Name
    /// The waits between attempts; one attempt more than there are waits.
    package let waits: [Duration]

    /// Three attempts, one second apart, as the original (vod-api.md 5.1).
    ///
    /// Waits: 1 s, 1 s.
    package static let exact = DeliveryPolicy(name: .exact, waits: [.seconds(1), .seconds(1)])

    /// Twelve attempts over at least 76 hours.
    ///
    /// Waits: 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h, 5 h, 10 h, 20 h, 38 h.
    package static let durable = durable(waits: standardWaits)

    /// The waits of ``durable`` unless a setting says otherwise.
    package static let standardWaits: [Duration] = [
        5, 30, 120, 600, 1800, 3600, 7200, 18_000, 36_000, 72_000, 136_800,
    ].map { .seconds($0) }

    /// The policy `durable` with waits of one's own.
    package static func durable(waits: [Duration]) -> DeliveryPolicy {
        DeliveryPolicy(name: .durable, waits: waits)
    }

    private init(name: Name, waits: [Duration]) {
        self.name = name
        self.waits = waits
    }

    /// Attempts in all.
    package var attempts: Int { waits.count + 1 }

    /// Whether `Retry-After`, pauses and 410 have the meaning that HTTP gives them; the original knows none of them.
    package var heedsReceiver: Bool { name == .durable }

    /// Whether an answer's status means that the receiver has the event.
    ///
    /// The original counts 200 alone; `durable` counts every 2xx.
    package func isSuccess(status: Int) -> Bool {
        switch name {
        case .exact: status == 200
        case .durable: (200...299).contains(status)
        }
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
    /// Every attempt failed, or it cannot be sent; the reason is on the row. Left by nothing: a redelivery is a
    /// delivery of its own.
    case dead
    /// Would be pending, but its endpoint is disabled. Left when the endpoint is enabled.
    case held
}

/// What a delivery owes its existence to.
package enum DeliveryOrigin: Sendable, Hashable {
    /// The end of a run.
    case event
    /// An operator's redelivery of one event.
    case redelivery
    /// A replay of many.
    case replay(ReplayID)

    /// `event`, `redelivery` or `replay`.
    package var name: String {
        switch self {
        case .event: "event"
        case .redelivery: "redelivery"
        case .replay: "replay"
        }
    }

    /// Whether outcomes say something about the endpoint: what an operator sends again leaves its health alone.
    package var countsForHealth: Bool { self == .event }
}
