import Hummingbird
import HummingbirdTesting
import Logging
import TowlineAPI
import TowlineCore
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting
import VODSignatures

@testable import TowlineQueueAPI

/// The queues' listener on a port of this machine, over a real store, at 2025-07-01T08:00:00Z until tests move the clock.
final class QueueFixture: Sendable {
    static let keyID = "AKIDEXAMPLE"
    static let secret = "SKEXAMPLE"
    static let requestID = "5AA5C33C0FF0123456789ABC"

    let clock: ManualClock
    let test: TestStore
    let connections = MNSConnections()
    let service: MNSService

    init(maxBodyBytes: Int = 1 << 20, waitingLimit: Int = 10_000) async throws {
        let clock = ManualClock()
        let time = MovedTime(clock: clock)
        let test = try await TestStore { configuration in
            configuration.clock = time
            configuration.waitClock = clock
            configuration.maxWaitingReceives = waitingLimit
        }
        let store = test.store
        for key in [
            AccessKey(id: Self.keyID, secret: Self.secret, account: .standard),
            AccessKey(id: "OTHER", secret: "other", account: AccountID("2000")),
            AccessKey(id: "REVOKED", secret: "revoked", account: .standard),
        ] {
            try await store.createKey(key)
        }
        try await store.revokeKey("REVOKED")
        self.clock = clock
        self.test = test
        service = MNSService(
            store: store, keys: KeyCache(store: store, signals: store.signals, clock: clock),
            publicURL: "http://mns.example.com:8787/", maxBodyBytes: maxBodyBytes, wallClock: { time.now() },
            connections: connections, makeRequestID: { Self.requestID }, logger: .silent)
    }

    /// The time of store and server.
    var now: Timestamp { MovedTime(clock: clock).now() }

    /// The listener's responder.
    var responder: MNSResponder { MNSResponder(service: service) }

    /// Runs requests against the listener.
    func run(_ body: @escaping @Sendable (Listener) async throws -> Void) async throws {
        try await run(responder, body)
    }

    /// Runs requests against a listener that answers in its own way.
    func run(
        _ responder: some HTTPResponder<MNSContext>, _ body: @escaping @Sendable (Listener) async throws -> Void
    ) async throws {
        let connections = connections
        let application = Application(
            responder: responder,
            server: .http1(configuration: .init(additionalChannelHandlers: [connections.makeHandler()])),
            configuration: .init(address: .hostname("127.0.0.1", port: 0)), logger: .silent)
        try await application.test(.live) { client in
            guard let port = client.port else { throw CancellationError() }
            // The listener ends when all its requests have.
            defer { self.test.store.endQueueWaits() }
            try await body(Listener(port: port, fixture: self))
        }
    }

    /// Moves the clock once somebody sleeps by it.
    func advance(by duration: Duration) async {
        await clock.waitForSleepers(1)
        clock.advance(by: duration)
    }

    /// Waits until so many receives wait for messages.
    func waitForReceives(_ count: Int) async {
        while test.store.waitingReceives != count { await Task.yield() }
    }

    /// The time that the manual clock moves.
    private struct MovedTime: StoreClock {
        let clock: ManualClock
        func now() -> Timestamp { Timestamp(milliseconds: 1_751_356_800_000) + clock.elapsed }
    }
}

/// The listener as clients see it.
struct Listener: Sendable {
    let port: Int
    let fixture: QueueFixture

    /// A connection of its own.
    func connect() async throws -> Caller { Caller(raw: try await RawClient(port: port), fixture: fixture) }
}

/// A client with one connection that signs what it sends.
struct Caller: Sendable {
    let raw: RawClient
    let fixture: QueueFixture

    /// A request and its answer.
    func call(
        _ method: String, _ target: String, _ body: String? = nil, headers: [(String, String)] = [],
        keyID: String = QueueFixture.keyID, secret: String = QueueFixture.secret
    ) async throws -> RawAnswer {
        try await begin(method, target, body, headers: headers, keyID: keyID, secret: secret)
        guard let answer = await raw.answer(hasBody: method != "HEAD") else { throw CancellationError() }
        return answer
    }

    /// A request whose answer is read later.
    func begin(
        _ method: String, _ target: String, _ body: String? = nil, headers: [(String, String)] = [],
        keyID: String = QueueFixture.keyID, secret: String = QueueFixture.secret
    ) async throws {
        var lines = headers
        if !lines.contains(where: { $0.0.lowercased() == "date" || $0.0.lowercased() == "x-mns-date" }) {
            lines.append(("Date", UTCTimestamp.httpDate(fixture.now.milliseconds / 1000)))
        }
        if !lines.contains(where: { $0.0.lowercased() == "x-mns-version" }) {
            lines.append(("x-mns-version", "2015-06-06"))
        }
        if body != nil, !lines.contains(where: { $0.0.lowercased() == "content-type" }) {
            lines.append(("content-type", "text/xml;charset=UTF-8"))
        }
        let signed = MNSSignatureV2.sign(
            method: method, target: target, headers: lines.map { (name: $0.0, value: $0.1) }, accessKeyID: keyID,
            secret: secret)
        lines.append(("Authorization", signed.headerValue))
        try await raw.send(Self.request(method, target, lines, body))
    }

    /// The bytes of a request whose headers are all given.
    static func request(
        _ method: String, _ target: String, _ headers: [(String, String)], _ body: String?
    ) -> String {
        var text = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        if let body { text += "Content-Length: \(body.utf8.count)\r\n" }
        return text + "\r\n" + (body ?? "")
    }

    /// Creates a queue.
    func create(_ name: String, _ attributes: String = "") async throws {
        let answer = try await call("PUT", "/queues/\(name)", "<Queue>\(attributes)</Queue>")
        guard answer.status == 201 else { throw Unexpected(answer: answer) }
    }

    /// Sends a message.
    func send(_ body: String, to name: String, _ more: String = "") async throws {
        let answer = try await call(
            "POST", "/queues/\(name)/messages", "<Message><MessageBody>\(body)</MessageBody>\(more)</Message>")
        guard answer.status == 201 else { throw Unexpected(answer: answer) }
    }

    /// Receives a message and returns its handle.
    func receive(from name: String) async throws -> String {
        let answer = try await call("GET", "/queues/\(name)/messages")
        guard let handle = answer.element("ReceiptHandle") else { throw Unexpected(answer: answer) }
        return handle
    }

    struct Unexpected: Error {
        let answer: RawAnswer
    }
}
