import TowlineOutbound

/// What sources get beside the limits: header fields for their origins and a proxy.
struct SourceAccess {
    private let headerRules: SourceHeaderRules
    private let proxy: OutboundProxy?

    /// Reads what the settings name.
    ///
    /// - Throws: ``ServerError`` for a file of header rules that is wrong, and for a proxy that is Towline itself.
    init(_ settings: Settings) throws {
        headerRules = try settings.net.sourceHeadersFile.map(SourceHeadersFile.load) ?? SourceHeaderRules()
        var proxy = settings.net.proxy
        proxy?.exceptions = settings.net.noProxy
        self.proxy = proxy
        if let proxy {
            let own = [settings.api.listen, settings.admin.listen].first { Self.isSame(proxy, $0) }
            guard own == nil else {
                throw ServerError("net.proxy is Towline's own listener; it must name another server", exitCode: 2)
            }
        }
    }

    /// Puts them into the configuration of a client.
    func apply(to configuration: inout OutboundConfiguration) {
        configuration.headerRules = headerRules
        configuration.proxy = proxy
    }

    private static func isSame(_ proxy: OutboundProxy, _ listener: Settings.HostPort) -> Bool {
        guard let place = Settings.HostPort(proxy.description), place.port == listener.port else { return false }
        return place == listener || (place.isLoopback && (listener.isLoopback || listener.isWildcard))
    }
}
