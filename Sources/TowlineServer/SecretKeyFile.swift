import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The file with the key that seals stored secrets: 32 random bytes as 64 hexadecimal digits, mode 0600.
enum SecretKeyFile {
    /// Reads the key; makes the file on the first start.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - isNeeded: Whether a database exists whose secrets only the old key opens, so that a new one would not help.
    /// - Returns: The 32 bytes.
    /// - Throws: ``ServerError`` when the file cannot be read or made, is open to others or holds something else.
    static func load(_ path: String, isNeeded: Bool) throws -> [UInt8] {
        if let key = try read(path) { return key }
        guard !isNeeded else {
            throw ServerError(
                "the key file \(path) is missing, and the database has secrets sealed with it; put it back, or move the "
                    + "database away to begin anew")
        }
        let key = (0..<32).map { _ in UInt8.random(in: .min ... .max) }
        try write(key, to: path)
        return key
    }

    private static func read(_ path: String) throws -> [UInt8]? {
        if access(path, F_OK) != 0, errno == ENOENT { return nil }
        guard let mode = try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int,
            let text = FileManager.default.contents(atPath: path)
        else { throw failure("cannot be read", path) }
        guard mode & 0o077 == 0 else {
            throw ServerError("the key file \(path) is open to others; set its mode to 0600")
        }
        let digits = Array(text.prefix(256)).filter { $0 > 0x20 }
        let key = stride(from: 0, to: digits.count - digits.count % 2, by: 2).compactMap { index in
            UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16)
        }
        guard digits.count == 64, key.count == 32 else {
            throw ServerError("the key file \(path) does not hold 64 hexadecimal digits")
        }
        return key
    }

    /// Writes the file whole or not at all: a kill at any moment leaves no half of it under the name.
    private static func write(_ key: [UInt8], to path: String) throws {
        let text = key.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() + "\n"
        let draft = "\(path).\(UInt32.random(in: .min ... .max))"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("cannot be made", path) }
        defer { unlink(draft) }
        let bytes = Array(text.utf8)
        let count = bytes.withUnsafeBytes { buffer in
            #if canImport(Glibc)
                Glibc.write(descriptor, buffer.baseAddress, buffer.count)
            #elseif canImport(Musl)
                Musl.write(descriptor, buffer.baseAddress, buffer.count)
            #else
                Darwin.write(descriptor, buffer.baseAddress, buffer.count)
            #endif
        }
        let isWritten = count == bytes.count && fsync(descriptor) == 0
        _ = close(descriptor)
        guard isWritten, link(draft, path) == 0 else { throw failure("cannot be written", path) }
        let folder = open(path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ".", O_RDONLY | O_CLOEXEC)
        guard folder >= 0 else { return }
        _ = fsync(folder)
        _ = close(folder)
    }

    private static func failure(_ what: String, _ path: String) -> ServerError {
        ServerError("the key file \(path) \(what): \(String(cString: strerror(errno)))")
    }
}
