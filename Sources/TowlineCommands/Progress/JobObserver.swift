import TowlineClient

/// Tells where jobs stand.
protocol JobObserver: Sendable {
    /// The jobs among these that are known, in no order.
    ///
    /// - Throws: ``AdminClientError``, `VODClientError`, or `CancellationError`.
    mutating func snapshots(of ids: [String]) async throws -> [JobSnapshot]
}

/// Asks the admin API, which knows bytes.
struct AdminJobObserver: JobObserver {
    let client: AdminClient
    /// Calls at once.
    private static let concurrency = 8

    func snapshots(of ids: [String]) async throws -> [JobSnapshot] {
        try await withThrowingTaskGroup(of: JobSnapshot.self) { group in
            var found: [JobSnapshot] = []
            var rest = ids[...]
            for id in rest.prefix(Self.concurrency) { group.addTask { try await self.snapshot(of: id) } }
            rest = rest.dropFirst(Self.concurrency)
            while let snapshot = try await group.next() {
                found.append(snapshot)
                if let id = rest.popFirst() { group.addTask { try await self.snapshot(of: id) } }
            }
            return found
        }
    }

    private func snapshot(of id: String) async throws -> JobSnapshot {
        JobSnapshot(AdminJob(try await client.job(id)))
    }
}

/// Asks the VOD API, which knows states only.
struct WireJobObserver: JobObserver {
    let client: VODClient
    /// Ids in one call (vod-api 2.1).
    private static let batch = 10

    func snapshots(of ids: [String]) async throws -> [JobSnapshot] {
        var found: [JobSnapshot] = []
        var rest = ids[...]
        while !rest.isEmpty {
            let answer = try await client.getURLUploadInfos(jobIDs: Array(rest.prefix(Self.batch)))
            found += answer.infos.map { JobSnapshot($0) }
            rest = rest.dropFirst(Self.batch)
        }
        return found
    }
}

/// Asks one observer; once the admin API fails while the other still answers, it is that one for good.
///
/// When both fail, the server is away as a whole, and the next question begins with the first again.
struct FallbackJobObserver<Primary: JobObserver, Secondary: JobObserver>: JobObserver {
    private var primary: Primary
    private var secondary: Secondary
    private var isFallenBack = false
    private let onFallback: @Sendable (AdminClientError) -> Void

    /// Joins two observers; `onFallback` is told why, once.
    init(_ primary: Primary, _ secondary: Secondary, onFallback: @escaping @Sendable (AdminClientError) -> Void) {
        self.primary = primary
        self.secondary = secondary
        self.onFallback = onFallback
    }

    mutating func snapshots(of ids: [String]) async throws -> [JobSnapshot] {
        if isFallenBack { return try await secondary.snapshots(of: ids) }
        do {
            return try await primary.snapshots(of: ids)
        } catch let error as AdminClientError {
            let found = try await secondary.snapshots(of: ids)
            isFallenBack = true
            onFallback(error)
            return found
        }
    }
}
