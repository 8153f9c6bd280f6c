package import Logging
package import NIOCore
import NIOHTTP1
package import TowlineCore

/// Makes HTTP calls; the seam that engines use, so that doubles can stand in.
package protocol OutboundCaller: Sendable {
    /// Makes one call and follows no redirect.
    ///
    /// - Throws: ``OutboundError``.
    func execute(_ request: OutboundRequest) async throws(OutboundError) -> OutboundResponse

    /// Makes a call and follows redirects.
    ///
    /// - Throws: ``OutboundError``.
    func fetch(_ request: OutboundRequest) async throws(OutboundError) -> OutboundResponse
}

/// The guarded client that every outgoing call goes through.
///
/// For each call and each hop the name is looked up once, every answer is judged by the address policy, and the
/// connection is made to an approved address itself; the name serves for the Host field, SNI and the certificate only.
/// Connections are HTTP/1.1, or HTTP/2 where an origin offers nothing else, and are reused for the same origin and address. Make one client per policy.
package final class OutboundClient: OutboundCaller {
    let configuration: OutboundConfiguration
    let policy: AddressPolicy
    let resolver: any HostResolver
    let logger: Logger
    let pool: ConnectionPool
    let connector: Connector
    let http2Origins = HTTP2Origins()

    /// Makes a client.
    ///
    /// - Parameters:
    ///   - configuration: Limits and identity.
    ///   - policy: Decides about every address.
    ///   - resolver: Looks names up.
    ///   - logger: Gets refusals and new connections at debug level, with masked URLs.
    ///   - eventLoopGroup: Runs the connections; it must outlive the client.
    package init(
        configuration: OutboundConfiguration,
        policy: AddressPolicy,
        resolver: any HostResolver,
        logger: Logger,
        eventLoopGroup: any EventLoopGroup
    ) {
        self.configuration = configuration
        self.policy = policy
        self.resolver = resolver
        self.logger = logger
        pool = ConnectionPool(
            maximumIdle: configuration.maxIdleConnections,
            idleLifetime: TimeAmount(configuration.idleConnectionLifetime)
        )
        connector = Connector(
            group: eventLoopGroup,
            tls: TLSContextProvider(extraCAFile: configuration.extraCAFile),
            headLimits: configuration.headLimits,
            budget: ReadBudget(
                bytes: configuration.readBufferBudgetBytes, isSmall: configuration.expectsSmallResponses),
            pool: pool
        )
    }

    /// What the connections run on.
    package var eventLoopGroup: any EventLoopGroup { connector.group }

    /// Checks what can be checked before the first call: the file of extra certificates.
    ///
    /// - Throws: ``OutboundError`` with code `tlsFailed` that names the setting.
    package func validate() throws(OutboundError) {
        if let file = configuration.extraCAFile { _ = try TLSContextProvider.certificates(inPEMFile: file) }
    }

    /// Closes every connection; open calls fail, later ones too.
    package func shutdown() async {
        await pool.shutDown()
    }

    /// Makes one call and follows no redirect.
    ///
    /// The address of the host is judged first. Approved addresses are tried in turn until one is connected.
    /// Cancelling the task closes the connection.
    ///
    /// - Parameter request: What to send.
    /// - Returns: The response once its head has come; the body is read by the caller.
    /// - Throws: ``OutboundError``.
    package func execute(_ request: OutboundRequest) async throws(OutboundError) -> OutboundResponse {
        try await execute(request, deadline: request.totalTimeout.map { .now() + TimeAmount($0) })
    }

    /// Makes one call that must be over at a deadline.
    func execute(_ request: OutboundRequest, deadline: NIODeadline?) async throws(OutboundError) -> OutboundResponse {
        connector.budget.beginCall()
        defer { connector.budget.endCall() }
        var trace = OutboundTrace()
        do throws(OutboundError) {
            var request = request
            if configuration.headerRules.count > 0 { configuration.headerRules.apply(to: &request) }
            let (head, body) = try HTTP1RequestEncoder.encode(request, userAgent: configuration.userAgent)
            guard !Task.isCancelled else { throw .cancelled() }
            let addresses = try await approvedAddresses(
                of: request.url, deadline: deadline, trace: &trace)
            let call = HTTP1Call(
                head: head,
                body: body,
                isHeadRequest: request.method == .HEAD,
                limits: configuration.headLimits,
                firstByteTimeout: TimeAmount(configuration.firstByteTimeout),
                idleTimeout: TimeAmount(configuration.idleTimeout),
                deadline: deadline
            )
            if let response = try await onIdleConnection(request, call: call, trace: &trace) { return response }
            let connection = try await connect(
                to: addresses, for: request.url, deadline: deadline, trace: &trace)
            let second: HTTP1Connection
            do throws(OutboundError) {
                return try await run(request, call: call, on: connection, isReused: false, trace: &trace)
            } catch {
                second = try await connectOverHTTP2(
                    for: request, after: error, on: connection, deadline: deadline)
            }
            return try await run(request, call: call, on: second, isReused: false, trace: &trace)
        } catch {
            var error = error
            error.host = error.host ?? request.url.hostName
            error.trace = trace
            throw error
        }
    }

    /// Makes the call on a connection that is open already; `nil` when there is none that still works.
    private func onIdleConnection(
        _ request: OutboundRequest,
        call: HTTP1Call,
        trace: inout OutboundTrace
    ) async throws(OutboundError) -> OutboundResponse? {
        guard !request.needsFreshConnection else { return nil }
        for address in trace.resolvedAddresses {
            guard let connection = pool.take(key(for: request.url, at: address)) else { continue }
            do throws(OutboundError) {
                return try await run(request, call: call, on: connection, isReused: true, trace: &trace)
            } catch {
                // The peer closed it meanwhile: nothing was sent, or what was sent may be sent twice.
                let mayRepeat = error.isUnsent || (error.isBeforeResponse && request.isIdempotent)
                guard mayRepeat, !Task.isCancelled else { throw error }
                trace.address = nil
                trace.connection = nil
            }
        }
        return nil
    }

    private func run(
        _ request: OutboundRequest,
        call: HTTP1Call,
        on connection: HTTP1Connection,
        isReused: Bool,
        trace: inout OutboundTrace
    ) async throws(OutboundError) -> OutboundResponse {
        trace.note(connection, isReused: isReused)
        let exchange = HTTP1Exchange(connection: connection)
        var call = call
        if connection.isHTTP2 {
            call.http2 = try HTTP2RequestEncoder.encode(request, userAgent: configuration.userAgent)
        }
        connection.start(exchange, call: call)
        do throws(OutboundError) {
            let head = try await exchange.head()
            trace.firstByteTime = Duration(head.firstByteTime)
            return OutboundResponse(
                status: head.status,
                headers: head.headers,
                bodyLength: head.bodyLength,
                body: OutboundBody(exchange),
                remoteAddress: connection.key.address,
                finalURL: request.url.replacingCredentials(with: nil),
                trace: trace
            )
        } catch {
            var error = error
            error.address = connection.key.address
            throw error
        }
    }

    /// What is left until a deadline, at most a limit.
    func remaining(until deadline: NIODeadline?, atMost limit: Duration) throws(OutboundError) -> TimeAmount {
        let limit = TimeAmount(limit)
        guard let deadline else { return limit }
        let left = deadline - .now()
        guard left > .zero else { throw OutboundFailure.timeout(.total) }
        return min(left, limit)
    }
}

extension OutboundRequest {
    /// Whether sending the request twice does no more than sending it once.
    var isIdempotent: Bool {
        [.GET, .HEAD, .OPTIONS, .PUT, .DELETE].contains(method)
    }
}
