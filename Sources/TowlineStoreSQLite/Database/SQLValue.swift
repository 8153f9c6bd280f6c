import GRDBSQLite
import TowlineCore

/// A value bound to a parameter of a statement.
enum SQLValue {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])
    /// The 16 bytes of an identifier.
    case id(UInt128)

    /// An integer of any width.
    static func integer(_ value: Int) -> SQLValue { .integer(Int64(value)) }
    /// An integer, or NULL.
    static func integer(_ value: Int64?) -> SQLValue { value.map { .integer($0) } ?? .null }
    /// An integer, or NULL.
    static func integer(_ value: Int?) -> SQLValue { value.map { .integer(Int64($0)) } ?? .null }
    /// Text, or NULL.
    static func text(_ value: String?) -> SQLValue { value.map { .text($0) } ?? .null }
    /// Bytes, or NULL.
    static func blob(_ value: [UInt8]?) -> SQLValue { value.map { .blob($0) } ?? .null }
    /// An identifier's 16 bytes.
    static func id(_ value: some TimeOrderedID) -> SQLValue { .id(value.rawValue) }
    /// A moment in milliseconds.
    static func time(_ value: Timestamp) -> SQLValue { .integer(value.milliseconds) }
    /// A moment in milliseconds, or NULL.
    static func time(_ value: Timestamp?) -> SQLValue { value.map { .integer($0.milliseconds) } ?? .null }

    /// Binds the value; SQLite keeps a copy.
    func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        switch self {
        case .null: return sqlite3_bind_null(statement, index)
        case .integer(let value): return sqlite3_bind_int64(statement, index, value)
        case .text(var text):
            return text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { characters in
                    guard let start = characters.baseAddress else {
                        return sqlite3_bind_text(statement, index, "", 0, Self.transient)
                    }
                    return sqlite3_bind_text(statement, index, start, Int32(characters.count), Self.transient)
                }
            }
        case .blob(let blob):
            return blob.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress else { return sqlite3_bind_zeroblob(statement, index, 0) }
                return sqlite3_bind_blob(statement, index, start, Int32(bytes.count), Self.transient)
            }
        case .id(let value):
            return withUnsafeBytes(of: value.bigEndian) { bytes in
                sqlite3_bind_blob(statement, index, bytes.baseAddress, 16, Self.transient)
            }
        }
    }

    /// Asks SQLite to copy what is bound.
    private static var transient: sqlite3_destructor_type {
        unsafeBitCast(OpaquePointer(bitPattern: -1), to: sqlite3_destructor_type.self)
    }
}
