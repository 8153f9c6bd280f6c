import GRDBSQLite
import TowlineCore
import TowlineStore

/// One row of a running statement; valid only inside the closure that receives it.
struct SQLRow: ~Copyable, StoredRow {
    private let statement: OpaquePointer

    /// Wraps a statement that stands on a row.
    init(_ statement: OpaquePointer) { self.statement = statement }

    /// Whether a column is NULL.
    func isNull(_ column: Int) -> Bool { sqlite3_column_type(statement, Int32(column)) == SQLITE_NULL }

    /// An integer column; 0 for NULL.
    func integer(_ column: Int) -> Int64 { sqlite3_column_int64(statement, Int32(column)) }

    /// A text column; empty for NULL.
    func text(_ column: Int) -> String {
        guard let start = sqlite3_column_text(statement, Int32(column)) else { return "" }
        let count = Int(sqlite3_column_bytes(statement, Int32(column)))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// A column of bytes; empty for NULL.
    func blob(_ column: Int) -> [UInt8] {
        guard let start = sqlite3_column_blob(statement, Int32(column)) else { return [] }
        let count = Int(sqlite3_column_bytes(statement, Int32(column)))
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// An identifier.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` unless the column has 16 bytes.
    func id<ID: TimeOrderedID>(_ column: Int, as type: ID.Type) throws -> ID {
        guard let start = sqlite3_column_blob(statement, Int32(column)),
            sqlite3_column_bytes(statement, Int32(column)) == 16
        else { throw StoreError(.corrupted, "the database holds an identifier that has not 16 bytes") }
        return ID(rawValue: UInt128(bigEndian: start.loadUnaligned(as: UInt128.self)))
    }
}
