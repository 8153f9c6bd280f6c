import Foundation
import TowlineOutbound

/// The file with header fields and logins for origins of sources (`net.source-headers-file`).
enum SourceHeadersFile {
    /// Most bytes of the file.
    private static let maximumBytes = 1 << 20

    /// Reads the file.
    ///
    /// - Throws: ``ServerError`` when the file cannot be read, is open to others or has a line that is wrong; it names the
    ///   line and never a value.
    static func load(_ path: String) throws -> SourceHeaderRules {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
            let mode = attributes[.posixPermissions] as? Int, attributes[.type] as? FileAttributeType != .typeDirectory
        else { throw failure(path, "the file cannot be read") }
        guard mode & 0o077 == 0 else { throw failure(path, "the file is open to others; set its mode to 0600") }
        guard (attributes[.size] as? Int ?? 0) <= maximumBytes else {
            throw failure(path, "the file is larger than 1 MiB")
        }
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw failure(path, "the file cannot be read")
        }
        guard let text = String(bytes: bytes, encoding: .utf8) else { throw failure(path, "the file is not UTF-8") }
        do {
            return try SourceHeaderRules(parsing: text)
        } catch {
            throw failure(path, "\(error)")
        }
    }

    private static func failure(_ path: String, _ what: String) -> ServerError {
        ServerError("net.source-headers-file \(path): \(what)", exitCode: 2)
    }
}
