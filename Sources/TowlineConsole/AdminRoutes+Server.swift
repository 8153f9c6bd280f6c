import HTTPTypes
import TowlineCore
import TowlineStore

/// Health, readiness and numbers.
extension AdminRoutes {
    var serverRoutes: [AdminRoute] {
        [
            AdminRoute(.get, "/healthz") { _ in .members(["status": .string("ok")]) },
            AdminRoute(.get, "/readyz") { _ in try await readiness() },
            AdminRoute(.get, "/api/v1/stats") { try await stats($0) },
        ]
    }

    private func readiness() async throws -> JSONValue {
        do {
            try await isReady()
        } catch {
            throw AdminError(.serviceUnavailable, "NotReady", "\(error)")
        }
        return .members(["status": .string("ready")])
    }

    private func stats(_ call: AdminCall) async throws -> JSONValue {
        _ = try call.query()
        let jobs = try await store.jobCounts()
        let deliveries = try await store.deliveryCounts()
        let disabled = try await store.endpoints(matching: EndpointFilter(isDisabled: true), limit: 500)
        let replays = try await store.replays(limit: 500)
        let unknown = unknownParameters()
        return .members([
            "version": .string(version),
            "jobs": .object(JobState.allCases.map { .init($0.rawValue, .integer(jobs[$0] ?? 0)) }),
            "deliveries": .object(DeliveryState.allCases.map { .init($0.rawValue, .integer(deliveries[$0] ?? 0)) }),
            "endpoints": .members(["disabled": .integer(disabled.items.count)]),
            "replays": .members(["open": .integer(replays.count { $0.state == .running || $0.state == .cancelling })]),
            "unknownParameters": .object(
                unknown.keys.sorted().map { .init($0, .integer(unknown[$0] ?? 0)) }),
        ])
    }
}
