import TowlineClient
import TowlineCore
import VODSignatures

/// One of the lists that the admin API gives page by page, and what is asked of it.
struct AdminList: Sendable {
    /// Below `/api/v1`, without a query.
    let path: String
    /// The member of an answer that holds the elements.
    let member: String
    /// Filters; those without a value are left out.
    var fields: [(name: String, value: String?)] = []
    /// Elements to ask for at once.
    var pageLimit = 100
}

extension AdminClient {
    /// Fetches a list page by page and hands on each page as it comes.
    ///
    /// Pages may be short or empty and still have a next one: the server looks at a bounded number of rows for each.
    ///
    /// - Parameters:
    ///   - list: The list.
    ///   - limit: Most elements in all.
    ///   - take: Called with the elements of each page, in their order; false ends it.
    /// - Throws: ``AdminClientError``, `CancellationError`, or what `take` throws.
    func pages(of list: AdminList, limit: Int, _ take: ([JSONValue]) throws -> Bool) async throws {
        var rest = limit
        var cursor: String?
        repeat {
            let fields = list.fields + [("cursor", cursor), ("limit", String(min(rest, list.pageLimit)))]
            let pairs = fields.compactMap { name, value in value.map { (name: name, value: $0) } }
            let answer = try await call(.GET, "\(list.path)?\(FormCoding.encode(pairs))")
            guard let elements = answer[list.member]?.elements else { throw notTowline(status: 200) }
            guard try take(Array(elements.prefix(rest))) else { return }
            rest -= min(elements.count, rest)
            let next = answer["next"]?.string
            cursor = next == cursor ? nil : next
        } while cursor != nil && rest > 0
    }

    /// The first elements of a list.
    func all(_ list: AdminList, limit: Int) async throws -> [JSONValue] {
        var elements: [JSONValue] = []
        try await pages(of: list, limit: limit) {
            elements += $0
            return true
        }
        return elements
    }

    /// Jobs, newest first, at most `limit`.
    func allJobs(_ query: JobQuery, limit: Int) async throws -> [JSONValue] {
        try await all(query.list, limit: limit)
    }
}

/// Which jobs a list shows.
struct JobQuery: Sendable, Hashable {
    var state: JobState?
    var origin: String?
    var text: String?

    /// The list of these jobs.
    var list: AdminList {
        AdminList(
            path: "/jobs", member: "jobs",
            fields: [("status", state?.rawValue), ("origin", origin), ("q", text)], pageLimit: 500)
    }
}
