import MNSWire
import Synchronization
import Testing
import VODSignatures

/// A transport that gives prepared answers in turn and keeps the requests.
final class ScriptedTransport: MNSTransport {
    typealias Step = @Sendable (MNSHTTPRequest) throws -> MNSHTTPResponse

    private struct State {
        var steps: [Step]
        var requests: [MNSHTTPRequest] = []
    }

    private let state: Mutex<State>

    init(_ steps: Step...) {
        state = Mutex(State(steps: steps))
    }

    convenience init(status: Int, _ body: String = "", headers: [(String, String)] = []) {
        self.init { _ in reply(status, body, headers: headers) }
    }

    var requests: [MNSHTTPRequest] {
        state.withLock { $0.requests }
    }

    func send(_ request: MNSHTTPRequest) async throws -> MNSHTTPResponse {
        let step = state.withLock { state in
            state.requests.append(request)
            return state.steps.isEmpty ? nil : state.steps.removeFirst()
        }
        guard let step else { throw Exhausted() }
        return try step(request)
    }

    struct Exhausted: Error {}
}

/// An answer.
func reply(_ status: Int, _ body: String = "", headers: [(String, String)] = []) -> MNSHTTPResponse {
    MNSHTTPResponse(status: status, headers: headers.map { (name: $0.0, value: $0.1) }, body: Array(body.utf8))
}

/// An answer with an error of the protocol.
func refusal(
    _ status: Int, _ code: String, message: String = "No.", headers: [(String, String)] = []
) -> MNSHTTPResponse {
    let elements = "<Code>\(code)</Code><Message>\(message)</Message><RequestId>R1</RequestId><HostId>h</HostId>"
    return reply(status, answer("Error", elements), headers: headers)
}

/// A client of the reference's vectors: their key, their time 2025-07-01T08:00:00Z.
func client(_ transport: ScriptedTransport, token: String? = nil) throws -> MNSClient {
    MNSClient(
        endpoint: try MNSEndpoint(parsing: "http://1.mns.cn-test.example.com/"),
        credentials: MNSCredentials(accessKeyID: "AKIDEXAMPLE", secret: "SKEXAMPLE", securityToken: token),
        transport: transport, now: { 1_751_356_800 })
}

extension MNSHTTPResponse: CustomTestStringConvertible {
    /// Status and the end of the body, instead of its bytes.
    public var testDescription: String { "\(status) \(text(body).suffix(60))" }
}
