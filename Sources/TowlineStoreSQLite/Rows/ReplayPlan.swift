import TowlineCore
import TowlineStore

/// What a replay does with each event: the same for a count, which only reads, as for the steps that make deliveries.
///
/// Lives as long as one read or one operation.
final class ReplayPlan {
    /// Rows that one pass has looked at, and what it found.
    struct Pass {
        /// The last row that was looked at.
        var cursor: Int64
        /// Whether the last row of the range has been looked at.
        var isAtEnd = false
        /// Deliveries of all events.
        var deliveries = 0
        /// Events with at least one delivery, with the groups of the endpoints that get them.
        var events: [(event: Int64, groups: [Int64])] = []
    }

    /// How far one pass goes.
    struct Bounds {
        /// Most events that are looked at.
        var events: Int
        /// Most rows of events and deliveries that are looked at.
        var rows: Int
        /// Most deliveries, unless a single event has more.
        var deliveries: Int
    }

    private let matcher: EventMatcher
    private let replay: ReplayID?
    private let request: ReplayRequest
    private let destination: Receiver?

    /// The plan of a request.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - replay: The replay whose deliveries count for nothing, where it exists already.
    ///   - connection: What to read with.
    /// - Throws: SQLite's failure.
    init(_ request: ReplayRequest, replay: ReplayID? = nil, connection: SQLConnection) throws {
        let matcher = EventMatcher(request.filter, connection: connection)
        self.matcher = matcher
        self.replay = replay
        self.request = request
        destination = try request.destination.flatMap { try matcher.receivers.receiver($0) }
    }

    /// Refuses a destination that nothing may be sent to.
    ///
    /// - Throws: ``StoreError`` with code `notFound` when it is unknown, `conflict` when it was removed.
    func verify() throws {
        guard let id = request.destination else { return }
        guard let destination else { throw StoreError(.notFound, "there is no endpoint \(id)") }
        guard !destination.isRemoved else { throw StoreError(.conflict, "the endpoint \(id) was removed") }
    }

    /// Looks at the next events after a row.
    func pass(after cursor: Int64, upTo last: Int64, within bounds: Bounds) throws -> Pass {
        var pass = Pass(cursor: cursor, isAtEnd: true)
        let before = matcher.looked
        var looked = 0
        try matcher.forward(after: cursor, upTo: last) { row in
            guard looked < bounds.events, looked + matcher.looked - before < bounds.rows,
                pass.deliveries < bounds.deliveries
            else {
                pass.isAtEnd = false
                return false
            }
            let groups = try self.groups(row)
            guard pass.deliveries == 0 || pass.deliveries + groups.count <= bounds.deliveries else {
                pass.isAtEnd = false
                return false
            }
            looked += 1
            pass.cursor = row.integer(0)
            pass.deliveries += groups.count
            if !groups.isEmpty { pass.events.append((pass.cursor, groups)) }
            return true
        }
        if pass.isAtEnd { pass.cursor = max(cursor, last) }
        return pass
    }

    /// The groups of the endpoints that get an event.
    private func groups(_ row: borrowing SQLRow) throws -> [Int64] {
        guard matcher.fits(row) else { return [] }
        guard request.destination != nil else {
            return try matcher.endpoints(of: row.integer(0), except: replay).filter { !$0.isRemoved }.map(\.group)
        }
        guard let destination, !destination.isRemoved, row.text(2) == destination.account.description
        else { return [] }
        if matcher.asksForDeliveries, try matcher.endpoints(of: row.integer(0), except: replay).isEmpty { return [] }
        return [destination.group]
    }
}
