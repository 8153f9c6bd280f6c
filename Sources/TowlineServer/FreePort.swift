import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Turns port 0 into a number before anything is built, since the public address stands in events.
enum FreePort {
    /// The address with a port of its own: the one named, or a free one for 0.
    ///
    /// - Throws: ``ServerError`` when the address cannot be listened on.
    static func resolve(_ address: Settings.HostPort, setting: String, group: any EventLoopGroup) async throws -> Int {
        do {
            let channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: address.host, port: address.port).get()
            let port = channel.localAddress?.port ?? address.port
            try await channel.close()
            return port
        } catch {
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw ServerError("cannot listen on \(address) (\(setting)): \(reason)")
        }
    }
}
