package import NIOCore

/// The bytes of one response body, in order, for one reader.
///
/// Bytes are read from the connection only as the reader takes them. When the last copy of the body and of its iterator
/// is gone before the end, the connection is closed.
package struct OutboundBody: AsyncSequence, Sendable {
    package typealias Element = ByteBuffer
    package typealias Failure = OutboundError

    private let source: Source

    private enum Source: Sendable {
        case exchange(ExchangeHandle)
        case chunks([ByteBuffer], failure: OutboundError?)
    }

    init(_ exchange: HTTP1Exchange) {
        source = .exchange(ExchangeHandle(exchange))
    }

    /// Makes a body that is already here, for doubles in tests.
    ///
    /// - Parameters:
    ///   - chunks: The pieces in order.
    ///   - failure: The error that ends the body after the pieces, or `nil` for a good end.
    package init(chunks: [ByteBuffer], failure: OutboundError? = nil) {
        source = .chunks(chunks, failure: failure)
    }

    /// Ends the exchange: nothing more is read, and the connection is closed unless all of the body had come.
    package func close() {
        if case .exchange(let handle) = source { handle.exchange.abandon() }
    }

    /// Lets the rest of the exchange take no longer than a given time.
    func limitRest(to time: Duration) {
        guard case .exchange(let handle) = source, !handle.exchange.isOver else { return }
        handle.exchange.connection.limit(handle.exchange, to: .now() + TimeAmount(time))
    }

    /// Starts reading; a body can be read once.
    package func makeAsyncIterator() -> AsyncIterator {
        switch source {
        case .exchange(let handle): AsyncIterator(handle: handle, chunks: [], failure: nil)
        case .chunks(let chunks, let failure): AsyncIterator(handle: nil, chunks: chunks[...], failure: failure)
        }
    }

    /// Reads one body piece by piece.
    package struct AsyncIterator: AsyncIteratorProtocol {
        let handle: ExchangeHandle?
        var chunks: ArraySlice<ByteBuffer>
        var failure: OutboundError?

        /// The next bytes, never empty, or `nil` at the end of the body.
        ///
        /// - Throws: ``OutboundError`` with code `idleTimeout`, `totalTimeout`, `truncated`, `connectionClosed`,
        ///   `badResponse` or `cancelled`; the body ends with it.
        package mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(OutboundError) -> ByteBuffer? {
            if let handle { return try await handle.exchange.nextChunk() }
            if let chunk = chunks.popFirst() { return chunk }
            if let failure { throw failure }
            return nil
        }

        /// The next bytes, as by ``next(isolation:)``.
        package mutating func next() async throws(OutboundError) -> ByteBuffer? {
            try await next(isolation: #isolation)
        }
    }

    /// Closes the exchange when nobody can read it any more.
    final class ExchangeHandle: Sendable {
        let exchange: HTTP1Exchange

        init(_ exchange: HTTP1Exchange) {
            self.exchange = exchange
        }

        deinit {
            exchange.abandon()
        }
    }
}
