import CTowlineDisk

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One open file descriptor with the calls that the disk store needs.
///
/// Every call blocks.
struct PosixFile: ~Copyable {
    private let descriptor: Int32

    /// Opens a path; the descriptor is closed when the value goes.
    init(opening path: String, flags: Int32, mode: mode_t = 0o640) throws(ObjectStoreError) {
        descriptor = open(path, flags | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw .errno("opening", path) }
    }

    deinit { _ = close(descriptor) }

    /// Writes all bytes at the end of what was written before.
    func write(_ bytes: UnsafeRawBufferPointer, path: String) throws(ObjectStoreError) {
        var rest = bytes
        while !rest.isEmpty {
            #if canImport(Darwin)
                let count = Darwin.write(descriptor, rest.baseAddress, rest.count)
            #elseif canImport(Musl)
                let count = Musl.write(descriptor, rest.baseAddress, rest.count)
            #else
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            #endif
            if count < 0 {
                if errno == EINTR { continue }
                throw .errno("writing", path)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// Asks the kernel to begin writing a range to the disk, without waiting for it.
    func startWriteback(offset: Int64, count: Int64) {
        _ = ctowline_start_writeback(descriptor, offset, count)
    }

    /// Waits until the file's bytes and size are on stable storage.
    func sync(path: String) throws(ObjectStoreError) {
        guard fsync(descriptor) == 0 else { throw .errno("syncing", path) }
    }

    /// Waits until everything on the file's file system is on stable storage.
    func syncFileSystem(path: String) throws(ObjectStoreError) {
        guard ctowline_sync_file_system(descriptor) == 0 else { throw .errno("syncing the file system of", path) }
    }

    /// Syncs a folder, so that the names in it are on stable storage.
    static func syncFolder(_ path: String) throws(ObjectStoreError) {
        let folder = try PosixFile(opening: path, flags: O_RDONLY | O_DIRECTORY)
        try folder.sync(path: path)
    }
}

extension ObjectStoreError {
    /// The error of the last system call, as a sentence with the path.
    static func errno(_ doing: String, _ path: String) -> ObjectStoreError {
        #if canImport(Glibc)
            let number = Glibc.errno
        #elseif canImport(Musl)
            let number = Musl.errno
        #else
            let number = Darwin.errno
        #endif
        let code: Code =
            switch number {
            case ENOSPC, EDQUOT: .full
            case EACCES, EPERM, EROFS: .forbidden
            default: .unavailable
            }
        return ObjectStoreError(code, "\(doing) \(path): \(String(cString: strerror(number)))")
    }
}
