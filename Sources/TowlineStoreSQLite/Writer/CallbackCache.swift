import TowlineCore
import TowlineStore

/// Callback configurations that the writer has read, with their keys opened.
///
/// Lives on the writer's thread.
final class CallbackCache {
    /// One account and application.
    struct Key: Hashable {
        let account: AccountID
        let app: AppID
    }

    private static let capacity = 1024
    private var known: [Key: CallbackConfiguration?] = [:]

    /// The configuration, from memory or read by a closure.
    func configuration(
        _ key: Key, read: () throws -> CallbackConfiguration?
    ) rethrows -> CallbackConfiguration? {
        if let known = known[key] { return known }
        let configuration = try read()
        if known.count >= Self.capacity { known.removeAll() }
        known[key] = .some(configuration)
        return configuration
    }

    /// Forgets one configuration, which has changed.
    func forget(_ key: Key) { known[key] = nil }

    /// Forgets all.
    func forget() { known.removeAll() }
}
