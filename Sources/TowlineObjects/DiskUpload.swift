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
/// writing to the disk every few megabytes, so that little is left for a sync. What was begun on the disk threads is
/// done whether or not the caller's task is cancelled.
final class DiskUpload: PositionedUpload {
    static let partSuffix = ".part"
    /// How many bytes gather before the kernel is asked to begin writing them to the disk.
    private static let writebackBytes: Int64 = 8 << 20

    /// Owned by the disk threads; one call at a time, in order, so the lock is hardly ever contended.
    private struct OpenFile: ~Copyable {
        var file: PosixFile?
        var written: Int64
        var handedOver: Int64
        /// Whether the file's name is known to be on stable storage.
        var hasDurableName: Bool
        /// Whether nothing may be written any more.
        var isClosed = false
    }

    private let path: String
    private let folder: String
    private let threads: NIOThreadPool
    private let open: Mutex<OpenFile>
    private let pending = Mutex<Task<Void, any Error>?>(nil)
    private let closing = Mutex<(@Sendable () -> Void)?>(nil)

    /// An upload whose file is made with its first bytes.
    init(path: String, folder: String, threads: NIOThreadPool) {
        self.path = path
        self.folder = folder
        self.threads = threads
        open = Mutex(OpenFile(file: nil, written: 0, handedOver: 0, hasDurableName: false))
    }

    /// An upload that goes on with a file whose name is on stable storage.
    init(path: String, folder: String, threads: NIOThreadPool, file: consuming PosixFile, written: Int64) {
        self.path = path
        self.folder = folder
        self.threads = threads
        open = Mutex(OpenFile(file: file, written: written, handedOver: written, hasDurableName: true))
    }

    /// Sets what happens once nothing can be written any more.
    func onClose(_ action: @escaping @Sendable () -> Void) { closing.withLock { $0 = action } }

    func write(_ bytes: ByteBuffer) async throws {
        let before = pending.withLock { $0 }
        try await before?.value
        let next = Task { try await threads.runIfActive { [self] in try append(bytes) } }
        pending.withLock { $0 = next }
    }

    func write(_ bytes: ByteBuffer, at offset: Int64) async throws {
        try await Task { try await threads.runIfActive { [self] in try put(bytes, at: offset) } }.value
    }

    func proceed(from offset: Int64) async throws {
        try await afterWrites { upload in
            upload.open.withLock {
                $0.written = offset
                $0.handedOver = offset
            }
        }
    }

    func sync(isLast: Bool) async throws -> StoredPrefix? {
        try await afterWrites { try $0.syncBytes() }
        return nil
    }

    func read(at offset: Int64, count: Int) async throws -> ByteBuffer {
        try await afterWrites { try $0.readBytes(at: offset, count: count) }
    }

    func restart() async throws {
        try await afterWrites { try $0.truncate() }
    }

    func finish() async throws {
        try await afterWrites { try $0.makeDurable() }
        didClose()
    }

    func leave() async {
        _ = try? await pending.withLock { $0 }?.value
        _ = try? await afterWrites { $0.close() }
    }

    func abort() async {
        _ = try? await pending.withLock { $0 }?.value
        _ = try? await Task { try await threads.runIfActive { [self] in drop() } }.value
    }

    /// Lets nothing be written any more; a write that is under way is waited for.
    ///
    /// Blocks.
    func close() {
        open.withLock {
            $0.isClosed = true
            $0.file = nil
        }
        didClose()
    }

    private func didClose() {
        let action = closing.withLock { closing in
            defer { closing = nil }
            return closing
        }
        action?()
    }

    /// Runs blocking work on the disk threads once what was written before is in the file.
    private func afterWrites<Result: Sendable>(
        _ body: @escaping @Sendable (DiskUpload) throws -> Result
    ) async throws -> Result {
        try await pending.withLock { $0 }?.value
        return try await Task { try await threads.runIfActive { [self] in try body(self) } }.value
    }

    private func append(_ bytes: ByteBuffer) throws {
        try open.withLock { open throws(ObjectStoreError) in
            try openIfNeeded(&open)
            try bytes.withUnsafeReadableBytes { bytes throws(ObjectStoreError) in
                try open.file?.write(bytes, at: open.written, path: path)
            }
            open.written += Int64(bytes.readableBytes)
            if open.written - open.handedOver >= Self.writebackBytes {
                open.file?.startWriteback(offset: open.handedOver, count: open.written - open.handedOver)
                open.handedOver = open.written
            }
        }
    }

    private func put(_ bytes: ByteBuffer, at offset: Int64) throws {
        try open.withLock { open throws(ObjectStoreError) in
            try openIfNeeded(&open)
            try bytes.withUnsafeReadableBytes { bytes throws(ObjectStoreError) in
                try open.file?.write(bytes, at: offset, path: path)
            }
            open.file?.startWriteback(offset: offset, count: Int64(bytes.readableBytes))
        }
    }

    private func openIfNeeded(_ open: inout OpenFile) throws(ObjectStoreError) {
        guard !open.isClosed else {
            throw ObjectStoreError(.unavailable, "writing \(path): the upload was ended or taken over")
        }
        if open.file == nil {
            open.file = try PosixFile(opening: path + Self.partSuffix, flags: O_RDWR | O_CREAT | O_TRUNC)
        }
    }

    private func syncBytes() throws {
        // A descriptor of its own: later bytes are written meanwhile.
        var needsName = false
        let file = try open.withLock { open throws(ObjectStoreError) -> PosixFile? in
            try openIfNeeded(&open)
            needsName = !open.hasDurableName
            return try open.file?.duplicate(path: path)
        }
        try file?.syncBytes(path: path)
        guard needsName else { return }
        try PosixFile.syncFolder(folder)
        open.withLock { $0.hasDurableName = true }
    }

    private func readBytes(at offset: Int64, count: Int) throws -> ByteBuffer {
        try open.withLock { open throws(ObjectStoreError) in
            try openIfNeeded(&open)
            var bytes = ByteBuffer()
            var failure: ObjectStoreError?
            bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { room in
                do throws(ObjectStoreError) {
                    let room = UnsafeMutableRawBufferPointer(rebasing: room.prefix(count))
                    return try open.file?.read(into: room, at: offset, path: path) ?? 0
                } catch {
                    failure = error
                    return 0
                }
            }
            if let failure { throw failure }
            return bytes
        }
    }

    private func truncate() throws {
        try open.withLock { open throws(ObjectStoreError) in
            try openIfNeeded(&open)
            try open.file?.truncate(to: 0, path: path)
            open.written = 0
            open.handedOver = 0
        }
    }

    private func makeDurable() throws {
        try open.withLock { open throws(ObjectStoreError) in
            try openIfNeeded(&open)
            try open.file?.sync(path: path)
            open.file = nil
            guard rename(path + Self.partSuffix, path) == 0 else { throw .errno("renaming", path) }
            open.isClosed = true
            try PosixFile.syncFolder(folder)
        }
    }

    /// Removes the file, unless it was taken over or left.
    private func drop() {
        open.withLock { open in
            if !open.isClosed { _ = unlink(path + Self.partSuffix) }
            open.isClosed = true
            open.file = nil
        }
        didClose()
    }
}
