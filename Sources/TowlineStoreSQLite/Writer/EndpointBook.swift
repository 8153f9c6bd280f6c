import TowlineCore
import TowlineStore

/// Endpoints that the writer has read, and when the next attempt may begin at those with a limit for each second.
///
/// Lives on the writer's thread.
final class EndpointBook {
    private static let capacity = 4096
    private var known: [Int64: StoredEndpoint] = [:]
    /// The groups of an account's subscriptions, in the order of their making.
    private var subscriptions: [AccountID: [Int64]] = [:]
    /// Before when no attempt begins in a group.
    private var nextStarts: [Int64: Timestamp] = [:]
    /// Endpoints whose health the operation at hand has changed, with the end of the pause before it.
    private(set) var changed: [(endpoint: StoredEndpoint, pausedUntil: Timestamp?)] = []
    /// The group that was tended last: endpoints take turns.
    var lastTended: Int64 = 0

    /// Starts an operation without changes.
    func beginOperation() {
        if !changed.isEmpty { changed.removeAll(keepingCapacity: true) }
    }

    /// A remembered endpoint.
    func endpoint(group: Int64) -> StoredEndpoint? { known[group] }

    /// Remembers an endpoint; forgets all others first when there are too many, but those whose row is yet to be
    /// written.
    func remember(_ endpoint: StoredEndpoint) {
        if known.count >= Self.capacity {
            known.removeAll()
            for change in changed { known[change.endpoint.group] = change.endpoint }
        }
        known[endpoint.group] = endpoint
    }

    /// Notes that an endpoint's health is about to change.
    ///
    /// The row is written when the operation ends.
    func willChange(_ endpoint: StoredEndpoint) {
        guard !changed.contains(where: { $0.endpoint === endpoint }) else { return }
        changed.append((endpoint, endpoint.health.pausedUntil))
    }

    /// The groups of an account's subscriptions, from memory or read by a closure.
    func subscriptions(of account: AccountID, read: () throws -> [Int64]) rethrows -> [Int64] {
        if let known = subscriptions[account] { return known }
        let groups = try read()
        if subscriptions.count >= Self.capacity { subscriptions.removeAll() }
        subscriptions[account] = groups
        return groups
    }

    /// Forgets which subscriptions an account has: one was made or removed.
    func forgetSubscriptions(of account: AccountID) { subscriptions[account] = nil }

    /// Before when no attempt begins in a group; nil without such a moment.
    func nextStart(group: Int64) -> Timestamp? { nextStarts.isEmpty ? nil : nextStarts[group] }

    /// Notes that attempts have begun in a group whose next may begin at a moment.
    func setNextStart(_ time: Timestamp, group: Int64, now: Timestamp) {
        if nextStarts.count >= Self.capacity { nextStarts = nextStarts.filter { $0.value > now } }
        nextStarts[group] = time
    }

    /// Lets the next attempt in a group begin at once: its limit has changed.
    func forgetNextStart(group: Int64) { nextStarts[group] = nil }

    /// Forgets what may have been undone; attempts that never began keep their place in the second.
    func forget() {
        known.removeAll()
        subscriptions.removeAll()
        beginOperation()
    }
}
