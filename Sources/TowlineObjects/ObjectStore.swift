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

/// The extra power of a store where a later attempt can go on with what an earlier one left (docs/proposals/0006-resume.md).
package protocol ResumableObjectStore: ObjectStore {
    /// Begins to write an object that can be left half-written.
    ///
    /// - Throws: ``ObjectStoreError``.
    func beginResumableUpload(_ key: ObjectKey) async throws -> any ResumableUpload

    /// Takes over what an upload under one of the keys left: from then on it is under the new key, and no writer under
    /// the old keys can change it any more.
    ///
    /// - Parameters:
    ///   - keys: Where it may be.
    ///   - key: The key of the attempt that goes on, under which nothing was written yet.
    ///   - prefix: How much to keep, and what it was; what lies beyond is cut off.
    /// - Returns: An upload that goes on after these bytes; nil when they are not there. Whether they are what they
    ///   were is for the caller to check, unless the upload says ``ResumableUpload/isVerified``.
    /// - Throws: ``ObjectStoreError``.
    func takeOver(
        _ keys: [ObjectKey], as key: ObjectKey, prefix: StoredPrefix
    ) async throws -> (any ResumableUpload)?
}

/// The beginning of an object.
package struct StoredPrefix: Sendable, Hashable {
    /// How long it is.
    package let bytes: Int64
    /// The CRC-64 of these bytes.
    package let crc64: UInt64

    /// Joins length and digest.
    package init(bytes: Int64, crc64: UInt64) {
        self.bytes = bytes
        self.crc64 = crc64
    }
}

/// One object on its way that can be left half-written.
package protocol ResumableUpload: ObjectUpload {
    /// Whether the store vouches for what was taken over: no byte can be another than the one that was written.
    var isVerified: Bool { get }

    /// Makes what was written before the call durable, while later writes go on.
    ///
    /// A store that keeps parts of a fixed size may leave out the beginning of one, unless nothing follows.
    ///
    /// - Parameter isLast: Whether the upload is left after it, so that nothing is written any more.
    /// - Returns: What is durable, where that is not everything that was written before the call; nil where it is.
    /// - Throws: ``ObjectStoreError``; what is durable is unknown then.
    func sync(isLast: Bool) async throws -> StoredPrefix?

    /// Reads back what was written, waiting for it if need be.
    ///
    /// - Parameters:
    ///   - offset: Where to begin.
    ///   - count: How many bytes.
    /// - Returns: The bytes; fewer only at the end of what was written.
    /// - Throws: ``ObjectStoreError``.
    func read(at offset: Int64, count: Int) async throws -> ByteBuffer

    /// Forgets what was written; the next bytes are the first.
    func restart() async throws

    /// Stops writing and leaves what is durable to be taken over or removed.
    func leave() async
}

extension ResumableUpload {
    package var isVerified: Bool { false }
}

/// One object on its way whose bytes may come in any order.
package protocol PositionedUpload: ResumableUpload {
    /// Puts bytes in their place; several calls may be under way. They are in place when this returns.
    ///
    /// - Throws: ``ObjectStoreError``.
    func write(_ bytes: ByteBuffer, at offset: Int64) async throws

    /// Sets where the bytes of ``ObjectUpload/write(_:)`` go on.
    ///
    /// - Throws: ``ObjectStoreError``.
    func proceed(from offset: Int64) async throws
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
