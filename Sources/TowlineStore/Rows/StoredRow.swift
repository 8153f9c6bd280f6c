package import TowlineCore

/// One row of a query, whatever the database; valid only inside the closure that receives it.
///
/// What is read the same from every database, such as a whole job, is written once over this.
package protocol StoredRow: ~Copyable {
    /// Whether a column is NULL.
    func isNull(_ column: Int) -> Bool
    /// An integer column; 0 for NULL.
    func integer(_ column: Int) -> Int64
    /// A text column; empty for NULL.
    func text(_ column: Int) -> String
    /// A column of bytes; empty for NULL.
    func blob(_ column: Int) -> [UInt8]
    /// An identifier.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` unless the column has 16 bytes.
    func id<ID: TimeOrderedID>(_ column: Int, as type: ID.Type) throws -> ID
}

extension StoredRow where Self: ~Copyable {
    /// An integer column; 0 for NULL.
    package func int(_ column: Int) -> Int { Int(truncatingIfNeeded: integer(column)) }

    /// An integer column; nil for NULL.
    package func optionalInteger(_ column: Int) -> Int64? { isNull(column) ? nil : integer(column) }

    /// An integer column; nil for NULL.
    package func optionalInt(_ column: Int) -> Int? { isNull(column) ? nil : int(column) }

    /// A moment; 1970 for NULL.
    package func time(_ column: Int) -> Timestamp { Timestamp(milliseconds: integer(column)) }

    /// A moment; nil for NULL.
    package func optionalTime(_ column: Int) -> Timestamp? { isNull(column) ? nil : time(column) }

    /// A text column; nil for NULL.
    package func optionalText(_ column: Int) -> String? { isNull(column) ? nil : text(column) }

    /// A column of bytes; nil for NULL.
    package func optionalBlob(_ column: Int) -> [UInt8]? { isNull(column) ? nil : blob(column) }

    /// An identifier.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` unless the column has 16 bytes.
    package func id<ID: TimeOrderedID>(_ column: Int) throws -> ID { try id(column, as: ID.self) }

    /// An identifier; nil for NULL.
    package func optionalID<ID: TimeOrderedID>(_ column: Int, as type: ID.Type = ID.self) throws -> ID? {
        isNull(column) ? nil : try id(column, as: type)
    }
}
