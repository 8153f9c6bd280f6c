import NIOCore
import NIOHTTP1
import TowlineCore
package import TowlineOutbound

/// Sends events through the guarded client: the address policy of callbacks holds for every attempt (design 4.6).
///
/// Attempts for one origin run on one event loop, where its connections are: nothing goes from thread to thread.
package final class OutboundEventSender: EventSender {
    private let client: OutboundClient
    private let targets: OutboundTargets

    /// A sender over a client that was made with the policy for callbacks.
    package init(client: OutboundClient) {
        self.client = client
        targets = OutboundTargets(client: client)
    }

    package func executor(for url: String) -> (any TaskExecutor)? {
        try? targets.target(of: url).executor
    }

    package func send(_ request: EventRequest) async -> EventExchange {
        let target: OutboundTargets.Target
        do {
            target = try targets.target(of: request.url)
        } catch {
            return EventExchange(.unusable(cause: "the callback URL is not usable: \(error.reason)"))
        }
        let outbound = OutboundRequest(
            url: target.url, method: .POST, headers: HTTPHeaders(request.headers.map { ($0.name, $0.value) }),
            body: ByteBuffer(bytes: request.body), totalTimeout: request.timeout)
        let requestHead = client.headForLog(of: outbound, isSecret: HeaderMask.isSecret)
        do throws(OutboundError) {
            let response = try await client.execute(outbound)
            // What the receiver says after its status cannot undo the status.
            let body = await response.beginning(upTo: request.keptResponseBytes, within: request.responseBodyTimeout)
            let answer = EventAnswer(
                status: Int(response.status.code), headers: response.headers.map { EventHeader($0.name, $0.value) },
                body: Array(body.readableBytesView))
            return EventExchange(
                .answered(answer), address: response.remoteAddress.description, requestHead: requestHead)
        } catch {
            return EventExchange(
                error.code == .cancelled ? .cancelled : .failed(cause: error.causeText),
                address: error.address?.description, requestHead: requestHead)
        }
    }
}
