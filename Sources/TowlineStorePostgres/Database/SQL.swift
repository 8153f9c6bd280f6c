import Synchronization

/// The text of one statement, made once and kept in a static constant, with a number under which each connection
/// finds its prepared form without hashing the text.
struct SQL: Sendable {
    private static let slots = Atomic<Int>(0)

    let text: String
    /// Unique in the process, counted from 0.
    let slot: Int

    /// Names a statement; to be stored in a `static let`.
    init(_ text: String) {
        self.text = text
        slot = Self.slots.add(1, ordering: .relaxed).oldValue
    }
}
