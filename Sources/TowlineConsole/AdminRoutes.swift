import HTTPTypes
package import Hummingbird
package import Logging
import NIOCore
package import TowlineCore
package import TowlineStore

/// The admin API, built endpoint by endpoint with the command that needs it (interface.md, "Admin API").
package struct AdminRoutes: Sendable {
    private let store: any Store
    private let progress: @Sendable (JobID) -> JobProgress?
    private let unknownParameters: @Sendable () -> [String: Int]
    private let isReady: @Sendable () async throws -> Void
    private let makeSecret: @Sendable () -> (id: String, secret: String)
    private let token: String?
    private let version: String
    private let logger: Logger

    /// Routes over a store.
    ///
    /// - Parameters:
    ///   - store: What is shown and changed.
    ///   - progress: The progress of a running job as this process knows it.
    ///   - unknownParameters: Parameters that no VOD action knows, with counts.
    ///   - isReady: Throws the reason when the process cannot take work.
    ///   - makeSecret: Gives a fresh random access key.
    ///   - token: What callers must show (`admin.token`); nil lets loopback in.
    ///   - version: The version of this build.
    ///   - logger: Gets what goes wrong.
    package init(
        store: any Store, progress: @escaping @Sendable (JobID) -> JobProgress?,
        unknownParameters: @escaping @Sendable () -> [String: Int],
        isReady: @escaping @Sendable () async throws -> Void,
        makeSecret: @escaping @Sendable () -> (id: String, secret: String), token: String?, version: String,
        logger: Logger
    ) {
        self.store = store
        self.progress = progress
        self.unknownParameters = unknownParameters
        self.isReady = isReady
        self.makeSecret = makeSecret
        self.token = token
        self.version = version
        self.logger = logger
    }

    /// The router with every route.
    package func router() -> Router<AdminContext> {
        let router = Router(context: AdminContext.self)
        router.add(middleware: AdminGuard(token: token))
        router.get("/healthz") { _, _ in Response.json(.members(["status": .string("ok")])) }
        router.get("/readyz") { _, _ in await answer { try await readiness() } }
        let api = router.group("/api/v1")
        api.get("/stats") { _, _ in await answer { try await stats() } }
        api.get("/jobs") { request, _ in await answer { try await listJobs(request) } }
        api.get("/jobs/:id") { _, context in await answer { try await job(context) } }
        api.post("/jobs/:id/cancel") { _, context in await answer { try await cancel(context) } }
        api.post("/jobs/:id/retry") { _, context in await answer { try await retry(context) } }
        api.get("/keys") { _, _ in await answer { try await listKeys() } }
        api.post("/keys") { request, _ in await answer { try await createKey(request) } }
        api.post("/keys/:id/revoke") { _, context in await answer { try await revokeKey(context) } }
        return router
    }

    private func answer(_ work: () async throws -> JSONValue) async -> Response {
        do {
            return .json(try await work())
        } catch {
            let adminError = AdminError(error)
            if adminError.status.code >= 500 {
                logger.error("an admin request failed", metadata: ["error": "\(error)"])
            }
            return adminError.response
        }
    }

    private func readiness() async throws -> JSONValue {
        do {
            try await isReady()
        } catch {
            throw AdminError(.serviceUnavailable, "NotReady", "\(error)")
        }
        return .members(["status": .string("ready")])
    }

    private func stats() async throws -> JSONValue {
        let jobs = try await store.jobCounts()
        let deliveries = try await store.deliveryCounts()
        let unknown = unknownParameters()
        return .members([
            "version": .string(version),
            "jobs": .object(JobState.allCases.map { .init($0.rawValue, .integer(jobs[$0] ?? 0)) }),
            "deliveries": .object(DeliveryState.allCases.map { .init($0.rawValue, .integer(deliveries[$0] ?? 0)) }),
            "unknownParameters": .object(
                unknown.keys.sorted().map { .init($0, .integer(unknown[$0] ?? 0)) }),
        ])
    }

    private func listJobs(_ request: Request) async throws -> JSONValue {
        let query = request.uri.queryParameters
        var filter = JobFilter()
        if let text = query.get("status"), !text.isEmpty {
            guard let state = JobState(rawValue: text.lowercased()) else {
                let names = JobState.allCases.map(\.rawValue).joined(separator: ", ")
                throw AdminError.badRequest("status is one of \(names)")
            }
            filter.state = state
        }
        filter.origin = query.get("origin").flatMap { $0.isEmpty ? nil : $0 }
        filter.text = query.get("q").flatMap { $0.isEmpty ? nil : $0 }
        if let cursor = query.get("cursor"), !cursor.isEmpty {
            guard let before = JobID(cursor) else {
                throw AdminError.badRequest("cursor is the 'next' of the page before")
            }
            filter.before = before
        }
        var limit = 50
        if let text = query.get("limit"), !text.isEmpty {
            guard let number = Int(text), (1...500).contains(number) else {
                throw AdminError.badRequest("limit is a number from 1 to 500")
            }
            limit = number
        }
        let page = try await store.jobs(matching: filter, limit: limit)
        return .members([
            "jobs": .array(page.items.map { AdminJSON.job($0, progress: progress($0.id)) }),
            "next": page.next.json,
        ])
    }

    private func jobID(_ context: AdminContext) throws -> JobID {
        let text = context.parameters.get("id") ?? ""
        guard let id = JobID(text) else {
            throw AdminError(.notFound, "NotFound", "there is no job \(text.prefix(64))")
        }
        return id
    }

    private func detail(_ id: JobID) async throws -> JSONValue {
        guard let detail = try await store.jobDetail(id) else {
            throw AdminError(.notFound, "NotFound", "there is no job \(id)")
        }
        return AdminJSON.detail(detail, progress: progress(id))
    }

    private func job(_ context: AdminContext) async throws -> JSONValue { try await detail(try jobID(context)) }

    private func cancel(_ context: AdminContext) async throws -> JSONValue {
        let id = try jobID(context)
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

    private func retry(_ context: AdminContext) async throws -> JSONValue {
        let id = try jobID(context)
        _ = try await store.retry(id)
        return try await detail(id)
    }

    private func listKeys() async throws -> JSONValue {
        .members(["keys": .array(try await store.listKeys().map(AdminJSON.key))])
    }

    private func createKey(_ request: Request) async throws -> JSONValue {
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: 64 << 10)
        } catch is NIOTooManyBytesError {
            throw AdminError(.contentTooLarge, "TooLarge", "the body is larger than 64 KiB")
        }
        let value: JSONValue
        do {
            value = body.readableBytes == 0 ? .object([]) : try JSONParser.parse(body.readableBytesView)
        } catch {
            throw AdminError.badRequest("the body is a JSON object: \(error)")
        }
        let fresh = makeSecret()
        let id = value["id"]?.string ?? fresh.id
        let secret = value["secret"]?.string ?? fresh.secret
        let account = value["account"]?.string ?? AccountID.standard.description
        let isName = id.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) || [0x2D, 0x2E, 0x5F].contains(byte)
        }
        guard (1...128).contains(id.utf8.count), isName else {
            throw AdminError.badRequest("id has 1 to 128 letters, digits, '-', '.' and '_'")
        }
        guard (8...256).contains(secret.utf8.count), secret.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw AdminError.badRequest("secret has 8 to 256 printable ASCII characters without blanks")
        }
        guard (1...32).contains(account.utf8.count), account.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw AdminError.badRequest("account has 1 to 32 digits")
        }
        try await store.createKey(AccessKey(id: id, secret: secret, account: AccountID(account)))
        return .members(["id": .string(id), "secret": .string(secret), "account": .string(account)])
    }

    private func revokeKey(_ context: AdminContext) async throws -> JSONValue {
        let id = context.parameters.get("id") ?? ""
        try await store.revokeKey(id)
        return .members(["id": .string(id), "revoked": .bool(true)])
    }
}
