package import TowlineCore
package import TowlineQueue

/// An endpoint as the writer sees it, with its keys opened.
///
/// Lives on the writer's thread. Who changes it writes the row in the same operation; when that is undone, the book
/// forgets it.
package final class StoredEndpoint {
    /// The group that its lanes share.
    package let group: Int64
    package let id: EndpointID
    package let kind: EndpointKind
    package let account: AccountID
    /// ``CallbackTarget/text``: a URL byte for byte, or a queue.
    package let url: String
    /// The built-in queue that it is; nil for all others.
    package let queue: QueueAddress?
    package let createdAt: Timestamp
    package var options: EndpointOptions
    package var health: EndpointHealth
    package var removedAt: Timestamp?
    /// The key of the `X-VOD-*` pair of a subscription.
    package let authKey: String?
    /// What sealed the webhook secrets' columns hold, opened.
    package var secrets: WebhookSecrets
    /// How far the work is that a change of its state has left; nil when there is none.
    package var tending: TendingMark?
    /// The lanes of new events and of what is sent again, as far as they are known.
    package var lanes: (event: Int64?, resend: Int64?)

    /// Reads ``EndpointRows/columns``.
    package init(_ row: borrowing some StoredRow & ~Copyable, secretBox: SecretBox) throws {
        group = row.integer(0)
        id = try row.id(1)
        kind = try EndpointKind(number: row.int(2))
        account = AccountID(row.text(3))
        url = row.text(4)
        queue = StoredEndpoint.queue(account: account, target: CallbackTarget(text: url))
        options = try EndpointRows.options(row)
        health = EndpointRows.health(row)
        createdAt = row.time(18)
        removedAt = row.optionalTime(19)
        authKey = try EndpointRows.authKey(row, id: id, secretBox: secretBox)
        secrets = try EndpointRows.secrets(row, id: id, secretBox: secretBox)
        tending = row.optionalBlob(24).map { TendingMark($0) }
    }

    /// The built-in queue of a target; nil for other targets, and for a name that no queue can have.
    private static func queue(account: AccountID, target: CallbackTarget) -> QueueAddress? {
        guard case .queue(let text) = target, let name = try? QueueName(text) else { return nil }
        return QueueAddress(account: account, name: name)
    }

    /// Whether nothing is sent to it.
    package var isClosed: Bool { health.disabledAt != nil || removedAt != nil }

    /// The key under which its lane of new events is found.
    package var laneKey: String {
        switch kind {
        case .callback: url
        case .subscription: Self.groupKey(subscription: id)
        }
    }

    /// The key of the group of a callback's endpoint.
    package static func groupKey(account: AccountID, url: String) -> String { "\(account) \(url)" }

    /// The key of the group of a subscription.
    package static func groupKey(subscription id: EndpointID) -> String { "sub \(id)" }

    /// The key of the lane beside a lane of new events that holds what is sent again.
    package static func resendKey(_ laneKey: String) -> String { "replay " + laneKey }
}

/// The secrets of `webhook-signature`, in clear.
package struct WebhookSecrets {
    /// The present one.
    package var current: String?
    /// The one before.
    package var previous: String?
    /// How long the one before signs beside the present one.
    package var previousUntil: Timestamp?

    /// Joins secrets.
    package init(current: String? = nil, previous: String? = nil, previousUntil: Timestamp? = nil) {
        self.current = current
        self.previous = previous
        self.previousUntil = previousUntil
    }

    /// Those in force, the newest first.
    package func inForce(at now: Timestamp) -> [String] {
        guard let current else { return [] }
        if let previous, let previousUntil, previousUntil > now { return [current, previous] }
        return [current]
    }
}

/// How far bounded work at an endpoint has come, in the order of lanes, due times and identifiers.
package struct TendingMark: Equatable {
    /// When the work began.
    package var since: Timestamp
    /// Whether the lane of new events is done and the other one is at hand.
    package var isResend = false
    /// The due time of the last row.
    package var due: Timestamp
    /// The last row.
    package var id: DeliveryID

    /// The beginning.
    package init(since: Timestamp, from due: Timestamp) {
        self.since = since
        self.due = due
        id = DeliveryID(rawValue: 0)
    }

    /// Reads ``bytes``; what is not such a mark is a beginning.
    package init(_ bytes: [UInt8]) {
        self.init(since: Timestamp(milliseconds: 0), from: Timestamp(milliseconds: 0))
        guard bytes.count == 33, let id = DeliveryID(bytes: bytes[17...]) else { return }
        func time(at start: Int) -> Timestamp {
            Timestamp(milliseconds: bytes[start..<(start + 8)].reduce(0) { $0 << 8 | Int64($1) })
        }
        isResend = bytes[0] == 1
        since = time(at: 1)
        due = time(at: 9)
        self.id = id
    }

    /// The form in the column `tend_from`.
    package var bytes: [UInt8] {
        func bytes(_ value: Int64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) } }
        return [isResend ? 1 : 0] + bytes(since.milliseconds) + bytes(due.milliseconds) + id.bytes
    }
}
