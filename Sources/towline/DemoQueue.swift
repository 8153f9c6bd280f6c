import Foundation
import MNSWire
import TowlineClient
import TowlineCommands
import VODEvents
import VODSignatures

/// The demo's consumer of a built-in queue, over the wire as any other.
struct DemoQueue {
    static let name = "demo-events"
    private let client: MNSClient

    /// A consumer at the API listener of a server.
    init(api: String) throws {
        client = MNSClient(
            endpoint: try MNSEndpoint(parsing: api),
            credentials: MNSCredentials(accessKeyID: "towline-dev", secret: "towline-dev-secret"),
            transport: Transport(caller: HTTPCaller(timeout: .seconds(60))),
            now: { Int64(Date().timeIntervalSince1970) })
    }

    /// Receives the next event, waiting for it, and deletes its message; nil when none comes in time.
    func nextEvent() async throws -> (event: VODEvent, messageID: String)? {
        let messages = try await client.receive(upTo: 1, from: Self.name, waitSeconds: 30)
        guard let message = messages.first else { return nil }
        let event = try VODEvent(queueMessageBody: message.body)
        if let handle = message.receiptHandle { try await client.delete(handle, from: Self.name) }
        return (event, message.messageID)
    }

    private struct Transport: MNSTransport {
        let caller: HTTPCaller

        func send(_ request: MNSHTTPRequest) async throws -> MNSHTTPResponse {
            guard let method = HTTPCaller.Method(rawValue: request.method) else {
                throw CommandFailure(.failed, "the method \(request.method) is not in use")
            }
            let answer = try await caller.send(
                method: method, url: request.url, headers: request.headers, body: request.body)
            return MNSHTTPResponse(status: answer.status, headers: answer.headers, body: answer.body)
        }
    }
}
