import NIOCore
import NIOHTTP1
import TowlineCore
package import TowlineOutbound

/// Sends events through the guarded client: the address policy of callbacks holds for every attempt (design 4.6).
package struct OutboundEventSender: EventSender {
    private let client: OutboundClient

    /// A sender over a client that was made with the policy for callbacks.
    package init(client: OutboundClient) { self.client = client }

    package func send(_ request: EventRequest) async throws -> EventAnswer {
        let url: HTTPURL
        do {
            url = try HTTPURL(parsing: request.url)
        } catch {
            throw EventSendError("the callback URL is not usable: \(error.reason)", isRetryable: false)
        }
        var headers = HTTPHeaders()
        for header in request.headers { headers.add(name: header.name, value: header.value) }
        let outbound = OutboundRequest(
            url: url, method: .POST, headers: headers, body: ByteBuffer(bytes: request.body),
            totalTimeout: request.timeout)
        do {
            let response = try await client.execute(outbound)
            // What the receiver says after its status cannot undo the status.
            let body = try? await response.collectBody(upTo: request.keptResponseBytes).bytes
            return EventAnswer(
                status: Int(response.status.code), address: response.remoteAddress.description,
                head: response.headers.map { "\($0.name): \($0.value)" }.joined(separator: "\n"),
                body: body.map { Array($0.readableBytesView) } ?? [])
        } catch {
            if error.code == .cancelled { throw CancellationError() }
            throw EventSendError(
                error.message, isRetryable: error.code != .addressForbidden,
                address: error.address?.description)
        }
    }
}
