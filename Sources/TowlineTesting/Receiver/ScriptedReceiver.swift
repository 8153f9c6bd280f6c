import NIOCore
import TowlineCore

/// A receiver of callbacks on loopback that does exactly what a test's script says, byte by byte and in its own time.
///
/// Each accepted connection runs its steps once. A ``ScriptedOrigin`` underneath keeps the record.
package struct ScriptedReceiver: Sendable {
    /// One step of a connection's script.
    package enum Step: Sendable {
        /// Read a request, head and body, and record it.
        case read
        /// Send text as it is.
        case send(String)
        /// Send bytes over and over, so many times, waiting while the sender does not take them.
        case flood([UInt8], times: Int)
        /// Send text byte by byte with a pause after each, and then over and over until the client is gone.
        case drip(String, pause: Duration)
        /// Go on when the signal is fired.
        case wait(TestSignal)
        /// Fire a signal.
        case fire(TestSignal)
        /// Do nothing until the client closes the connection.
        case stall
        /// End the connection with a reset.
        case reset
        /// End the connection; also what happens after the last step.
        case close
    }

    /// The server underneath, for its record and for waiting.
    package let origin: ScriptedOrigin
    private let sent: SentBytes

    /// Starts a receiver.
    ///
    /// - Parameters:
    ///   - host: The address to listen on.
    ///   - port: The port, or 0 for a free one.
    ///   - setUp: Prepares each accepted channel, for instance with a TLS handler.
    ///   - steps: Gives the steps for the connection of a number, from 0.
    /// - Returns: The receiver, listening.
    /// - Throws: The system's error when the address cannot be listened on.
    package static func start(
        host: String = "127.0.0.1", port: Int = 0, setUp: ScriptedOrigin.ChannelSetUp? = nil,
        steps: @escaping @Sendable (Int) -> [Step]
    ) async throws -> ScriptedReceiver {
        let sent = SentBytes()
        let origin = try await ScriptedOrigin.start(host: host, port: port, setUp: setUp) { connection in
            for step in steps(connection.number) {
                if case .close = step { return }
                try await run(step, on: connection, sent: sent)
            }
        }
        return ScriptedReceiver(origin: origin, sent: sent)
    }

    /// The port that it listens on.
    package var port: Int { origin.port }

    /// What happened up to now.
    package var record: OriginRecord { origin.record }

    /// Bytes that the system has taken from all scripts together: more than what the client has read.
    package var sentBytes: Int { sent.count }

    /// Waits until what happened fulfils a condition.
    package func wait(until condition: @escaping @Sendable (OriginRecord) -> Bool) async {
        await origin.wait(until: condition)
    }

    /// Stops listening, ends every connection and waits for their scripts.
    package func stop() async { await origin.stop() }

    private static func run(_ step: Step, on connection: OriginConnection, sent: SentBytes) async throws {
        switch step {
        case .read:
            try await connection.readHead()
            try await connection.readBody()
        case .send(let text): try await connection.send(text)
        case .flood(let bytes, let times):
            let buffer = ByteBuffer(bytes: bytes)
            for _ in 0..<times {
                try await connection.send(buffer)
                sent.add(bytes.count)
            }
        case .drip(let text, let pause):
            while true {
                for byte in text.utf8 {
                    try await connection.send(ByteBuffer(bytes: [byte]))
                    sent.add(1)
                    // The receiver's own slowness; no test waits by it.
                    try await Task.sleep(for: pause)
                }
            }
        case .wait(let signal): await signal.wait()
        case .fire(let signal): signal.fire()
        case .stall: try await connection.waitForClose()
        case .reset: try await connection.reset()
        case .close: break
        }
    }
}
