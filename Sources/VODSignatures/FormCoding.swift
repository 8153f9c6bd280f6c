/// The `application/x-www-form-urlencoded` format of queries and form bodies.
package enum FormCoding {
    /// Most fields that ``decode(_:maximumFields:)`` accepts by default.
    package static let defaultMaximumFields = 1024

    /// Decodes a query string, without its `?`, into ordered pairs.
    ///
    /// - Parameters:
    ///   - text: The text as on the wire.
    ///   - maximumFields: Most fields to accept.
    /// - Returns: As ``decode(_:maximumFields:)-([UInt8],_)``.
    /// - Throws: ``FormCodingError``.
    package static func decode(
        _ text: String,
        maximumFields: Int = defaultMaximumFields
    ) throws(FormCodingError) -> [NameValuePair] {
        try decode(Array(text.utf8), maximumFields: maximumFields)
    }

    /// Decodes a form body into ordered pairs.
    ///
    /// `+` becomes a space and `%XX` its byte; an escape that is cut off or has other digits is kept literally. Fields
    /// are separated by `&`, empty ones are skipped, and a field without `=` has an empty value. Repeated names are
    /// kept.
    ///
    /// - Parameters:
    ///   - bytes: The bytes as on the wire.
    ///   - maximumFields: Most fields to accept.
    /// - Returns: The pairs in the order in which they came.
    /// - Throws: ``FormCodingError`` when there are too many fields or one is not UTF-8 after decoding.
    package static func decode(
        _ bytes: [UInt8],
        maximumFields: Int = defaultMaximumFields
    ) throws(FormCodingError) -> [NameValuePair] {
        var pairs: [NameValuePair] = []
        for field in bytes.split(separator: 0x26) {
            guard pairs.count < maximumFields else { throw .tooManyFields(maximum: maximumFields) }
            let equals = field.firstIndex(of: 0x3D) ?? field.endIndex
            let nameBytes = unescaped(field[..<equals])
            let valueBytes = unescaped(field[equals...].dropFirst())
            guard let name = String(validating: nameBytes, as: UTF8.self) else {
                throw .invalidUTF8(field: String(decoding: nameBytes, as: UTF8.self))
            }
            guard let value = String(validating: valueBytes, as: UTF8.self) else {
                throw .invalidUTF8(field: name)
            }
            pairs.append((name: name, value: value))
        }
        return pairs
    }

    /// Encodes pairs for a query or a form body.
    ///
    /// - Parameter pairs: Names and values, in the order in which they are to be sent.
    /// - Returns: ASCII text that every form decoder reads: spaces are `%20`, and an empty value keeps its `=`.
    package static func encode(_ pairs: [NameValuePair]) -> String {
        var output: [UInt8] = []
        for pair in pairs {
            if !output.isEmpty { output.append(0x26) }
            PercentEncoding.append(pair.name, to: &output)
            output.append(0x3D)
            PercentEncoding.append(pair.value, to: &output)
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static func unescaped(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            index += 1
            if byte == 0x2B {
                output.append(0x20)
            } else if byte == 0x25, index + 1 < bytes.endIndex, let high = ASCII.hexValue(bytes[index]),
                let low = ASCII.hexValue(bytes[index + 1])
            {
                output.append(high << 4 | low)
                index += 2
            } else {
                output.append(byte)
            }
        }
        return output
    }
}

/// Why a query or a form body could not be decoded.
package enum FormCodingError: Error, Hashable, CustomStringConvertible {
    /// The name or the value of a field is not UTF-8; bytes that are wrong in the name itself are replaced here.
    case invalidUTF8(field: String)
    /// There are more fields than allowed.
    case tooManyFields(maximum: Int)

    /// One sentence that names the field and what is allowed.
    package var description: String {
        switch self {
        case .invalidUTF8(let field): "The parameter \"\(field)\" must be UTF-8."
        case .tooManyFields(let maximum): "The request has more than \(maximum) parameters."
        }
    }
}
