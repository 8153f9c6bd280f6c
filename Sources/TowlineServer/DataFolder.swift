import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The folder that a server keeps its data in.
enum DataFolder {
    /// Makes the folder where it is missing and checks that it can be written.
    ///
    /// - Throws: ``ServerError`` with the path and the reason.
    static func prepare(_ path: String) throws {
        guard make(path) else {
            throw ServerError("the data folder \(path) cannot be made: \(String(cString: strerror(errno)))")
        }
        guard access(path, W_OK | X_OK) == 0 else {
            throw ServerError("the data folder \(path) cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    /// Makes a folder and the missing ones above it; false with `errno` set when one cannot be made.
    private static func make(_ path: String) -> Bool {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return true }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return false }
        return make(String(path[..<slash])) && (mkdir(path, 0o700) == 0 || errno == EEXIST)
    }

    /// Removes a temporary folder with all that is in it; what cannot be removed is left.
    static func remove(_ path: String) {
        try? FileManager.default.removeItem(atPath: path)
    }
}
