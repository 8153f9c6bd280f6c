import TowlineCore

/// What an action answers with: members beside `RequestId`.
struct VODAnswer: Sendable {
    let members: [JSONValue.Member]

    /// An answer with these members; those without a value are left out.
    init(_ members: KeyValuePairs<String, JSONValue?> = [:]) {
        self.members = members.compactMap { name, value in value.map { .init(name, $0) } }
    }
}

/// The two formats of answers.
enum VODFormat: Sendable {
    case json
    case xml

    var contentType: String {
        switch self {
        case .json: "application/json;charset=utf-8"
        case .xml: "text/xml;charset=utf-8"  // exactly this text: other spellings are not parsed (vod-api.md 9.7)
        }
    }

    /// A document with a root element, which JSON leaves out.
    func document(root: String, _ members: [JSONValue.Member]) -> [UInt8] {
        switch self {
        case .json: JSONValue.object(members).utf8
        case .xml: XMLDocument.text(root: root, members)
        }
    }
}

/// Writes members as elements: an array is one element for each entry, without a wrapper (vod-api.md 1.6).
private enum XMLDocument {
    static func text(root: String, _ members: [JSONValue.Member]) -> [UInt8] {
        var output = Array("<?xml version=\"1.0\" encoding=\"UTF-8\"?>".utf8)
        write(.init(root, .object(members)), to: &output)
        return output
    }

    private static func write(_ member: JSONValue.Member, to output: inout [UInt8]) {
        if case .array(let elements) = member.value {
            for element in elements { write(.init(member.name, element), to: &output) }
            return
        }
        output.append(contentsOf: "<\(member.name)>".utf8)
        switch member.value {
        case .null, .array: break
        case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
        case .number(let text): output.append(contentsOf: text.utf8)
        case .string(let text): escape(text, into: &output)
        case .object(let members): for member in members { write(member, to: &output) }
        }
        output.append(contentsOf: "</\(member.name)>".utf8)
    }

    private static func escape(_ text: String, into output: inout [UInt8]) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": output.append(contentsOf: "&amp;".utf8)
            case "<": output.append(contentsOf: "&lt;".utf8)
            case ">": output.append(contentsOf: "&gt;".utf8)
            case "\t", "\n", "\r": output.append(contentsOf: "&#\(scalar.value);".utf8)
            // XML 1.0 cannot carry these at all.
            case "\0"..<" ", "\u{FFFE}", "\u{FFFF}": output.append(contentsOf: "\u{FFFD}".utf8)
            default: output.append(contentsOf: String(scalar).utf8)
            }
        }
    }
}
