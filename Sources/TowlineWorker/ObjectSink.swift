import NIOCore
import TowlineCore
import TowlineObjects

/// Takes the bytes of one attempt: keeps a small object in memory, and turns to an upload once it is not small.
struct ObjectSink {
    private let objects: any ObjectStore
    private let key: ObjectKey
    private let smallObjectBytes: Int
    private var small = ByteBuffer()
    private var upload: (any ObjectUpload)?

    /// A sink for one object.
    ///
    /// - Parameters:
    ///   - objects: Where the object goes.
    ///   - key: Its key.
    ///   - expectedBytes: What the source announced: an object that will not be small is not kept in memory at all.
    ///   - smallObjectBytes: The largest small object.
    init(objects: any ObjectStore, key: ObjectKey, expectedBytes: Int64?, smallObjectBytes: Int) {
        self.objects = objects
        self.key = key
        let isPossible = objects is any DeferredObjectStore && (expectedBytes ?? 0) <= Int64(smallObjectBytes)
        self.smallObjectBytes = isPossible ? smallObjectBytes : 0
    }

    mutating func write(_ bytes: ByteBuffer) async throws {
        if let upload { return try await upload.write(bytes) }
        if small.readableBytes + bytes.readableBytes <= smallObjectBytes {
            small.writeImmutableBuffer(bytes)
            return
        }
        let upload = try await objects.beginUpload(key)
        self.upload = upload
        if small.readableBytes > 0 { try await upload.write(small) }
        small = ByteBuffer()
        try await upload.write(bytes)
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
        let upload = try await objects.beginUpload(key)
        self.upload = upload
        try await upload.write(small)
        try await upload.finish()
        return nil
    }

    /// Drops what was written.
    func abort() async { await upload?.abort() }
}
