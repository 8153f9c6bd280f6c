import ServiceLifecycle
import TowlineStore

/// Answers the receives that wait when the server is told to stop, so that the listeners need not wait for them.
struct QueueWaits: Service, CustomStringConvertible {
    /// The name that service groups log; without it they would spell out every stored property.
    var description: String { "QueueWaits" }

    let store: any QueueStore

    func run() async throws {
        try? await gracefulShutdown()
        store.endQueueWaits()
    }
}
