import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import Synchronization
import TowlineCore
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting

@testable import TowlineConsole

/// The admin API over a real store, called without a network by whoever shows the token.
final class AdminFixture: Sendable {
    static let token = "a-token-of-tests"

    let test: TestStore
    let shutdown = TestSignal()

    init(policy: DeliveryPolicy.Name = .durable) async throws { test = try await TestStore(policy: policy) }

    var store: SQLiteStore { test.store }

    /// What the API answered.
    struct Answer: Sendable {
        let status: Int
        let headers: HTTPFields
        let text: String
        var json: JSONValue { (try? JSONParser.parse(text)) ?? .null }
        var message: String { json["error"]?["message"]?.string ?? "" }
        subscript(name: String) -> JSONValue? { json[name] }
        /// The text of a member.
        func string(_ name: String) -> String { json[name]?.string ?? "" }
    }

    /// Sends requests.
    struct Caller: Sendable {
        let client: any TestClientProtocol

        func get(_ path: String) async throws -> Answer { try await send(.get, path) }

        func post(_ path: String, _ body: String = "") async throws -> Answer { try await send(.post, path, body) }

        func delete(_ path: String) async throws -> Answer { try await send(.delete, path) }

        func send(_ method: HTTPRequest.Method, _ path: String, _ body: String = "") async throws -> Answer {
            try await client.execute(
                uri: path.hasPrefix("/healthz") || path.hasPrefix("/readyz") ? path : "/api/v1" + path, method: method,
                headers: [.authorization: "Bearer \(AdminFixture.token)"], body: ByteBuffer(string: body)
            ) { response in
                Answer(status: response.status.code, headers: response.headers, text: String(buffer: response.body))
            }
        }
    }

    /// Runs requests against one router.
    func run(_ body: @escaping @Sendable (Caller) async throws -> Void) async throws {
        var hooks = AdminHooks()
        hooks.untilShutdown = { [shutdown] in await shutdown.wait() }
        hooks.randomBytes = { [UInt8](repeating: 0x2A, count: $0) }
        hooks.wallClock = { Timestamp(milliseconds: 1_767_323_045_000) }
        hooks.callbackRefusal = { url in
            url.hostName == "blocked.example.com"
                ? "The host blocked.example.com has the address 10.0.0.1, which the rule 'private' blocks." : nil
        }
        hooks.resolveQueue = { target, account in
            target == .queue(name: "missing")
                ? .refused("There is no queue missing.") : .target(.queue(name: "resolved-\(account)"))
        }
        hooks.composeRequest = { event, url, signing in
            [
                ("x-event", event.id.description), ("x-url", url), ("x-key", signing.authKey ?? "none"),
                ("x-secrets", signing.webhookSecrets.joined(separator: " ")),
            ]
        }
        let store = test.store
        let routes = AdminRoutes(
            store: store, progress: { _ in nil }, unknownParameters: { ["NewField": 2] }, isReady: {},
            makeSecret: { ("TLfresh", "freshSecret123") }, token: Self.token, version: "1.2.3", hooks: hooks,
            logger: .silent)
        try await Application(router: routes.router(), logger: .silent).test(.router) { client in
            try await body(Caller(client: client))
        }
    }

    /// Makes a job and cancels it, so that there is an event; gives the event's id.
    func makeEvent(_ path: String = "a.mp4") async throws -> EventID {
        let job = try await test.accept(path)
        _ = try await store.cancel(
            [job.id], account: nil, onlyPending: false, failure: JobFailure(.cancelled, "a test cancelled it"),
            nonce: nil)
        guard let event = try await store.jobDetail(job.id)?.events.first else {
            throw StoreError(.notFound, "the job has no event")
        }
        return event.id
    }
}
