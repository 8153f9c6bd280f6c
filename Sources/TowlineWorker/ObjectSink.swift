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

    init(objects: any ObjectStore, key: ObjectKey, smallObjectBytes: Int) {
        self.objects = objects
        self.key = key
        self.smallObjectBytes = objects is any DeferredObjectStore ? smallObjectBytes : 0
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
