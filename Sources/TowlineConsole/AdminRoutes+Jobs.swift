import HTTPTypes
import TowlineCore
import TowlineStore

/// Jobs.
extension AdminRoutes {
    var jobRoutes: [AdminRoute] {
        [
            AdminRoute(.get, "/api/v1/jobs") { try await listJobs($0) },
            AdminRoute(.get, "/api/v1/jobs/:id") { call in
                _ = try call.query()
                return try await detail(try call.id(of: "job"))
            },
            AdminRoute(.post, "/api/v1/jobs/:id/cancel") { try await cancelJob($0) },
            AdminRoute(.post, "/api/v1/jobs/:id/retry") { try await retryJob($0) },
        ]
    }

    private func listJobs(_ call: AdminCall) async throws -> JSONValue {
        let query = try call.query("status", "origin", "q", "cursor", "limit")
        var filter = JobFilter()
        filter.state = try query.value("status", AdminRule.oneOf(JobState.self)) { JobState(rawValue: $0.lowercased()) }
        filter.origin = query.text("origin")
        filter.text = query.text("q")
        filter.before = try query.cursor()
        let page = try await store.jobs(matching: filter, limit: try query.limit())
        return .members([
            "jobs": .array(page.items.map { AdminJSON.job($0, progress: progress($0.id)) }),
            "next": page.next.json,
        ])
    }

    private func detail(_ id: JobID) async throws -> JSONValue {
        guard let detail = try await store.jobDetail(id) else { throw AdminError.missing("job", id.description) }
        return AdminJSON.detail(detail, progress: progress(id))
    }

    private func cancelJob(_ call: AdminCall) async throws -> JSONValue {
        let id: JobID = try call.id(of: "job")
        try await call.nothing()
        let cancelled = try await store.cancel(
            [id], account: nil, onlyPending: false, failure: JobFailure(.cancelled, "an operator cancelled the job"),
            nonce: nil)
        let detail = try await detail(id)
        guard !cancelled.isEmpty else {
            throw AdminError(
                .conflict, "Conflict", "job \(id) has ended already (\(detail["state"]?.string ?? "unknown"))")
        }
        return detail
    }

    private func retryJob(_ call: AdminCall) async throws -> JSONValue {
        let id: JobID = try call.id(of: "job")
        try await call.nothing()
        _ = try await store.retry(id)
        return try await detail(id)
    }
}
