import TowlineCore

/// A value for a parameter of a statement, sent in the server's binary form.
///
/// Each case has one type on the server, whatever the value: a statement is prepared once with the types of its first
/// values.
enum PostgresValue {
    case integer(Int64?)
    case boolean(Bool?)
    case text(String?)
    case blob([UInt8]?)
    case id(UInt128?)
    case integers([Int64?])
    case booleans([Bool])
    case texts([String?])
    case blobs([[UInt8]?])
    case ids([UInt128?])

    /// An integer of any width.
    static func integer(_ value: Int) -> PostgresValue { .integer(Int64(value)) }
    /// An integer, or NULL.
    static func integer(_ value: Int?) -> PostgresValue { .integer(value.map { Int64($0) }) }
    /// An identifier.
    static func id(_ value: some TimeOrderedID) -> PostgresValue { .id(value.rawValue) }
    /// A moment in milliseconds.
    static func time(_ value: Timestamp) -> PostgresValue { .integer(value.milliseconds) }
    /// A moment in milliseconds, or NULL.
    static func time(_ value: Timestamp?) -> PostgresValue { .integer(value?.milliseconds) }
    /// Identifiers.
    static func ids(_ values: [some TimeOrderedID]) -> PostgresValue { .ids(values.map(\.rawValue)) }

    /// The server's number of the type.
    var type: UInt32 {
        switch self {
        case .integer: 20
        case .boolean: 16
        case .text: 25
        case .blob: 17
        case .id: 2950
        case .integers: 1016
        case .booleans: 1000
        case .texts: 1009
        case .blobs: 1001
        case .ids: 2951
        }
    }
}

/// The values of one statement as libpq takes them.
struct EncodedValues {
    private(set) var bytes: [UInt8] = []
    /// Where each value lies; nil for NULL.
    private(set) var ranges: [Range<Int>?] = []

    /// Puts values into the server's binary form.
    init(_ values: [PostgresValue]) {
        for value in values { append(value) }
    }

    /// Lends the values to a closure: pointers, lengths and formats.
    func withPointers<T>(_ body: ([UnsafePointer<CChar>?], [Int32], [Int32]) -> T) -> T {
        bytes.withUnsafeBytes { buffer in
            let characters = buffer.bindMemory(to: CChar.self)
            let pointers = ranges.map { range -> UnsafePointer<CChar>? in
                guard let range else { return nil }
                // An empty value is not NULL, so it needs an address.
                return characters.baseAddress.map { $0 + range.lowerBound } ?? Self.nothing
            }
            return body(
                pointers, ranges.map { Int32($0?.count ?? 0) }, [Int32](repeating: 1, count: ranges.count))
        }
    }

    // Never read and never freed: the address of values without bytes.
    nonisolated(unsafe) private static let nothing = UnsafePointer(UnsafeMutablePointer<CChar>.allocate(capacity: 1))

    private mutating func append(_ value: PostgresValue) {
        let start = bytes.count
        switch value {
        case .integer(nil), .boolean(nil), .text(nil), .blob(nil), .id(nil):
            ranges.append(nil)
            return
        case .integer(let value?): big(value)
        case .boolean(let value?): bytes.append(value ? 1 : 0)
        case .text(let value?): text(value)
        case .blob(let value?): bytes += value
        case .id(let value?): big(value)
        case .integers(let values): array(values, of: 20) { $0.big($1) }
        case .booleans(let values): array(values, of: 16) { $0.bytes.append($1 ? 1 : 0) }
        case .texts(let values): array(values, of: 25) { $0.text($1) }
        case .blobs(let values): array(values, of: 17) { $0.bytes += $1 }
        case .ids(let values): array(values, of: 2950) { $0.big($1) }
        }
        ranges.append(start..<bytes.count)
    }

    private mutating func big(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { bytes += $0 }
    }

    /// Text; the server's has no NUL characters, so that they are shown as what they are: damage.
    private mutating func text(_ value: String) {
        if value.utf8.contains(0) {
            bytes += value.replacing("\0", with: "\u{FFFD}").utf8
        } else {
            bytes += value.utf8
        }
    }

    private mutating func array<Element>(
        _ values: [Element?], of type: UInt32, append: (inout EncodedValues, Element) -> Void
    ) {
        big(Int32(values.isEmpty ? 0 : 1))
        big(Int32(1))
        big(type)
        guard !values.isEmpty else { return }
        big(Int32(values.count))
        big(Int32(1))
        for value in values {
            guard let value else {
                big(Int32(-1))
                continue
            }
            let place = bytes.count
            big(Int32(0))
            append(&self, value)
            let length = UInt32(bytes.count - place - 4)
            for index in 0..<4 { bytes[place + index] = UInt8(truncatingIfNeeded: length >> (24 - 8 * index)) }
        }
    }
}
