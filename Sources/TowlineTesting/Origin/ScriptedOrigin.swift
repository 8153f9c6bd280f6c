package import NIOCore
import NIOPosix
package import TowlineCore

/// A server on loopback that does exactly what a test's script says, byte by byte.
///
/// Each accepted connection runs the script once. Start it, use ``port`` or ``url(_:)``, stop it at the end.
package final class ScriptedOrigin: Sendable {
    /// One step of a connection's script.
    package enum Step: Sendable {
        /// Wait for the head of a request and record it.
        case expectHead
        /// Wait for the head of a request, record it and send what the function makes of it.
        case respond(@Sendable (OriginRequest) -> String)
        /// Read the body that the last head announced and record it.
        case expectBody
        /// Send text as it is.
        case send(String)
        /// Send bytes as they are.
        case sendBytes([UInt8])
        /// Send the same bytes so many times, waiting while the client does not take them.
        case sendRepeated([UInt8], times: Int)
        /// Send text byte by byte with a pause after each, over and over until the client is gone.
        case drip(String, pause: Duration)
        /// Go on when the signal is fired.
        case wait(TestSignal)
        /// Fire a signal, to tell the test that the script has come here.
        case fire(TestSignal)
        /// Do nothing until the client closes the connection.
        case stall
        /// End the own side of the connection only.
        case closeOutput
        /// End the connection with a reset.
        case reset
        /// End the connection; also what happens after the last step.
        case close
    }

    /// Prepares an accepted channel, for instance with a TLS handler.
    package typealias ChannelSetUp = @Sendable (any Channel) throws -> Void

    private typealias Accepted = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    /// The address that it listens on.
    package let host: String
    /// The port that it listens on.
    package let port: Int
    private let server: any Channel
    private let connections: OriginConnections
    private let log: OriginLog

    private init(host: String, server: any Channel, connections: OriginConnections, log: OriginLog) {
        self.host = host
        self.port = server.localAddress?.port ?? 0
        self.server = server
        self.connections = connections
        self.log = log
    }

    /// Starts an origin whose connections run steps.
    ///
    /// - Parameters:
    ///   - host: The address to listen on.
    ///   - port: The port, or 0 for a free one.
    ///   - setUp: Prepares each accepted channel.
    ///   - steps: Gives the steps for the connection of a number, from 0.
    /// - Returns: The origin, listening.
    /// - Throws: The system's error when the address cannot be listened on.
    package static func start(
        host: String = "127.0.0.1",
        port: Int = 0,
        setUp: ChannelSetUp? = nil,
        steps: @escaping @Sendable (Int) -> [Step]
    ) async throws -> ScriptedOrigin {
        try await start(host: host, port: port, setUp: setUp) { connection in
            for step in steps(connection.number) {
                if case .close = step { return }
                try await run(step, on: connection)
            }
        }
    }

    /// Starts an origin whose connections run a function.
    ///
    /// - Parameters:
    ///   - host: The address to listen on.
    ///   - port: The port, or 0 for a free one.
    ///   - setUp: Prepares each accepted channel.
    ///   - script: Runs once for each connection, which ends with it.
    /// - Returns: The origin, listening.
    /// - Throws: The system's error when the address cannot be listened on.
    package static func start(
        host: String = "127.0.0.1",
        port: Int = 0,
        setUp: ChannelSetUp? = nil,
        script: @escaping @Sendable (OriginConnection) async throws -> Void
    ) async throws -> ScriptedOrigin {
        let log = OriginLog()
        let connections = OriginConnections()
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try setUp?(channel)
                    let accepted = try Accepted(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true)
                    )
                    connections.run { await serve(accepted, log: log, script: script) }
                }
            }
            .bind(host: host, port: port)
            .get()
        return ScriptedOrigin(host: host, server: server, connections: connections, log: log)
    }

    /// Stops listening, ends every connection and waits for their scripts.
    package func stop() async {
        try? await server.close()
        await connections.stop()
    }

    /// An http URL of the origin.
    package func url(_ target: String = "/") throws -> HTTPURL {
        try HTTPURL(parsing: "http://\(host.contains(":") ? "[\(host)]" : host):\(port)\(target)")
    }

    /// What happened up to now.
    package var record: OriginRecord { log.record }

    /// Waits until what happened fulfils a condition.
    package func wait(until condition: @escaping @Sendable (OriginRecord) -> Bool) async {
        await log.wait(until: condition)
    }

    private static func serve(
        _ child: Accepted,
        log: OriginLog,
        script: @escaping @Sendable (OriginConnection) async throws -> Void
    ) async {
        let number = log.update { record in
            record.accepted += 1
            return record.accepted - 1
        }
        do {
            try await child.executeThenClose { inbound, outbound in
                let connection = OriginConnection(
                    number: number,
                    channel: child.channel,
                    inbound: inbound,
                    outbound: outbound,
                    log: log
                )
                try await script(connection)
            }
        } catch is OriginConnection.ClientClosed {
            log.update { $0.closedByClient.append(number) }
        } catch {
            // A write or read on a broken connection: the client is gone too.
            if !Task.isCancelled { log.update { $0.closedByClient.append(number) } }
        }
        log.update { $0.ended.append(number) }
    }

    private static func run(_ step: Step, on connection: OriginConnection) async throws {
        switch step {
        case .expectHead: try await connection.readHead()
        case .respond(let answer): try await connection.send(answer(try await connection.readHead()))
        case .expectBody: try await connection.readBody()
        case .send(let text): try await connection.send(text)
        case .sendBytes(let bytes): try await connection.send(ByteBuffer(bytes: bytes))
        case .sendRepeated(let bytes, let times):
            let buffer = ByteBuffer(bytes: bytes)
            for _ in 0..<times { try await connection.send(buffer) }
        case .drip(let text, let pause):
            while true {
                for byte in text.utf8 {
                    try await connection.send(ByteBuffer(bytes: [byte]))
                    // The origin's own slowness; no test waits by it.
                    try await Task.sleep(for: pause)
                }
            }
        case .wait(let signal): await signal.wait()
        case .fire(let signal): signal.fire()
        case .stall: try await connection.waitForClose()
        case .closeOutput: connection.closeOutput()
        case .reset: try await connection.reset()
        case .close: break
        }
    }
}
