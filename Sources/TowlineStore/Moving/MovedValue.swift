import Crypto

/// One value on its way from one database to another.
package enum MovedValue: Sendable, Hashable {
    case null
    case integer(Int64)
    case boolean(Bool)
    case text(String)
    case blob([UInt8])
    case id(UInt128)
}

extension MovedValue {
    /// Adds the value to bytes, in a form that is the same for equal values only.
    package func append(to bytes: inout [UInt8]) {
        func big(_ value: some FixedWidthInteger) { withUnsafeBytes(of: value.bigEndian) { bytes += $0 } }
        switch self {
        case .null: bytes.append(0)
        case .integer(let value):
            bytes.append(1)
            big(value)
        case .boolean(let value): bytes += [2, value ? 1 : 0]
        case .text(let value):
            bytes.append(3)
            big(UInt32(value.utf8.count))
            bytes += value.utf8
        case .blob(let value):
            bytes.append(4)
            big(UInt32(value.count))
            bytes += value
        case .id(let value):
            bytes.append(5)
            big(value)
        }
    }

    /// Reads values that were put one after another by ``append(to:)``.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` for other bytes.
    package static func values(in bytes: [UInt8]) throws -> [MovedValue] {
        var rest = bytes[...]
        func take(_ count: Int) throws -> ArraySlice<UInt8> {
            guard rest.count >= count else {
                throw StoreError(.corrupted, "the place of a migration cannot be read")
            }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count)
        }
        func big<Number: FixedWidthInteger>(_ type: Number.Type) throws -> Number {
            try take(Number.bitWidth / 8).reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
        }
        var values: [MovedValue] = []
        while let tag = rest.popFirst() {
            switch tag {
            case 0: values.append(.null)
            case 1: values.append(.integer(try big(Int64.self)))
            case 2: values.append(.boolean(try take(1).first == 1))
            case 3: values.append(.text(String(decoding: try take(Int(try big(UInt32.self))), as: UTF8.self)))
            case 4: values.append(.blob(Array(try take(Int(try big(UInt32.self))))))
            case 5: values.append(.id(try big(UInt128.self)))
            default: throw StoreError(.corrupted, "the place of a migration cannot be read")
            }
        }
        return values
    }
}

/// How many rows there are, and a digest that is the same for the same rows in whatever order.
package struct MovedDigest: Sendable, Hashable {
    /// The number of rows.
    package private(set) var rows: Int64 = 0
    /// The sum of the rows' own digests.
    package private(set) var sum: UInt128 = 0

    /// Of no rows.
    package init() {}

    /// Of rows that were counted before.
    package init(rows: Int64, sum: UInt128) {
        self.rows = rows
        self.sum = sum
    }

    /// Takes in a row.
    package mutating func add(_ row: [MovedValue]) {
        var bytes: [UInt8] = []
        for value in row { value.append(to: &bytes) }
        rows += 1
        sum &+= SHA256.hash(data: bytes).prefix(16).reduce(0) { $0 << 8 | UInt128($1) }
    }
}
