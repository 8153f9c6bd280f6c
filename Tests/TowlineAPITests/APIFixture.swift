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
import VODSignatures

@testable import TowlineAPI

/// The VOD responder over a real store, called without a network, with a wall clock that tests set.
final class APIFixture: Sendable {
    static let secret = "vodRefDocSecret0123456789abcd"
    static let keyID = "LTAIvodRefDocKey01"

    let test: TestStore
    let now = Mutex<Int64>(1_767_323_045)
    private let limits: [String: Double]
    private let queues: QueueTargets?

    init(limits: [String: Double] = [:], queues: QueueTargets? = nil) async throws {
        test = try await TestStore()
        self.limits = limits
        self.queues = queues
        try await test.store.createKey(AccessKey(id: Self.keyID, secret: Self.secret, account: .standard))
    }

    /// What the API answered.
    struct Answer: Sendable {
        let status: Int
        let headers: HTTPFields
        let text: String
        var json: JSONValue { (try? JSONParser.parse(text)) ?? .null }
        var code: String? { json["Code"]?.string }
        var message: String? { json["Message"]?.string }
    }

    private var responder: VODResponder {
        let wallClock: @Sendable () -> Timestamp = { [self] in Timestamp(milliseconds: now.withLock { $0 } * 1000) }
        let store = test.store
        let service = VODService(
            store: store, sources: Judge(), callbacks: Judge(), queues: queues,
            authenticator: VODAuthenticator(
                keys: KeyCache(store: store, signals: store.signals), wallClock: wallClock),
            limiter: RateLimiter(perSecond: limits, clock: ManualClock()), wallClock: wallClock, logger: .silent)
        return VODResponder(
            service: service, maxBodyBytes: 1 << 20, makeRequestID: { "9D3E7A10-2C4B-4F5D-8A61-0E1F2A3B4C5D" })
    }

    /// Runs calls against one responder.
    func run(_ body: @escaping @Sendable (Caller) async throws -> Void) async throws {
        let application = Application(responder: responder, logger: .silent)
        try await application.test(.router) { client in
            try await body(Caller(client: client, fixture: self))
        }
    }

    /// Signs and sends calls.
    struct Caller: Sendable {
        let client: any TestClientProtocol
        let fixture: APIFixture

        /// A call signed by parameters, everything in the query unless `inForm`.
        func rpc(
            _ action: String, _ parameters: [String: String] = [:], method: HTTPRequest.Method = .post,
            inForm: Bool = false, nonce: String = "\(UInt64.random(in: .min ... .max))", format: String? = "JSON",
            change: (inout [NameValuePair]) -> Void = { _ in }, secret: String = APIFixture.secret
        ) async throws -> Answer {
            let now = fixture.now.withLock { $0 }
            var pairs: [NameValuePair] = [
                ("Action", action), ("Version", "2017-03-21"), ("AccessKeyId", APIFixture.keyID),
                ("SignatureMethod", "HMAC-SHA1"), ("SignatureVersion", "1.0"), ("SignatureNonce", nonce),
                ("Timestamp", UTCTimestamp.format(now)),
            ]
            if let format { pairs.append(("Format", format)) }
            pairs += parameters.map { ($0.key, $0.value) }
            change(&pairs)
            let text = RPCSignature.stringToSign(method: method.rawValue, parameters: pairs)
            pairs.append(("Signature", RPCSignature.signature(secret: secret, stringToSign: text)))
            let encoded = FormCoding.encode(pairs)
            return try await send(
                method, target: inForm ? "/" : "/?" + encoded,
                headers: inForm ? [.contentType: "application/x-www-form-urlencoded"] : [:],
                body: inForm ? encoded : "")
        }

        /// A call signed by headers.
        func acs3(_ action: String, _ parameters: [String: String] = [:]) async throws -> Answer {
            let now = fixture.now.withLock { $0 }
            let query = parameters.map { (name: $0.key, value: $0.value) }
            var headers: [NameValuePair] = [
                ("host", "localhost"), ("x-acs-action", action), ("x-acs-version", "2017-03-21"),
                ("x-acs-date", UTCTimestamp.format(now)),
                ("x-acs-signature-nonce", "\(UInt64.random(in: .min ... .max))"),
                ("x-acs-content-sha256", ACS3Signature.emptyBodyHash),
            ]
            let signed = try ACS3Signature.sign(
                .init(
                    method: "POST", path: "/", query: query, headers: headers, bodyHash: ACS3Signature.emptyBodyHash),
                accessKeyID: APIFixture.keyID, secret: APIFixture.secret)
            headers.append(("authorization", signed.headerValue))
            var fields = HTTPFields()
            for header in headers where header.name != "host" {
                if let name = HTTPField.Name(header.name) { fields[name] = header.value }
            }
            return try await send(.post, target: "/?" + FormCoding.encode(query), headers: fields, body: "")
        }

        func send(
            _ method: HTTPRequest.Method, target: String, headers: HTTPFields, body: String
        ) async throws -> Answer {
            try await client.execute(
                uri: target, method: method, headers: headers, body: ByteBuffer(string: body)
            ) { response in
                Answer(
                    status: response.status.code, headers: response.headers, text: String(buffer: response.body))
            }
        }
    }

    /// Blocks what `dev` blocks too: link-local and metadata addresses, and one host for tests.
    struct Judge: AddressJudge {
        func refusal(of url: HTTPURL) async -> String? {
            if url.hostName == "blocked.example.com" {
                return "The host blocked.example.com has the address 10.0.0.1, which the rule 'private' blocks."
            }
            guard case .address(let address) = url.host else { return nil }
            let verdict = AddressPolicy.standard.judge(address)
            return verdict.allowed ? nil : "The host \(url.hostName) is blocked by the rule '\(verdict.rule)'."
        }
    }
}
