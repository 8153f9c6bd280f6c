import NIOCore
import NIOHTTP1
import TowlineCore

extension OutboundClient {
    /// Makes a call and follows redirects: 301, 302, 303, 307 and 308, at most as many as configured.
    ///
    /// Each hop is parsed, looked up and judged anew. 303, and 301 and 302 after a POST, go on as GET without a body.
    /// When a hop leaves the origin, Authorization, Cookie, Proxy-Authorization and the request's own sensitive fields
    /// are dropped for good; credentials that a redirect writes into its URL are ignored.
    ///
    /// - Parameter request: What to send; its total time holds for all hops together.
    /// - Returns: The first response that is no redirect, with the hops before it.
    /// - Throws: ``OutboundError``, with the hops before it.
    package func fetch(_ request: OutboundRequest) async throws(OutboundError) -> OutboundResponse {
        let deadline = request.totalTimeout.map { NIODeadline.now() + TimeAmount($0) }
        var request = request
        var hops: [OutboundHop] = []
        do throws(OutboundError) {
            while true {
                var response = try await execute(request, deadline: deadline)
                guard Self.redirects.contains(response.status.code) else {
                    response.hops = hops
                    return response
                }
                hops.append(
                    OutboundHop(
                        status: Int(response.status.code),
                        maskedURL: request.url.masked,
                        address: response.remoteAddress,
                        trace: response.trace
                    )
                )
                guard hops.count <= configuration.maxRedirects else {
                    throw OutboundError(
                        .tooManyRedirects,
                        retryable: false,
                        "The origin redirected more than \(configuration.maxRedirects) times."
                    )
                }
                request = try Self.next(after: response, to: request)
                await response.discardBody()
            }
        } catch {
            var error = error
            error.hops = hops
            throw error
        }
    }

    private static let redirects: Set<UInt> = [301, 302, 303, 307, 308]
    private static let originBoundFields = ["Authorization", "Cookie", "Proxy-Authorization"]

    /// The request that a redirect asks for.
    static func next(
        after response: OutboundResponse,
        to request: OutboundRequest
    ) throws(OutboundError) -> OutboundRequest {
        var next = request
        next.url = try target(of: response, from: request.url)
        let status = response.status.code
        let becomesGET = status == 303 ? request.method != .HEAD : status < 303 && request.method == .POST
        if becomesGET {
            next.method = .GET
            next.body = nil
            next.moreBody = []
            for name in ["Content-Type", "Content-Encoding", "Content-Language"] { next.headers.remove(name: name) }
        }
        if !next.url.isSameOrigin(as: request.url) {
            for name in originBoundFields + request.sensitiveHeaders { next.headers.remove(name: name) }
        }
        return next
    }

    private static func target(of response: OutboundResponse, from url: HTTPURL) throws(OutboundError) -> HTTPURL {
        let locations = response.headers["Location"]
        guard let location = locations.first, locations.allSatisfy({ $0 == location }) else {
            throw OutboundError(
                .redirectInvalid,
                retryable: false,
                "The origin's redirect (\(response.status.code)) has no Location, or several that differ."
            )
        }
        do throws(HTTPURLError) {
            let target = try url.resolving(location)
            return target.replacingCredentials(with: target.isSameOrigin(as: url) ? url.credentials : nil)
        } catch {
            throw OutboundError(
                .redirectInvalid,
                retryable: false,
                "The origin's redirect (\(response.status.code)) cannot be followed: \(error)"
            )
        }
    }
}
