import NIOCore
import NIOHTTP1
import Synchronization
import TowlineCore
package import TowlineOutbound

/// Sends events through the guarded client: the address policy of callbacks holds for every attempt (design 4.6).
///
/// Attempts for one origin run on one event loop, where its connections are: nothing goes from thread to thread.
package final class OutboundEventSender: EventSender {
    /// What is known about a URL.
    private struct Target {
        let url: HTTPURL
        let executor: EventLoopExecutor?
    }

    /// Most URLs that are remembered.
    private static let maximumTargets = 4096

    private let client: OutboundClient
    private let executors: [EventLoopExecutor]
    /// Read URLs by their text.
    private let targets = Mutex<[String: Target]>([:])

    /// A sender over a client that was made with the policy for callbacks.
    package init(client: OutboundClient) {
        self.client = client
        executors = client.eventLoopGroup.makeIterator().map(EventLoopExecutor.init)
    }

    package func executor(for url: String) -> (any TaskExecutor)? {
        try? target(of: url).executor
    }

    package func send(_ request: EventRequest) async -> EventExchange {
        let target: Target
        do {
            target = try self.target(of: request.url)
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
                error.code == .cancelled ? .cancelled : .failed(cause: Self.cause(error)),
                address: error.address?.description, requestHead: requestHead)
        }
    }

    /// The failure's sentence as a part of a longer one.
    private static func cause(_ error: OutboundError) -> String {
        let text = error.message.hasSuffix(".") ? error.message.dropLast() : error.message[...]
        return text.prefix(1).lowercased() + text.dropFirst()
    }

    private func target(of text: String) throws(HTTPURLError) -> Target {
        if let known = targets.withLock({ $0[text] }) { return known }
        let url = try HTTPURL(parsing: text)
        // By origin, as connections are.
        let hash = url.origin.utf8.reduce(UInt64(14_695_981_039_346_656_037)) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
        let target = Target(
            url: url, executor: executors.isEmpty ? nil : executors[Int(hash % UInt64(executors.count))])
        targets.withLock { targets in
            if targets.count >= Self.maximumTargets { targets.removeAll(keepingCapacity: true) }
            targets[text] = target
        }
        return target
    }
}

/// Runs tasks on an event loop.
private final class EventLoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
