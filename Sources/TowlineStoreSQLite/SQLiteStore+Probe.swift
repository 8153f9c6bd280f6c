import Foundation

extension SQLiteStore {
    /// Whether a file looks like a store of Towline's that may hold sealed secrets, without opening it.
    ///
    /// - Parameter path: The database file; it need not exist.
    /// - Returns: True for our mark in the file's header, and for any database with a write-ahead log, since the mark may
    ///   still be in there.
    package static func isStore(at path: String) -> Bool {
        guard let file = FileHandle(forReadingAtPath: path) else { return false }
        defer { try? file.close() }
        guard let header = try? file.read(upToCount: 100), header.count == 100,
            header.starts(with: Array("SQLite format 3\0".utf8))
        else { return false }
        let mark = header[68..<72].reduce(Int64(0)) { $0 << 8 | Int64($1) }
        let log = (try? FileManager.default.attributesOfItem(atPath: path + "-wal"))?[.size] as? Int ?? 0
        return mark == Schema.applicationID || log > 0
    }
}
