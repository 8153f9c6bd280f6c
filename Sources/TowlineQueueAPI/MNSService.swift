package import Logging
import MNSWire
package import TowlineAPI
package import TowlineCore
import TowlineQueue
package import TowlineStore

/// What the operations of the queue protocol work with.
package struct MNSService: Sendable {
    let store: any QueueStore
    let authenticator: MNSAuthenticator
    /// `scheme://host[:port]`, without a slash at the end.
    let publicURL: String
    let maxBodyBytes: Int
    let makeRequestID: @Sendable () -> String
    let connections: MNSConnections
    let logger: Logger

    /// A service over a store.
    ///
    /// - Parameters:
    ///   - store: The queues.
    ///   - keys: The access keys; an account's keys see that account's queues.
    ///   - publicURL: The address that clients use (`api.public-url`): what `QueueURL`, `Location` and `HostId` say.
    ///   - maxBodyBytes: The largest body, in bytes; never more than the XML reader takes, which is 1 MiB.
    ///   - wallClock: The time that signatures are judged by.
    ///   - connections: Which clients are still there: the one whose handlers are in the listener's channels.
    ///   - makeRequestID: Gives 24 upper-case hexadecimal digits, each time others.
    ///   - logger: Says what failed.
    package init(
        store: any QueueStore, keys: KeyCache, publicURL: String, maxBodyBytes: Int = 1 << 20,
        wallClock: @escaping @Sendable () -> Timestamp, connections: MNSConnections = MNSConnections(),
        makeRequestID: @escaping @Sendable () -> String = MNSRequestIDs().next, logger: Logger
    ) {
        self.store = store
        authenticator = MNSAuthenticator(keys: keys, wallClock: wallClock)
        var publicURL = publicURL
        while publicURL.hasSuffix("/") { publicURL.removeLast() }
        self.publicURL = publicURL
        self.maxBodyBytes = min(maxBodyBytes, XMLLimits.request.totalBytes)
        self.makeRequestID = makeRequestID
        self.connections = connections
        self.logger = logger
    }

    /// The address of a queue, five pieces between slashes (mns-api.md 3.5).
    func url(of queue: String) -> String { "\(publicURL)/queues/\(queue)" }
}
