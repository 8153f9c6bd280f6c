import TowlineCore
import TowlineStore

/// An endpoint within one transaction, with the lanes that hang on it.
final class HeldEndpoint {
    let stored: StoredEndpoint
    /// The row of its account in `lane_accounts`.
    let owner: Int64
    /// The end of its pause when it was read.
    let pausedUntil: Timestamp?

    /// What an endpoint is read with, after the columns of ``EndpointRows/columns``.
    static let columns = "\(EndpointRows.columns), p.event_lane, p.resend_lane, l.owner_id"
    /// What a query for ``columns`` reads from.
    static let tables = "endpoints p JOIN lanes l ON l.id = p.event_lane"

    /// Reads ``columns``.
    init(_ row: borrowing PostgresRow, secretBox: SecretBox) throws {
        stored = try StoredEndpoint(row, secretBox: secretBox)
        stored.lanes = (row.integer(25), row.optionalInteger(26))
        owner = row.integer(27)
        pausedUntil = stored.health.pausedUntil
    }

    /// The lane of new events.
    var eventLane: Lane { lane(stored.lanes.event ?? 0) }

    /// One of its lanes.
    func lane(_ id: Int64) -> Lane { Lane(id: id, group: stored.group, owner: owner) }

    /// When a row that is due at a time can be claimed, as far as the endpoint tells; nil when it lets nothing through.
    func earliest(from time: Timestamp) -> Timestamp? {
        if stored.isClosed { return nil }
        return stored.health.pausedUntil.map { max(time, $0) } ?? time
    }
}

/// Endpoints that a transaction has read.
final class EndpointBook {
    private var byGroup: [Int64: HeldEndpoint] = [:]
    private var callbacks: [UInt128: Int64] = [:]
    private(set) var subscriptions: [AccountID: [Int64]] = [:]
    /// Endpoints whose health or tending has changed.
    private(set) var changed: [Int64: HeldEndpoint] = [:]

    /// An empty book.
    init() {}

    /// Remembers an endpoint; one that is known already stays as it is.
    @discardableResult
    func add(_ endpoint: HeldEndpoint) -> HeldEndpoint {
        if let known = byGroup[endpoint.stored.group] { return known }
        byGroup[endpoint.stored.group] = endpoint
        if endpoint.stored.kind == .callback {
            callbacks[LaneKey.group(account: endpoint.stored.account, url: endpoint.stored.url)] = endpoint.stored.group
        }
        return endpoint
    }

    /// Remembers a subscription of an account, in the order of their making.
    func addSubscription(_ endpoint: HeldEndpoint) {
        add(endpoint)
        subscriptions[endpoint.stored.account, default: []].append(endpoint.stored.group)
    }

    /// The endpoint of a group.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` when it was not read.
    func endpoint(group: Int64) throws -> HeldEndpoint {
        guard let endpoint = byGroup[group] else {
            throw StoreError(.corrupted, "the database lacks the endpoint of group \(group)")
        }
        return endpoint
    }

    /// The endpoint of an account's callbacks to a URL, if it was read.
    func callback(account: AccountID, url: String) -> HeldEndpoint? {
        callbacks[LaneKey.group(account: account, url: url)].flatMap { byGroup[$0] }
    }

    /// Notes that an endpoint's health or tending has changed.
    func change(_ endpoint: HeldEndpoint) { changed[endpoint.stored.group] = endpoint }

    /// Forgets changes that were written.
    func settle() { changed.removeAll() }
}
