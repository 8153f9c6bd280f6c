import NIOCore
package import NIOPosix
import Synchronization
package import TowlineCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Objects as files under one folder.
///
/// A file bears its final name only once its bytes are on stable storage; until then it ends in `.part`. Small objects
/// that are put deferred are the exception: a row in the store restores them.
package final class DiskObjectStore: DeferredObjectStore, ResumableObjectStore {
    private let root: String
    private let threads: NIOThreadPool
    /// Folders known to exist, with their names synced.
    private let folders = Mutex<Set<String>>([])
    /// The uploads that may still write, so that a take-over can stop them.
    private let uploads = Mutex<[ObjectKey: DiskUpload]>([:])

    /// Opens the folder, which is made when it does not exist.
    ///
    /// - Parameters:
    ///   - root: The folder's path, without a slash at the end.
    ///   - threads: Where the blocking calls run; started by the caller.
    /// - Throws: ``ObjectStoreError`` when the folder cannot be made or written.
    package init(root: String, threads: NIOThreadPool) throws {
        self.root = root
        self.threads = threads
        try Self.makeFolder(root)
        guard access(root, W_OK | X_OK) == 0 else { throw ObjectStoreError.errno("writing into", root) }
    }

    package func beginUpload(_ key: ObjectKey) async throws -> any ObjectUpload {
        try await openUpload(key)
    }

    package func beginResumableUpload(_ key: ObjectKey) async throws -> any ResumableUpload {
        try await openUpload(key)
    }

    private func openUpload(_ key: ObjectKey) async throws -> DiskUpload {
        try await threads.runIfActive { [self] in try makeParent(of: key) }
        return register(DiskUpload(path: path(key), folder: folder(of: key), threads: threads), as: key)
    }

    package func takeOver(
        _ keys: [ObjectKey], as key: ObjectKey, prefix: StoredPrefix
    ) async throws -> (any ResumableUpload)? {
        let bytes = prefix.bytes
        let late = uploads.withLock { uploads in keys.compactMap { uploads[$0] } }
        return try await threads.runIfActive { [self] () -> DiskUpload? in
            // The file keeps its identity when it is renamed: a writer that still had it open could go on writing.
            for upload in late { upload.close() }
            try makeParent(of: key)
            let part = path(key) + DiskUpload.partSuffix
            guard try keys.contains(where: { try Self.rename(path($0) + DiskUpload.partSuffix, to: part) }) else {
                return nil
            }
            try PosixFile.syncFolder(folder(of: key))
            let file = try PosixFile(opening: part, flags: O_RDWR)
            guard try file.size(path: part) >= bytes else {
                try Self.unlinkIfPresent(part)
                return nil
            }
            try file.truncate(to: bytes, path: part)
            let upload = DiskUpload(
                path: path(key), folder: folder(of: key), threads: threads, file: file, written: bytes)
            return register(upload, as: key)
        }
    }

    private func register(_ upload: DiskUpload, as key: ObjectKey) -> DiskUpload {
        uploads.withLock { $0[key] = upload }
        upload.onClose { [weak self] in _ = self?.uploads.withLock { $0.removeValue(forKey: key) } }
        return upload
    }

    package func remove(_ keys: [ObjectKey]) async throws -> [ObjectKey] {
        try await threads.runIfActive { [self] in
            var removed: [ObjectKey] = []
            var failure: ObjectStoreError?
            for key in keys {
                do throws(ObjectStoreError) {
                    try Self.unlinkIfPresent(path(key) + DiskUpload.partSuffix)
                    try Self.unlinkIfPresent(path(key))
                    removed.append(key)
                } catch {
                    failure = error
                }
            }
            if let failure, removed.isEmpty { throw failure }
            return removed
        }
    }

    package func checkReadiness() async throws {
        try await threads.runIfActive { [root] in
            guard access(root, W_OK | X_OK) == 0 else { throw ObjectStoreError.errno("writing into", root) }
        }
    }

    package func putDeferred(_ key: ObjectKey, _ bytes: [UInt8]) async throws {
        try await threads.runIfActive { [self] in
            try makeParent(of: key)
            let file = try PosixFile(opening: path(key), flags: O_WRONLY | O_CREAT | O_TRUNC)
            try bytes.withUnsafeBytes { try file.write($0, path: path(key)) }
        }
    }

    package func syncDeferred() async throws {
        try await threads.runIfActive { [root] in
            let folder = try PosixFile(opening: root, flags: O_RDONLY | O_DIRECTORY)
            try folder.syncFileSystem(path: root)
        }
    }

    /// Where an object's file lies.
    package func path(_ key: ObjectKey) -> String { "\(root)/\(key)" }

    private func folder(of key: ObjectKey) -> String {
        let path = self.path(key)
        return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? root
    }

    private func makeParent(of key: ObjectKey) throws(ObjectStoreError) {
        let folder = folder(of: key)
        guard !folders.withLock({ $0.contains(folder) }) else { return }
        try Self.makeFolder(folder)
        try PosixFile.syncFolder(root)
        _ = folders.withLock { $0.insert(folder) }
    }

    private static func makeFolder(_ path: String) throws(ObjectStoreError) {
        var parent = path[...]
        if mkdir(path, 0o750) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = parent.lastIndex(of: "/"), slash > path.startIndex else {
            throw .errno("making the folder", path)
        }
        parent = path[..<slash]
        try makeFolder(String(parent))
        guard mkdir(path, 0o750) == 0 || errno == EEXIST else { throw .errno("making the folder", path) }
    }

    /// Renames a file; false when there is none.
    private static func rename(_ old: String, to new: String) throws(ObjectStoreError) -> Bool {
        #if canImport(Glibc)
            let result = Glibc.rename(old, new)
        #elseif canImport(Musl)
            let result = Musl.rename(old, new)
        #else
            let result = Darwin.rename(old, new)
        #endif
        if result == 0 { return true }
        guard errno == ENOENT else { throw .errno("renaming", old) }
        return false
    }

    private static func unlinkIfPresent(_ path: String) throws(ObjectStoreError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw .errno("removing", path) }
    }
}
