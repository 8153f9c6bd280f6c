package import Hummingbird
import NIOCore

/// The context of admin requests: knows where the caller sits.
package struct AdminContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// Whether the caller's address is a loopback address.
    let isLoopback: Bool

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        let address = source.channel.remoteAddress
        let text = address?.ipAddress ?? ""
        isLoopback =
            switch address {
            case .v4: text.hasPrefix("127.")
            case .v6: text == "::1" || text.hasPrefix("::ffff:127.")
            case .unixDomainSocket: true
            case nil: false
            }
    }
}
