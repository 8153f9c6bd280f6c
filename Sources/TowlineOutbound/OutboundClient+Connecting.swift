import Logging
import NIOCore
import TowlineCore

extension OutboundClient {
    /// Most addresses of a proxy that are tried.
    private static let maximumProxyAddresses = 3

    /// What identifies a connection for a URL to one of its addresses.
    func key(for url: HTTPURL, at address: IPAddress) -> HTTP1Connection.Key {
        HTTP1Connection.Key(
            url, address, isThroughProxy: configuration.proxy?.isUsed(for: url, at: address) ?? false)
    }

    /// Connects to the first of the addresses that can be connected.
    func connect(
        to addresses: [IPAddress],
        for url: HTTPURL,
        deadline: NIODeadline?,
        trace: inout OutboundTrace
    ) async throws(OutboundError) -> HTTP1Connection {
        var failure = OutboundError(.connectFailed, retryable: true, "The host has no address.")
        for address in addresses.prefix(max(1, configuration.maxAddressesTried)) {
            let start = NIODeadline.now()
            do throws(OutboundError) {
                let connection = try await connect(key(for: url, at: address), deadline: deadline)
                logger.debug("connected", metadata: ["url": "\(url.origin)", "address": "\(address)"])
                return connection
            } catch {
                failure = error
                failure.address = address
                if let deadline, deadline <= .now() { failure = OutboundFailure.timeout(.total) }
                trace.note(failure, at: address, since: start)
                // Another address has the same certificate, the same proxy and the same deadline.
                if !error.isRetryable || error.endsTries || failure.code == .totalTimeout || Task.isCancelled { break }
            }
        }
        throw failure
    }

    /// Connects to one address, over TLS offering HTTP/1.1, and HTTP/2 where that is all that the origin offers.
    private func connect(
        _ key: HTTP1Connection.Key, deadline: NIODeadline?
    ) async throws(OutboundError) -> HTTP1Connection {
        // Two handshakes have the time of one.
        let limit = NIODeadline.now() + TimeAmount(configuration.connectTimeout)
        let deadline = min(deadline ?? limit, limit)
        if key.scheme == .https, http2Origins.contains(key) {
            do throws(OutboundError) {
                return try await connect(key, offering: .http2, deadline: deadline)
            } catch {
                guard error.isProtocolRefused, !Task.isCancelled else { throw error }
                http2Origins.forget(key)
            }
        }
        let refusal: OutboundError
        do throws(OutboundError) {
            return try await connect(key, offering: .http1, deadline: deadline)
        } catch {
            guard error.mayWantHTTP2, key.scheme == .https, !Task.isCancelled else { throw error }
            refusal = error
        }
        do throws(OutboundError) {
            let connection = try await connect(key, offering: .http2, deadline: deadline)
            http2Origins.remember(key)
            return connection
        } catch {
            throw refusal.isProtocolRefused ? error : refusal
        }
    }

    /// Connects anew to an origin that spoke HTTP/2 without having been offered it and has not understood the request, or
    /// that chose no protocol and then hung up.
    ///
    /// - Throws: The failure of the request where that was not the reason, or where the origin does not offer HTTP/2.
    func connectOverHTTP2(
        for request: OutboundRequest, after failure: OutboundError, on connection: HTTP1Connection,
        deadline: NIODeadline?
    ) async throws(OutboundError) -> HTTP1Connection {
        // Who hangs up may have understood the request all the same.
        let hasHungUp =
            failure.isBeforeResponse && connection.facts.applicationProtocol == nil && request.isIdempotent
        guard failure.mayWantHTTP2 || hasHungUp, connection.key.scheme == .https, !connection.isHTTP2,
            !Task.isCancelled
        else { throw failure }
        let limit = NIODeadline.now() + TimeAmount(configuration.connectTimeout)
        do throws(OutboundError) {
            let second = try await connect(connection.key, offering: .http2, deadline: min(deadline ?? limit, limit))
            http2Origins.remember(connection.key)
            return second
        } catch {
            throw failure
        }
    }

    /// Connects to one address, directly or through the first address of the proxy that can be connected.
    private func connect(
        _ key: HTTP1Connection.Key, offering applicationProtocol: ApplicationProtocol, deadline: NIODeadline
    ) async throws(OutboundError) -> HTTP1Connection {
        guard key.isThroughProxy, let proxy = configuration.proxy else {
            return try await connector.connect(
                ConnectRoute(key: key, applicationProtocol: applicationProtocol), within: left(until: deadline))
        }
        let request = proxy.connectRequest(to: key.address, port: key.port, userAgent: configuration.userAgent)
        var failure = OutboundFailure.proxyUnresolved()
        for address in try await self.addresses(of: proxy, deadline: deadline).prefix(Self.maximumProxyAddresses) {
            let hop = ConnectRoute.Proxy(address: address, port: proxy.port, request: request)
            do throws(OutboundError) {
                return try await connector.connect(
                    ConnectRoute(key: key, proxy: hop, applicationProtocol: applicationProtocol),
                    within: left(until: deadline))
            } catch {
                failure = error
                guard error.isProxyUnreachable, !Task.isCancelled else { break }
            }
        }
        throw failure
    }

    /// What is left for connecting, never less than nothing: then the try fails as one that takes too long.
    private func left(until deadline: NIODeadline) -> TimeAmount {
        max(.nanoseconds(1), deadline - .now())
    }

    /// The addresses of the proxy; they are the operator's choice and not judged.
    private func addresses(of proxy: OutboundProxy, deadline: NIODeadline?) async throws(OutboundError) -> [IPAddress] {
        switch proxy.host {
        case .address(let address): return [address]
        case .name(let name):
            let limit = try remaining(until: deadline, atMost: configuration.dnsTimeout)
            do {
                return try await resolver.resolve(name, within: .nanoseconds(limit.nanoseconds))
            } catch is CancellationError {
                throw .cancelled()
            } catch {
                throw OutboundFailure.proxyUnresolved()
            }
        }
    }
}
