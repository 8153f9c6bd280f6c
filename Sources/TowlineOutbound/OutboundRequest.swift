package import NIOCore
package import NIOHTTP1
package import TowlineCore

/// One outgoing request.
package struct OutboundRequest: Sendable {
    /// The method; GET unless set.
    package var method: HTTPMethod
    /// Where to send it.
    ///
    /// Credentials of the URL become an `Authorization: Basic` field unless the request brings that field itself.
    package var url: HTTPURL
    /// Further header fields.
    ///
    /// Host, Content-Length, Transfer-Encoding, Connection, Keep-Alive, Upgrade, TE and Expect are set by the client
    /// alone: given ones are left out. User-Agent, Accept and Accept-Encoding (`identity`) are added when missing.
    package var headers: HTTPHeaders
    /// Names of header fields that must not leave the origin, beside Authorization, Cookie and Proxy-Authorization.
    package var sensitiveHeaders: Set<String>
    /// The body, or `nil` for none.
    package var body: ByteBuffer?
    /// Further bytes of the body, behind ``body``: what is kept in pieces is sent without being copied together.
    package var moreBody: [ByteBuffer] = []
    /// The time for everything together: look-up, connection, response and body; `nil` for no such limit.
    package var totalTimeout: Duration?
    /// Whether the request must have a connection of its own that carried nothing before.
    ///
    /// Then no byte that a peer sent without being asked can be taken for the answer.
    package var needsFreshConnection: Bool

    /// Makes a request.
    ///
    /// - Parameters:
    ///   - url: Where to send it.
    ///   - method: The method.
    ///   - headers: Further header fields.
    ///   - body: The body, or `nil`.
    ///   - sensitiveHeaders: Names of fields that are dropped when a redirect leaves the origin, in any case of letters.
    ///   - totalTimeout: The time for everything together, or `nil`.
    ///   - needsFreshConnection: Whether an idle connection must not be used.
    package init(
        url: HTTPURL,
        method: HTTPMethod = .GET,
        headers: HTTPHeaders = [:],
        body: ByteBuffer? = nil,
        sensitiveHeaders: Set<String> = [],
        totalTimeout: Duration? = nil,
        needsFreshConnection: Bool = false
    ) {
        self.url = url
        self.method = method
        self.headers = headers
        self.body = body
        self.sensitiveHeaders = sensitiveHeaders
        self.totalTimeout = totalTimeout
        self.needsFreshConnection = needsFreshConnection
    }

    /// Whether there is a body, if only an empty one.
    var hasBody: Bool { body != nil || !moreBody.isEmpty }

    /// The length of the body, 0 without one.
    var bodyBytes: Int { moreBody.reduce(body?.readableBytes ?? 0) { $0 + $1.readableBytes } }
}
