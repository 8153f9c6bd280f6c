import NIOCore
import TowlineOutbound

/// How names are looked up, by `net.dns-servers`.
enum NameResolution {
    /// A resolver of its own for whoever asks.
    ///
    /// The system's look-ups hold threads and cannot be stopped, so slow ones for sources must not hold up those for
    /// callbacks.
    static func resolver(_ settings: Settings.Net, group: any EventLoopGroup) -> any HostResolver {
        let servers = settings.dnsServers.compactMap { try? DNSServer(parsing: $0.description) }
        return servers.isEmpty ? SystemResolver() : DNSResolver(servers: servers, eventLoopGroup: group)
    }
}
