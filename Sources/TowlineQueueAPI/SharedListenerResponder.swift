import HTTPTypes
package import Hummingbird
import MNSWire

/// Lets the queues share a listener with other things: their paths and signatures tell them apart.
package struct SharedListenerResponder<Other: HTTPResponder>: HTTPResponder
where Other.Context: InitializableFromSource<ApplicationRequestContextSource> {
    package typealias Context = MNSContext

    private let queues: MNSResponder
    private let other: Other

    /// A responder that asks `queues` for what belongs to the queue protocol, and `other` for the rest.
    package init(queues: MNSResponder, other: Other) {
        self.queues = queues
        self.other = other
    }

    package func respond(to request: Request, context: MNSContext) async throws -> Response {
        guard Self.belongsToQueues(request) else {
            return try await other.respond(to: request, context: Other.Context(source: context.source))
        }
        return try await queues.respond(to: request, context: context)
    }

    /// Whether a request has a path of the queue protocol or is signed in its way, as one for the account is.
    static func belongsToQueues(_ request: Request) -> Bool {
        if MNSRouter.owns(target: request.head.path ?? "/") { return true }
        guard let signature = request.headers[.authorization] else { return false }
        return ["MNS ", "MNS4-HMAC-SHA256 ", "APSARA-MNS4-HMAC-SHA256 "].contains { signature.hasPrefix($0) }
    }
}
