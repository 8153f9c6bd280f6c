import TowlineCore
import TowlineStore

/// One page of the operators' list of endpoints, newest first.
///
/// The filter is compared row by row, in a bounded number of rows for each page: a page may hold fewer endpoints than
/// asked for, or none, and still name a next one.
struct EndpointPage {
    /// Most rows that one page looks at.
    static let scanned = 5000

    let filter: EndpointFilter
    let limit: Int

    /// Reads the page.
    func read(from connection: SQLConnection, at now: Timestamp) throws -> Page<Endpoint> {
        var items: [Endpoint] = []
        var last: EndpointID?
        var looked = 0
        var hasMore = false
        let before = filter.before ?? EndpointID(rawValue: .max)
        try connection.each(EndpointQuery.before, .id(before)) { row in
            guard items.count < limit, looked < Self.scanned else {
                hasMore = true
                return false
            }
            looked += 1
            last = try row.id(1)
            if fits(row) { items.append(try EndpointRows.endpoint(row, at: now)) }
            return true
        }
        return Page(items: items, next: hasMore ? last?.description : nil)
    }

    private func fits(_ row: borrowing SQLRow) -> Bool {
        // A removed subscription is shown as long as something that waited for it has not been ended.
        if !row.isNull(19), row.isNull(24) { return false }
        if let kind = filter.kind, row.int(2) != kind.number { return false }
        if let account = filter.account, row.text(3) != account.description { return false }
        if let isDisabled = filter.isDisabled, isDisabled == row.isNull(16) { return false }
        return true
    }
}
