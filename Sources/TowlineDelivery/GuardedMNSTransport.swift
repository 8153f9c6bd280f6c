import MNSWire
import NIOCore
import NIOHTTP1
import Synchronization
import TowlineCore
import TowlineOutbound
import VODSignatures

/// Carries the requests of one attempt through the guarded client, within the attempt's time, and keeps the last exchange
/// for the log.
///
/// There are two requests at most: the client repeats one that was dated wrong by the server's clock.
final class GuardedMNSTransport: MNSTransport {
    /// The last exchange as a log shows it.
    struct Log: Sendable {
        var address: String?
        var requestHead = ""
        var answer: EventAnswer?
    }

    /// How much of an answer is read at least: the whole of every answer to a message that the protocol knows.
    private static let smallestLimit = 16 << 10

    private let client: OutboundClient
    private let targets: OutboundTargets
    private let deadline: ContinuousClock.Instant
    private let keptBytes: Int
    private let state = Mutex(Log())

    /// A transport for one attempt that begins now.
    ///
    /// - Parameters:
    ///   - client: Makes the connections.
    ///   - targets: Reads the URLs.
    ///   - time: The time for all requests together.
    ///   - keptBytes: How much of an answer's body the log keeps.
    init(client: OutboundClient, targets: OutboundTargets, time: Duration, keptBytes: Int) {
        self.client = client
        self.targets = targets
        deadline = .now + time
        self.keptBytes = keptBytes
    }

    /// What happened last.
    var log: Log { state.withLock { $0 } }

    func send(_ request: MNSHTTPRequest) async throws -> MNSHTTPResponse {
        let left = ContinuousClock.now.duration(to: deadline)
        let outbound = OutboundRequest(
            url: try targets.target(of: request.url).url, method: HTTPMethod(rawValue: request.method),
            headers: HTTPHeaders(request.headers.map { ($0.name, $0.value) }), body: ByteBuffer(bytes: request.body),
            totalTimeout: max(left, .zero))
        let head = client.headForLog(of: outbound, isSecret: HeaderMask.isSecret)
        state.withLock { $0 = Log(requestHead: head) }
        do throws(OutboundError) {
            let response = try await client.execute(outbound)
            // The answer's body says whether the queue holds the message: it has all of the attempt's time.
            let body = await response.beginning(upTo: max(keptBytes, Self.smallestLimit), within: max(left, .zero))
            let headers = response.headers.map { EventHeader($0.name, $0.value) }
            let bytes = Array(body.readableBytesView)
            let status = Int(response.status.code)
            state.withLock { state in
                state.address = response.remoteAddress.description
                state.answer = EventAnswer(status: status, headers: headers, body: Array(bytes.prefix(keptBytes)))
            }
            return MNSHTTPResponse(
                status: status, headers: headers.map { (name: $0.name, value: $0.value) }, body: bytes)
        } catch {
            state.withLock { $0.address = error.address?.description }
            if error.code == .cancelled { throw CancellationError() }
            throw error
        }
    }
}
