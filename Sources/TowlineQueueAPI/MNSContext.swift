package import Hummingbird
import Logging
import NIOCore

/// A request's context that knows the connection, so that an answer can be taken back when nobody is there to get it.
package struct MNSContext: InitializableFromSource {
    let channel: any Channel
    private let logger: Logger

    package init(source: ApplicationRequestContextSource) {
        channel = source.channel
        logger = source.logger
    }

    /// What contexts are made of.
    var source: ApplicationRequestContextSource { ApplicationRequestContextSource(channel: channel, logger: logger) }
}
