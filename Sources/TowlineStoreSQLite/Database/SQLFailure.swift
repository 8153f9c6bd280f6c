import GRDB
import GRDBSQLite
import TowlineStore

/// What SQLite answered when a statement failed.
struct SQLFailure: Error, Sendable {
    /// The extended result code.
    let code: Int32
    /// SQLite's words.
    let message: String

    /// The result code without its extension.
    var primaryCode: Int32 { code & 0xFF }

    /// Joins a code with its words.
    init(code: Int32, message: String) {
        self.code = code
        self.message = message
    }

    /// What GRDB reports, without statement and arguments.
    init(_ error: DatabaseError) {
        self.init(code: error.extendedResultCode.rawValue, message: error.message ?? "unknown error")
    }

    /// The answer of SQLite behind an error, where there is one.
    static func of(_ error: any Error) -> SQLFailure? {
        switch error {
        case let error as SQLFailure: error
        case let error as DatabaseError: SQLFailure(error)
        default: nil
        }
    }

    /// Whether the data said no and only the operation at hand is concerned.
    var isConstraint: Bool { primaryCode == SQLITE_CONSTRAINT }

    /// Whether what was written before is in doubt: the process must stop acknowledging (pitfalls.md, "Durability").
    var isFatal: Bool {
        switch primaryCode {
        case SQLITE_CORRUPT, SQLITE_NOTADB: true
        case SQLITE_IOERR: code == Self.fsync || code == Self.directoryFsync
        default: false
        }
    }

    /// Whether the device has no space left, be it for the log or for the log's index.
    private var isFull: Bool { primaryCode == SQLITE_FULL || code == Self.sharedMemorySize }

    /// The error for callers.
    func storeError(path: String) -> StoreError {
        switch primaryCode {
        case _ where isFull: StoreError(.full, "no space left on the device of \(path)")
        case SQLITE_CORRUPT: StoreError(.corrupted, "the database \(path) is damaged: \(message)")
        case SQLITE_NOTADB: StoreError(.corrupted, "\(path) is not a Towline database")
        case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH:
            StoreError(
                .unavailable, "the database \(path) cannot be opened; check that its folder exists and is writable")
        case SQLITE_READONLY: StoreError(.unavailable, "the database \(path) cannot be written; check its permissions")
        case SQLITE_BUSY, SQLITE_LOCKED:
            StoreError(.unavailable, "the database \(path) is in use by another program")
        case SQLITE_CONSTRAINT: StoreError(.conflict, "the database refused a row: \(message)")
        default: StoreError(.unavailable, "the database \(path) failed: \(message)")
        }
    }

    /// SQLITE_IOERR_FSYNC, a macro that is not imported.
    private static let fsync = SQLITE_IOERR | 4 << 8
    /// SQLITE_IOERR_SHMSIZE, a macro that is not imported.
    private static let sharedMemorySize = SQLITE_IOERR | 19 << 8
    /// SQLITE_IOERR_DIR_FSYNC, a macro that is not imported.
    private static let directoryFsync = SQLITE_IOERR | 5 << 8
}

/// The error for callers, whatever was thrown.
func storeError(from error: any Error, path: String) -> StoreError {
    switch error {
    case let error as StoreError: error
    case let error as SQLFailure: error.storeError(path: path)
    case let error as DatabaseError: SQLFailure(error).storeError(path: path)
    default: StoreError(.unavailable, "the store failed: \(error)")
    }
}
