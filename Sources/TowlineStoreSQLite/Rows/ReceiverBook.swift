import TowlineCore
import TowlineStore

/// Where a lane of deliveries leads.
struct Receiver {
    /// The group of the endpoint's lanes.
    let group: Int64
    let id: EndpointID
    let account: AccountID
    let isDisabled: Bool
    let isRemoved: Bool

    /// What is shown of a delivery whose row has a state.
    func shown(_ state: DeliveryState) -> DeliveryState { state == .pending && isDisabled ? .held : state }
}

/// Remembers where lanes lead, for as long as one read or one operation takes.
final class ReceiverBook {
    private let connection: SQLConnection
    private var known: [Int64: Receiver] = [:]

    /// An empty book.
    init(_ connection: SQLConnection) { self.connection = connection }

    /// The endpoint of a lane.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` when there is none.
    func receiver(of lane: Int64) throws -> Receiver {
        if let receiver = known[lane] { return receiver }
        let receiver = try connection.first(Self.ofLane, .integer(lane)) { try Self.read($0) }
        guard let receiver else { throw StoreError(.corrupted, "the database lacks the endpoint of lane \(lane)") }
        known[lane] = receiver
        return receiver
    }

    /// The endpoint with an id; nil when unknown.
    func receiver(_ id: EndpointID) throws -> Receiver? {
        try connection.first(Self.ofID, .id(id)) { try Self.read($0) }
    }

    private static func read(_ row: borrowing SQLRow) throws -> Receiver {
        Receiver(
            group: row.integer(0), id: try row.id(1), account: AccountID(row.text(2)), isDisabled: !row.isNull(3),
            isRemoved: !row.isNull(4))
    }

    private static let columns = "p.group_id, p.id, p.account_id, p.disabled_at, p.removed_at"
    private static let ofLane = SQL(
        "SELECT \(columns) FROM lanes l JOIN endpoints p ON p.group_id = l.group_id WHERE l.id = ?")
    private static let ofID = SQL("SELECT \(columns) FROM endpoints p WHERE p.id = ?")
}
