import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One file on its way: bytes go to `NAME.part`, which is synced and renamed at the end.
///
/// Writing overlaps with receiving: a write returns when the one before it is done. The kernel is asked to begin
/// writing to the disk every few megabytes, so that little is left for the sync at the end.
final class DiskUpload: ObjectUpload {
    static let partSuffix = ".part"
    /// How many bytes gather before the kernel is asked to begin writing them to the disk.
    private static let writebackBytes: Int64 = 8 << 20

    /// Owned by the disk threads; one call at a time, in order, so the lock is never contended.
    private struct OpenFile: ~Copyable {
        var file: PosixFile?
        var written: Int64 = 0
        var handedOver: Int64 = 0
    }

    private let path: String
    private let folder: String
    private let threads: NIOThreadPool
    private let open = Mutex(OpenFile(file: nil))
    private let pending = Mutex<Task<Void, any Error>?>(nil)

    init(path: String, folder: String, threads: NIOThreadPool) {
        self.path = path
        self.folder = folder
        self.threads = threads
    }

    func write(_ bytes: ByteBuffer) async throws {
        let before = pending.withLock { $0 }
        try await before?.value
        let next = Task { try await threads.runIfActive { [self] in try append(bytes) } }
        pending.withLock { $0 = next }
    }

    func finish() async throws {
        try await pending.withLock { $0 }?.value
        try await threads.runIfActive { [self] in try makeDurable() }
    }

    func abort() async {
        _ = try? await pending.withLock { $0 }?.value
        try? await threads.runIfActive { [self] in
            open.withLock { $0.file = nil }
            _ = unlink(path + Self.partSuffix)
        }
    }

    private func append(_ bytes: ByteBuffer) throws {
        try open.withLock { open throws(ObjectStoreError) in
            if open.file == nil {
                open.file = try PosixFile(opening: path + Self.partSuffix, flags: O_WRONLY | O_CREAT | O_TRUNC)
            }
            try bytes.withUnsafeReadableBytes { bytes throws(ObjectStoreError) in
                try open.file?.write(bytes, path: path)
            }
            open.written += Int64(bytes.readableBytes)
            if open.written - open.handedOver >= Self.writebackBytes {
                open.file?.startWriteback(offset: open.handedOver, count: open.written - open.handedOver)
                open.handedOver = open.written
            }
        }
    }

    private func makeDurable() throws {
        try open.withLock { open throws(ObjectStoreError) in
            if open.file == nil {
                open.file = try PosixFile(opening: path + Self.partSuffix, flags: O_WRONLY | O_CREAT | O_TRUNC)
            }
            try open.file?.sync(path: path)
            open.file = nil
            guard rename(path + Self.partSuffix, path) == 0 else { throw .errno("renaming", path) }
            try PosixFile.syncFolder(folder)
        }
    }
}
