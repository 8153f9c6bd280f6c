package import NIOCore
package import NIOHTTP1
package import TowlineCore

/// The response to an outgoing request, its body still on the way.
///
/// Read the body to its end, or drop the response: dropping closes the connection.
package struct OutboundResponse: Sendable {
    /// The status line's code and reason.
    package let status: HTTPResponseStatus
    /// The header fields as sent; folded lines joined by a blank, bytes that are not UTF-8 replaced.
    package let headers: HTTPHeaders
    /// The length that the body has by its framing, or `nil` for chunked bodies and such that end with the connection.
    package let bodyLength: Int64?
    /// The body, not decoded in any way but for the transfer's chunks.
    package let body: OutboundBody
    /// The address that answered.
    package let remoteAddress: IPAddress
    /// How the request went over the network.
    package let trace: OutboundTrace
    /// The URL that answered, after redirects.
    package let finalURL: HTTPURL
    /// The redirects that were followed, in order.
    package internal(set) var hops: [OutboundHop]
    /// What is known about the connection that carried an exchange.
    package struct ConnectionInfo: Hashable, Sendable {
        /// The version of TLS, such as `TLSv1.3`; `nil` for plain HTTP.
        package let tlsVersion: String?
        /// What the peer chose by ALPN, such as `http/1.1`; `nil` when it chose nothing.
        package let applicationProtocol: String?
        /// Whether the connection had carried an exchange before.
        package let isReused: Bool
        /// Whether the connection goes through a proxy.
        package let isThroughProxy: Bool

        /// Makes a description of a connection.
        package init(
            tlsVersion: String? = nil, applicationProtocol: String? = nil, isReused: Bool = false,
            isThroughProxy: Bool = false
        ) {
            self.tlsVersion = tlsVersion
            self.applicationProtocol = applicationProtocol
            self.isReused = isReused
            self.isThroughProxy = isThroughProxy
        }
    }

    /// Makes a response, for doubles in tests and for the client.
    package init(
        status: HTTPResponseStatus,
        headers: HTTPHeaders,
        bodyLength: Int64?,
        body: OutboundBody,
        remoteAddress: IPAddress,
        finalURL: HTTPURL,
        hops: [OutboundHop] = [],
        trace: OutboundTrace = OutboundTrace()
    ) {
        self.status = status
        self.headers = headers
        self.bodyLength = bodyLength
        self.body = body
        self.remoteAddress = remoteAddress
        self.finalURL = finalURL
        self.hops = hops
        self.trace = trace
    }
}

extension OutboundResponse {
    /// Every address that the host had, in the order they were tried.
    package var resolvedAddresses: [IPAddress] { trace.resolvedAddresses }

    /// What is known about the connection.
    package var connection: ConnectionInfo { trace.connection ?? ConnectionInfo() }
}

extension OutboundResponse {
    /// The first bytes of a body.
    package struct Prefix: Hashable, Sendable {
        /// At most as many bytes as were asked for.
        package let bytes: ByteBuffer
        /// Whether the body had more than that.
        package let isCut: Bool
    }

    /// Reads the first bytes of the body and no more.
    ///
    /// When the body is longer the connection is closed; otherwise it may be used again.
    ///
    /// - Parameter limit: Most bytes to keep, 0 or more.
    /// - Returns: The bytes, and whether more would have come.
    /// - Throws: ``OutboundError`` when the body failed before the limit was reached.
    package func collectBody(upTo limit: Int) async throws(OutboundError) -> Prefix {
        var bytes = ByteBuffer()
        var iterator = body.makeAsyncIterator()
        while var chunk = try await iterator.next(isolation: #isolation) {
            let room = limit - bytes.readableBytes
            if chunk.readableBytes <= room {
                bytes.writeBuffer(&chunk)
                continue
            }
            if var part = chunk.readSlice(length: max(0, room)) { bytes.writeBuffer(&part) }
            body.close()
            return Prefix(bytes: bytes, isCut: true)
        }
        return Prefix(bytes: bytes, isCut: false)
    }

    /// Reads what comes of the beginning of the body, whatever happens afterwards.
    ///
    /// The connection is closed unless all of the body came within limit and time.
    ///
    /// - Parameters:
    ///   - limit: Most bytes to keep, 0 or more.
    ///   - time: How long it may take; the request's own time holds as well.
    /// - Returns: At most as many bytes; fewer when the body ended, failed or took too long, or the task was cancelled.
    package func beginning(upTo limit: Int, within time: Duration) async -> ByteBuffer {
        var bytes = ByteBuffer()
        guard bodyLength != 0 else { return bytes }
        body.limitRest(to: time)
        do throws(OutboundError) {
            var iterator = body.makeAsyncIterator()
            while var chunk = try await iterator.next(isolation: #isolation) {
                let room = limit - bytes.readableBytes
                if chunk.readableBytes > room {
                    if var part = chunk.readSlice(length: max(0, room)) { bytes.writeBuffer(&part) }
                    body.close()
                    break
                }
                if bytes.readableBytes == 0 { bytes = chunk } else { bytes.writeBuffer(&chunk) }
            }
        } catch {
            // What came before the end is all there is.
            return bytes
        }
        return bytes
    }

    /// Reads the rest of a short body so that its connection can be used again, or closes the connection.
    ///
    /// - Parameters:
    ///   - limit: Most bytes to read for that.
    ///   - time: How long it may take.
    package func discardBody(upTo limit: Int = 16_384, within time: Duration = .seconds(1)) async {
        if let bodyLength, bodyLength > limit {
            body.close()
        } else {
            body.limitRest(to: time)
            _ = try? await collectBody(upTo: limit)
        }
    }
}
