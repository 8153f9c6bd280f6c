import NIOCore
import Synchronization
import TowlineCore

/// Remembers for a while which origins offer nothing but HTTP/2.
final class HTTP2Origins: Sendable {
    private struct Origin: Hashable {
        var host: HTTPURL.Host
        var port: Int
    }

    /// Most origins that are remembered.
    private static let maximum = 1_024
    /// How long one is remembered.
    private static let lifetime = TimeAmount.minutes(10)

    private let origins = Mutex<[Origin: NIODeadline]>([:])

    /// How many are remembered.
    var count: Int { origins.withLock { $0.count } }

    /// Whether an origin is known to offer nothing else.
    func contains(_ key: HTTP1Connection.Key) -> Bool {
        origins.withLock { origins in
            guard !origins.isEmpty else { return false }
            return origins[Origin(host: key.host, port: key.port)].map { $0 > .now() } ?? false
        }
    }

    /// Takes down that an origin offers nothing else.
    func remember(_ key: HTTP1Connection.Key) {
        origins.withLock { origins in
            if origins.count >= Self.maximum { origins = origins.filter { $0.value > .now() } }
            if origins.count >= Self.maximum { origins.removeAll() }
            origins[Origin(host: key.host, port: key.port)] = .now() + Self.lifetime
        }
    }

    /// Takes down that an origin offers something else by now.
    func forget(_ key: HTTP1Connection.Key) {
        origins.withLock { $0[Origin(host: key.host, port: key.port)] = nil }
    }
}
