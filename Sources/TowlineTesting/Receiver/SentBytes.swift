import Synchronization

/// Counts bytes from several scripts.
final class SentBytes: Sendable {
    private let storage = Atomic<Int>(0)

    var count: Int { storage.load(ordering: .relaxed) }

    func add(_ number: Int) { storage.add(number, ordering: .relaxed) }
}
