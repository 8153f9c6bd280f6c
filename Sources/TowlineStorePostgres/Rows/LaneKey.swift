import Crypto
import TowlineCore
import TowlineStore

/// What groups and lanes are found by: 16 bytes, since the keys themselves may be longer than an index takes.
enum LaneKey {
    /// The group of an origin.
    static func origin(_ origin: String) -> UInt128 { hash("origin", origin) }

    /// The lane of an account's pulls from an origin.
    static func pulls(account: AccountID, origin: String) -> UInt128 { hash("pulls", "\(account) \(origin)") }

    /// The group of the endpoint of an account's callbacks to a URL.
    static func group(account: AccountID, url: String) -> UInt128 {
        hash("group", StoredEndpoint.groupKey(account: account, url: url))
    }

    /// The group of an endpoint by its key.
    static func group(key: String) -> UInt128 { hash("group", key) }

    /// The group of a subscription.
    static func group(subscription id: EndpointID) -> UInt128 {
        hash("group", StoredEndpoint.groupKey(subscription: id))
    }

    /// A lane of an endpoint.
    static func lane(account: AccountID, key: String) -> UInt128 { hash("lane", "\(account) \(key)") }

    private static func hash(_ purpose: String, _ key: String) -> UInt128 {
        var hash = SHA256()
        hash.update(data: Array(purpose.utf8))
        hash.update(data: [0])
        hash.update(data: Array(key.utf8))
        return hash.finalize().prefix(16).reduce(0) { $0 << 8 | UInt128($1) }
    }
}
