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

    private init(descriptor: Int32) { self.descriptor = descriptor }

    /// A second descriptor of the same open file, for a call that may take long.
    func duplicate(path: String) throws(ObjectStoreError) -> PosixFile {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw .errno("opening", path) }
        return PosixFile(descriptor: copy)
    }

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

    /// Writes all bytes at a place of the file.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64, path: String) throws(ObjectStoreError) {
        var rest = bytes
        var offset = offset
        while !rest.isEmpty {
            let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset))
            if count < 0 {
                if errno == EINTR { continue }
                throw .errno("writing", path)
            }
            offset += Int64(count)
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// Reads bytes at a place of the file.
    ///
    /// - Returns: The number of bytes, less than there is room only at the end of the file.
    func read(
        into buffer: UnsafeMutableRawBufferPointer, at offset: Int64, path: String
    ) throws(ObjectStoreError) -> Int {
        var filled = 0
        while filled < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
            let count = pread(descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(filled))
            if count < 0 {
                if errno == EINTR { continue }
                throw .errno("reading", path)
            }
            if count == 0 { break }
            filled += count
        }
        return filled
    }

    /// The file's length in bytes.
    func size(path: String) throws(ObjectStoreError) -> Int64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .errno("looking at", path) }
        return Int64(status.st_size)
    }

    /// Cuts the file, or fills it up with zeros, to a length.
    func truncate(to count: Int64, path: String) throws(ObjectStoreError) {
        while ftruncate(descriptor, off_t(count)) != 0 {
            guard errno == EINTR else { throw .errno("cutting", path) }
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

    /// Waits until the file's bytes, and of the rest what is needed to read them, are on stable storage.
    func syncBytes(path: String) throws(ObjectStoreError) {
        #if canImport(Darwin)
            guard fsync(descriptor) == 0 else { throw .errno("syncing", path) }
        #else
            guard fdatasync(descriptor) == 0 else { throw .errno("syncing", path) }
        #endif
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
