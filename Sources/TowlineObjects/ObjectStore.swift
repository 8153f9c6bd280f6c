package import NIOCore
package import TowlineCore

/// Where objects are kept.
///
/// Each key has one writer ever (design 4.5), so no call has to reckon with another's.
package protocol ObjectStore: Sendable {
    /// Begins to write an object of unknown or known size.
    ///
    /// - Throws: ``ObjectStoreError``.
    func beginUpload(_ key: ObjectKey) async throws -> any ObjectUpload

    /// Removes objects and what half-finished uploads left under these keys; what does not exist is fine.
    ///
    /// - Returns: The keys of which nothing is left.
    /// - Throws: ``ObjectStoreError`` when none could be removed.
    func remove(_ keys: [ObjectKey]) async throws -> [ObjectKey]

    /// Whether objects can be written now; throws the reason when they cannot.
    func checkReadiness() async throws
}

/// One object on its way into a store.
///
/// One caller, one call at a time.
package protocol ObjectUpload: Sendable {
    /// Takes the next bytes. May return before they are written, but never holds more than two buffers.
    ///
    /// - Throws: ``ObjectStoreError``, for these bytes or earlier ones.
    func write(_ bytes: ByteBuffer) async throws

    /// Makes the object durable under its key.
    ///
    /// - Throws: ``ObjectStoreError``; the object does not exist then.
    func finish() async throws

    /// Drops what was written.
    func abort() async
}

/// The extra power of a store whose small objects may become durable together, later (design section 7).
package protocol DeferredObjectStore: ObjectStore {
    /// Writes a whole small object so that it can be read at once. It is durable only after ``syncDeferred()``.
    func putDeferred(_ key: ObjectKey, _ bytes: [UInt8]) async throws

    /// Makes everything that was put before durable.
    func syncDeferred() async throws
}

/// Why an object could not be written or removed.
package struct ObjectStoreError: Error, Sendable, CustomStringConvertible {
    /// A stable code; also the metric label.
    package struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String { case full, forbidden, unavailable }
        private let value: Value
        /// No space, or no quota, is left.
        package static let full = Code(value: .full)
        /// The store refuses: permissions, a read-only file system.
        package static let forbidden = Code(value: .forbidden)
        /// Any other fault.
        package static let unavailable = Code(value: .unavailable)
        package var description: String { value.rawValue }
    }

    package let code: Code
    /// One sentence for a person.
    package let message: String

    /// Joins a code and a sentence.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(code): \(message)" }
}
