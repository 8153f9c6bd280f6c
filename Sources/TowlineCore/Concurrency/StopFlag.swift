import Synchronization

/// Whether an engine was told to stop; once set it stays set.
package final class StopFlag: Sendable {
    private let value = Mutex(false)

    /// A flag that is not set.
    package init() {}

    /// Whether it is set.
    package var isSet: Bool { value.withLock { $0 } }

    /// Sets it.
    package func set() { value.withLock { $0 = true } }
}
