import CLibPQ
import TowlineCore
import TowlineStore

/// What a statement gave; owns libpq's memory.
final class PostgresResult {
    private let handle: OpaquePointer
    /// The number of rows.
    let count: Int

    /// Takes over a result of libpq's.
    init(_ handle: OpaquePointer) {
        self.handle = handle
        count = Int(PQntuples(handle))
    }

    deinit { PQclear(handle) }

    /// The number of rows that the statement inserted, updated or deleted.
    var changed: Int { Int(String(cString: PQcmdTuples(handle))) ?? 0 }

    /// Every row, read by a closure.
    func map<T>(_ read: (borrowing PostgresRow) throws -> T) throws -> [T] {
        try (0..<count).map { try read(PostgresRow(handle, Int32($0))) }
    }

    /// Every row, looked at by a closure.
    func forEach(_ look: (borrowing PostgresRow) throws -> Void) throws {
        for index in 0..<count { try look(PostgresRow(handle, Int32(index))) }
    }

    /// The first row, read by a closure; nil without rows.
    func first<T>(_ read: (borrowing PostgresRow) throws -> T) throws -> T? {
        count > 0 ? try read(PostgresRow(handle, 0)) : nil
    }
}

/// One row of a result; valid only inside the closure that receives it.
struct PostgresRow: ~Copyable, StoredRow {
    private let handle: OpaquePointer
    private let index: Int32

    /// Wraps a row of a result.
    init(_ handle: OpaquePointer, _ index: Int32) {
        self.handle = handle
        self.index = index
    }

    /// Whether a column is NULL.
    func isNull(_ column: Int) -> Bool { PQgetisnull(handle, index, Int32(column)) == 1 }

    /// An integer column of any width, or a truth value as 0 or 1; 0 for NULL.
    func integer(_ column: Int) -> Int64 {
        let bytes = bytes(column)
        switch bytes.count {
        case 8: return Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
        case 4: return Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
        case 2: return Int64(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self)))
        case 1: return Int64(bytes[0])
        default: return 0
        }
    }

    /// A text column; empty for NULL.
    func text(_ column: Int) -> String { String(decoding: bytes(column), as: UTF8.self) }

    /// A column of bytes; empty for NULL.
    func blob(_ column: Int) -> [UInt8] { Array(bytes(column)) }

    /// An identifier.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` unless the column has 16 bytes.
    func id<ID: TimeOrderedID>(_ column: Int, as type: ID.Type) throws -> ID {
        let bytes = bytes(column)
        guard bytes.count == 16 else {
            throw StoreError(.corrupted, "the database holds an identifier that has not 16 bytes")
        }
        return ID(rawValue: UInt128(bigEndian: bytes.loadUnaligned(as: UInt128.self)))
    }

    private func bytes(_ column: Int) -> UnsafeRawBufferPointer {
        let count = Int(PQgetlength(handle, index, Int32(column)))
        return UnsafeRawBufferPointer(start: PQgetvalue(handle, index, Int32(column)), count: count)
    }
}

extension PostgresRow {
    /// A truth value; false for NULL.
    func isTrue(_ column: Int) -> Bool { integer(column) != 0 }
}
