import NIOCore
import TowlineCore
import TowlineObjects

/// Takes the bytes of one attempt: keeps a small object in memory, and turns to an upload once it is not small.
struct ObjectSink {
    private let objects: any ObjectStore
    private let key: ObjectKey
    private let largestSmall: Int
    private var smallObjectBytes = 0
    private var small = ByteBuffer()
    private var upload: (any ObjectUpload)?
    private let expected: ExpectedContent
    /// The digests of the bytes so far.
    private(set) var digest: ContentDigest

    /// A sink for one object.
    ///
    /// - Parameters:
    ///   - objects: Where the object goes.
    ///   - key: Its key.
    ///   - smallObjectBytes: The largest small object.
    ///   - expected: Says which digests are needed.
    init(objects: any ObjectStore, key: ObjectKey, smallObjectBytes: Int, expected: ExpectedContent) {
        self.expected = expected
        digest = ContentDigest(for: expected)
        self.objects = objects
        self.key = key
        largestSmall = objects is any DeferredObjectStore ? smallObjectBytes : 0
    }

    /// The upload, where its bytes could be left to another attempt.
    var resumable: (any ResumableUpload)? { upload as? any ResumableUpload }

    /// Prepares for a file from its first byte: one that will not be small is not kept in memory at all.
    ///
    /// - Parameter bytes: The length that the source announced.
    mutating func expect(bytes: Int64?) {
        smallObjectBytes = upload == nil && (bytes ?? 0) <= Int64(largestSmall) ? largestSmall : 0
    }

    /// Goes on with an upload that has bytes of known digests.
    mutating func goOn(with upload: any ResumableUpload, digest: ContentDigest) {
        self.upload = upload
        self.digest = digest
        smallObjectBytes = 0
    }

    mutating func write(_ bytes: ByteBuffer) async throws {
        digest.update(bytes)
        if let upload { return try await upload.write(bytes) }
        if small.readableBytes + bytes.readableBytes <= smallObjectBytes {
            small.writeImmutableBuffer(bytes)
            return
        }
        let upload = try await begin()
        if small.readableBytes > 0 { try await upload.write(small) }
        small = ByteBuffer()
        try await upload.write(bytes)
    }

    /// Forgets what was written.
    mutating func restart() async throws {
        small = ByteBuffer()
        digest = ContentDigest(for: expected)
        if let resumable { return try await resumable.restart() }
        await upload?.abort()
        upload = nil
    }

    /// Takes note of bytes that were written beside the sink.
    mutating func skip(to crc64: CRC64) { digest.skip(to: crc64) }

    /// Reads what was written beside the sink for the digests that need every byte in order.
    mutating func catchUp(with upload: any PositionedUpload, from first: Int64, to last: Int64) async throws {
        var offset = first
        while offset < last {
            try Task.checkCancellation()
            let bytes = try await upload.read(at: offset, count: Int(min(256 << 10, last - offset)))
            guard bytes.readableBytes > 0 else {
                throw ObjectStoreError(.unavailable, "what was written at \(offset) is not there")
            }
            digest.catchUp(bytes)
            offset += Int64(bytes.readableBytes)
        }
    }

    /// Ends the object: durable when this returns, or small and returned to ride in the terminal transaction.
    mutating func finish() async throws -> [UInt8]? {
        if let upload {
            try await upload.finish()
            return nil
        }
        if smallObjectBytes > 0, let objects = objects as? any DeferredObjectStore {
            let bytes = Array(small.readableBytesView)
            try await objects.putDeferred(key, bytes)
            return bytes
        }
        let upload = try await begin()
        try await upload.write(small)
        try await upload.finish()
        return nil
    }

    /// Drops what was written.
    func abort() async { await upload?.abort() }

    private mutating func begin() async throws -> any ObjectUpload {
        let upload: any ObjectUpload
        if let objects = objects as? any ResumableObjectStore {
            upload = try await objects.beginResumableUpload(key)
        } else {
            upload = try await objects.beginUpload(key)
        }
        self.upload = upload
        return upload
    }
}
