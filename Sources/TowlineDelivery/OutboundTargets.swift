import NIOCore
import Synchronization
import TowlineCore
import TowlineOutbound

/// Reads the URLs of receivers, each once, and says which event loop serves them.
///
/// Attempts for one origin run on one event loop, where its connections are: nothing goes from thread to thread.
final class OutboundTargets: Sendable {
    /// What is known about a URL.
    struct Target: Sendable {
        let url: HTTPURL
        let executor: (any TaskExecutor)?
    }

    /// Most URLs that are remembered.
    private static let largest = 4096

    private let executors: [EventLoopExecutor]
    /// Read URLs by their text.
    private let known = Mutex<[String: Target]>([:])

    /// The targets of one client.
    init(client: OutboundClient) { executors = client.eventLoopGroup.makeIterator().map(EventLoopExecutor.init) }

    /// Reads a URL, or remembers it.
    func target(of text: String) throws(HTTPURLError) -> Target {
        if let known = known.withLock({ $0[text] }) { return known }
        let url = try HTTPURL(parsing: text)
        // By origin, as connections are.
        let hash = url.origin.utf8.reduce(UInt64(14_695_981_039_346_656_037)) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
        let target = Target(
            url: url, executor: executors.isEmpty ? nil : executors[Int(hash % UInt64(executors.count))])
        known.withLock { known in
            if known.count >= Self.largest { known.removeAll(keepingCapacity: true) }
            known[text] = target
        }
        return target
    }
}

extension OutboundError {
    /// The failure's sentence as a part of a longer one.
    var causeText: String { message.asPart }
}

extension String {
    /// A sentence as a part of a longer one: without its capital and its full stop.
    var asPart: String {
        let text = hasSuffix(".") ? dropLast() : self[...]
        return text.prefix(1).lowercased() + text.dropFirst()
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
