/// The sorted, encoded parameter list that both request signatures contain.
enum CanonicalQuery {
    /// Bytes of `name=value` pairs joined by `&`, encoded and sorted by name.
    ///
    /// Names are compared by their decoded UTF-8 bytes; repeated names keep the order in which they came. Empty values
    /// keep their `=`.
    static func bytes(of parameters: some Sequence<NameValuePair>) -> [UInt8] {
        let sorted = parameters.enumerated().sorted { left, right in
            precedes(left.element.name, right.element.name) ?? (left.offset < right.offset)
        }
        var output: [UInt8] = []
        output.reserveCapacity(sorted.reduce(0) { $0 + $1.element.name.utf8.count + 2 * $1.element.value.utf8.count })
        for (_, parameter) in sorted {
            if !output.isEmpty { output.append(0x26) }
            PercentEncoding.append(parameter.name, to: &output)
            output.append(0x3D)
            PercentEncoding.append(parameter.value, to: &output)
        }
        return output
    }

    /// Whether one text sorts before another by UTF-8 bytes; `nil` when they have the same bytes.
    static func precedes(_ left: String, _ right: String) -> Bool? {
        var ours = left.utf8.makeIterator()
        var theirs = right.utf8.makeIterator()
        while true {
            switch (ours.next(), theirs.next()) {
            case (let one?, let other?) where one == other: continue
            case (let one?, let other?): return one < other
            case (nil, .some): return true
            case (.some, nil): return false
            case (nil, nil): return nil
            }
        }
    }
}
