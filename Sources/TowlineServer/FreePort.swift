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
    /// Ports that systems do not give to outgoing connections: one that was free a moment ago is not taken by those.
    private static let range = 20_000..<32_768
    /// How many of them are tried before the system chooses.
    private static let tries = 50

    /// The address with a port of its own: the one named, or a free one for 0.
    ///
    /// - Parameters:
    ///   - address: The address.
    ///   - setting: The setting that it is from, for the error.
    ///   - other: A port that is spoken for and not listened on yet.
    ///   - group: Where to listen.
    ///   - choose: Gives a port to try for 0.
    /// - Returns: The port.
    /// - Throws: ``ServerError`` when the address cannot be listened on.
    static func resolve(
        _ address: Settings.HostPort, setting: String, besides other: Int? = nil, group: any EventLoopGroup,
        choose: () -> Int = { Int.random(in: range) }
    ) async throws -> Int {
        if address.port == 0 {
            for _ in 0..<tries {
                let port = choose()
                if port != other, (try? await bind(address.host, port, group)) != nil { return port }
            }
        }
        do {
            return try await bind(address.host, address.port, group)
        } catch {
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw ServerError("cannot listen on \(address) (\(setting)): \(reason)")
        }
    }

    /// Listens for a moment.
    ///
    /// - Returns: The port.
    private static func bind(_ host: String, _ port: Int, _ group: any EventLoopGroup) async throws -> Int {
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: host, port: port).get()
        let bound = channel.localAddress?.port ?? port
        try await channel.close()
        return bound
    }
}
