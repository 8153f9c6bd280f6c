import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import VODEvents

/// The two peers of the demo on one free port: an origin that serves the sample and a receiver that verifies events.
final class DemoPeers: Sendable {
    /// A verified callback with its bytes.
    struct Received: Sendable {
        let callback: VerifiedCallback
        let body: [UInt8]
    }

    let sourceURL: String
    let callbackURL: String
    private let arrivals: AsyncStream<Result<Received, any Error>>
    private let stored = Mutex<String?>(nil)

    private init(port: Int, arrivals: AsyncStream<Result<Received, any Error>>) {
        sourceURL = "http://127.0.0.1:\(port)/sample.mp4"
        callbackURL = "http://127.0.0.1:\(port)/events"
        self.arrivals = arrivals
    }

    /// The storage address that an event named.
    var fileURL: String? { stored.withLock { $0 } }

    func remember(fileURL: String?) { stored.withLock { $0 = fileURL } }

    /// The next callback in the order of arrival.
    func nextCallback() async -> Result<Received, any Error>? {
        for await arrival in arrivals { return arrival }
        return nil
    }

    /// Runs the peers for as long as the closure runs.
    static func withPeers(authKey: String, _ body: @escaping @Sendable (DemoPeers) async throws -> Void) async throws {
        let (arrivals, arrive) = AsyncStream.makeStream(of: Result<Received, any Error>.self)
        let (ports, bound) = AsyncStream.makeStream(of: Int.self)
        let port = Mutex(0)
        let router = Router()
        router.get("/sample.mp4") { _, _ in sample() }
        router.post("/events") { request, _ in
            let url = "http://127.0.0.1:\(port.withLock { $0 })/events"
            do {
                let bytes = Array(try await request.body.collect(upTo: 1 << 20).readableBytesView)
                let verifier = try CallbackVerifier(url: url, keys: [authKey])
                let callback = try verifier.verify(
                    headers: { name in HTTPField.Name(name).flatMap { request.headers[$0] } }, body: bytes)
                arrive.yield(.success(Received(callback: callback, body: bytes)))
                return HTTPResponse.Status.ok
            } catch {
                arrive.yield(.failure(error))
                return HTTPResponse.Status.unauthorized
            }
        }
        var logger = Logger(label: "demo")
        logger.logLevel = .error
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                let number = channel.localAddress?.port ?? 0
                port.withLock { $0 = number }
                bound.yield(number)
            }, logger: logger)
        let services = ServiceGroup(configuration: .init(services: [application], logger: logger))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            group.addTask {
                for await number in ports {
                    do {
                        try await body(DemoPeers(port: number, arrivals: arrivals))
                    } catch {
                        await services.triggerGracefulShutdown()
                        throw error
                    }
                    return await services.triggerGracefulShutdown()
                }
            }
            try await group.waitForAll()
        }
    }

    /// The sample in pieces with small pauses, so that the job's progress can be seen.
    private static func sample() -> Response {
        let pieces = stride(from: 0, to: DemoSample.bytes.count, by: 8192).map {
            DemoSample.bytes[$0..<min($0 + 8192, DemoSample.bytes.count)]
        }
        let body = ResponseBody(contentLength: DemoSample.bytes.count) { writer in
            for piece in pieces {
                try await writer.write(ByteBuffer(bytes: piece))
                try await Task.sleep(for: .milliseconds(250))
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: [.contentType: "video/mp4"], body: body)
    }
}
