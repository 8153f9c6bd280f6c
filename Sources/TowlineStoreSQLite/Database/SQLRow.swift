import GRDBSQLite
import TowlineCore
import TowlineStore

/// One row of a running statement; valid only inside the closure that receives it.
struct SQLRow: ~Copyable {
    private let statement: OpaquePointer

    /// Wraps a statement that stands on a row.
    init(_ statement: OpaquePointer) { self.statement = statement }

    /// Whether a column is NULL.
    func isNull(_ column: Int) -> Bool { sqlite3_column_type(statement, Int32(column)) == SQLITE_NULL }

    /// An integer column; 0 for NULL.
    func integer(_ column: Int) -> Int64 { sqlite3_column_int64(statement, Int32(column)) }

    /// An integer column; 0 for NULL.
    func int(_ column: Int) -> Int { Int(truncatingIfNeeded: integer(column)) }

    /// An integer column; nil for NULL.
    func optionalInteger(_ column: Int) -> Int64? { isNull(column) ? nil : integer(column) }

    /// An integer column; nil for NULL.
    func optionalInt(_ column: Int) -> Int? { isNull(column) ? nil : int(column) }

    /// A moment; 1970 for NULL.
    func time(_ column: Int) -> Timestamp { Timestamp(milliseconds: integer(column)) }

    /// A moment; nil for NULL.
    func optionalTime(_ column: Int) -> Timestamp? { isNull(column) ? nil : time(column) }

    /// A text column; empty for NULL.
    func text(_ column: Int) -> String {
        guard let start = sqlite3_column_text(statement, Int32(column)) else { return "" }
        let count = Int(sqlite3_column_bytes(statement, Int32(column)))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// A text column; nil for NULL.
    func optionalText(_ column: Int) -> String? { isNull(column) ? nil : text(column) }

    /// A column of bytes; empty for NULL.
    func blob(_ column: Int) -> [UInt8] {
        guard let start = sqlite3_column_blob(statement, Int32(column)) else { return [] }
        let count = Int(sqlite3_column_bytes(statement, Int32(column)))
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// A column of bytes; nil for NULL.
    func optionalBlob(_ column: Int) -> [UInt8]? { isNull(column) ? nil : blob(column) }

    /// An identifier.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` unless the column has 16 bytes.
    func id<ID: TimeOrderedID>(_ column: Int, as type: ID.Type = ID.self) throws -> ID {
        guard let start = sqlite3_column_blob(statement, Int32(column)),
            sqlite3_column_bytes(statement, Int32(column)) == 16
        else { throw StoreError(.corrupted, "the database holds an identifier that has not 16 bytes") }
        return ID(rawValue: UInt128(bigEndian: start.loadUnaligned(as: UInt128.self)))
    }

    /// An identifier; nil for NULL.
    func optionalID<ID: TimeOrderedID>(_ column: Int, as type: ID.Type = ID.self) throws -> ID? {
        isNull(column) ? nil : try id(column)
    }
}
