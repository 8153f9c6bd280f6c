import HTTPTypes
import Hummingbird

/// Who may use the admin listener beyond its health checks: with a token whoever shows it, without one only loopback (interface.md).
///
/// Without a token the Host must be an address or `localhost`, and a page of another origin is refused, so that a web
/// page in the operator's browser cannot reach the API by a name that points to this machine.
struct AdminGuard: RouterMiddleware {
    typealias Context = AdminContext

    let token: String?

    @concurrent func handle(
        _ request: Request, context: AdminContext,
        next: @concurrent (Request, AdminContext) async throws -> Response
    ) async throws -> Response {
        if let refusal = refusal(request, context: context) { return refusal }
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            return AdminError(.notFound, "NotFound", "the admin API has no such path").response
        }
    }

    private func refusal(_ request: Request, context: AdminContext) -> Response? {
        if ["/healthz", "/readyz"].contains(request.uri.path) { return nil }
        if let token {
            let shown = request.headers[.authorization] ?? ""
            guard Self.areEqual(Array(shown.utf8), Array("Bearer \(token)".utf8)) else {
                return AdminError(
                    .unauthorized, "Unauthorized", "show the admin token as 'Authorization: Bearer …' (--token)"
                ).response
            }
            return nil
        }
        guard context.isLoopback else {
            return AdminError(
                .forbidden, "Forbidden", "only loopback may connect while no admin.token is set"
            ).response
        }
        guard Self.isLocal(host: request.head.authority ?? "") else {
            return AdminError(
                .forbidden, "Forbidden", "the Host must be an IP address or localhost while no admin.token is set"
            ).response
        }
        if let origin = request.headers[.origin], !origin.hasSuffix("://" + (request.head.authority ?? "")) {
            return AdminError(.forbidden, "Forbidden", "requests from pages of other origins are refused").response
        }
        return nil
    }

    private static func isLocal(host: String) -> Bool {
        if host.hasPrefix("[") { return true }
        let name = host.prefix { $0 != ":" }
        return name == "localhost" || (!name.isEmpty && name.allSatisfy { $0.isNumber || $0 == "." })
    }

    /// Looks at every byte whatever differs, so that the time tells nothing.
    private static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
