import Logging
import NIOPosix
import TowlineCore
import TowlineObjects
import TowlineObjectsS3
import TowlineOutbound

/// The object store in a bucket, with the client that reaches it.
struct BucketObjects: Sendable {
    /// The store.
    let store: S3ObjectStore
    private let client: OutboundClient

    /// Puts a store over the bucket of the settings; nothing is called yet.
    init(settings: Settings, location: S3Location, logger: Logger) {
        let group = MultiThreadedEventLoopGroup.singleton
        var configuration = OutboundConfiguration()
        configuration.connectTimeout = settings.pull.connectTimeout
        configuration.dnsTimeout = settings.pull.dnsTimeout
        // A store may work long on a completed upload or a copy before it says anything.
        configuration.firstByteTimeout = .seconds(120)
        configuration.extraCAFile = settings.net.caFile
        configuration.userAgent = "Towline/\(TowlineVersion.current)"
        // The operator names the endpoint, and no redirect is followed: it may be anywhere but where nothing may be.
        let everywhere = [
            CIDR(IPAddress(v4: 0), prefixLength: 0), CIDR(IPAddress(v6High: 0, low: 0), prefixLength: 0),
        ]
        client = OutboundClient(
            configuration: configuration, policy: AddressPolicy(allow: everywhere, deny: settings.net.deny),
            resolver: NameResolution.resolver(settings.net, group: group), logger: logger, eventLoopGroup: group)
        let key = settings.objectsKey
        store = S3ObjectStore(
            location: location,
            credentials: S3Credentials(
                accessKeyID: key?.id ?? "", secretAccessKey: key?.secret.value ?? "",
                sessionToken: key?.sessionToken?.value),
            caller: client, budget: PartBudget(bytes: settings.objectsPartMemoryBytes), wallClock: WallClock.now,
            logger: logger)
    }

    /// Closes the connections.
    func close() async { await client.shutdown() }
}
