import TowlineCore
import TowlineStore

extension SourceVersion {
    /// The version that a whole answer belongs to; nil when its parts could not be told from another version's.
    ///
    /// A weak entity tag is no help, and a date beside any entity tag must not be used (RFC 9110 13.1.5). A date is
    /// strong only when the answer was made at least a minute later by the same clock, or one that cannot be far off
    /// (8.8.2.2).
    init?(_ fields: SourceFields, total: Int64?) {
        guard fields.acceptRanges?.lowercased() != "none" else { return nil }
        if !fields.entityTags.isEmpty {
            guard let tag = Self.strongTag(fields.entityTags) else { return nil }
            self.init(validator: tag, total: total)
            return
        }
        guard fields.lastModified.count == 1, let modified = HTTPDate.parsePreferred(fields.lastModified[0]),
            let date = fields.date.flatMap(HTTPDate.parsePreferred), date - modified >= .seconds(60)
        else { return nil }
        self.init(validator: fields.lastModified[0], total: total)
    }

    /// Whether an answer with a part says that the part is of this version.
    ///
    /// An answer that leaves out the entity tag that the whole had proves nothing; a date may be left out of an answer
    /// to `If-Range` (RFC 9110 15.3.7).
    func isVersion(of fields: SourceFields) -> Bool {
        if isEntityTag { return fields.entityTags == [validator] }
        return fields.lastModified.isEmpty || fields.lastModified == [validator]
    }

    /// The one entity tag of an answer, if it is well-formed and strong (RFC 9110 8.8.3).
    private static func strongTag(_ tags: [String]) -> String? {
        guard tags.count == 1, tags[0].utf8.count >= 2, tags[0].utf8.count <= 1024,
            tags[0].utf8.first == UInt8(ascii: "\""), tags[0].utf8.last == UInt8(ascii: "\"")
        else { return nil }
        let inner = tags[0].utf8.dropFirst().dropLast()
        // What is not ASCII was perhaps not read as it was sent.
        guard inner.allSatisfy({ $0 == 0x21 || (0x23...0x7E).contains($0) }) else { return nil }
        return tags[0]
    }
}
