import TowlineCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Towline's own keys of an element of `UploadMetadatas` that say how a file is fetched (docs/compatibility.md).
struct SourceOptions: Sendable {
    private static let mostMirrors = 8
    private static let mostHeaders = 16
    private static let mostHeaderBytes = 8192

    /// `TowlineMirrors`: further URLs of the same file.
    let mirrors: [SubmittedURL]
    /// `TowlineHeaders` and `TowlineLogin`: header fields for the source's own origin.
    let headers: [SourceHeader]

    /// Reads the keys of an element.
    ///
    /// - Throws: ``VODError`` naming the key and what is allowed, never a value.
    init(_ entry: JSONValue?) throws(VODError) {
        mirrors = try Self.mirrors(entry?.member(ignoringCase: "TowlineMirrors"))
        var headers = try Self.headers(entry?.member(ignoringCase: "TowlineHeaders"))
        if let login = try Self.login(entry?.member(ignoringCase: "TowlineLogin")) {
            guard !headers.contains(where: { $0.name.lowercased() == "authorization" }) else {
                throw Self.invalid("TowlineLogin", "does not go with an Authorization field in TowlineHeaders")
            }
            headers.append(login)
        }
        self.headers = headers
    }

    private static func mirrors(_ value: JSONValue?) throws(VODError) -> [SubmittedURL] {
        guard let value, value != .null else { return [] }
        let texts = value.elements?.map(\.string) ?? [value.string]
        guard texts.count <= mostMirrors else {
            throw invalid("TowlineMirrors", "names \(texts.count) URLs; at most \(mostMirrors) are allowed")
        }
        var urls: [SubmittedURL] = []
        for (index, text) in texts.enumerated() {
            guard let text else { throw invalid("TowlineMirrors", "is an array of URLs") }
            do {
                urls.append(try SubmittedURL(text))
            } catch {
                throw invalid("TowlineMirrors", "URL \(index + 1): \(error.reason)")
            }
        }
        return urls
    }

    private static func headers(_ value: JSONValue?) throws(VODError) -> [SourceHeader] {
        guard let value, value != .null else { return [] }
        guard case .object(let members) = value else {
            throw invalid("TowlineHeaders", "is an object of names and values")
        }
        guard members.count <= mostHeaders else {
            throw invalid("TowlineHeaders", "has at most \(mostHeaders) fields")
        }
        var headers: [SourceHeader] = []
        for member in members {
            guard !member.name.isEmpty, member.name.utf8.allSatisfy(isTokenByte) else {
                throw invalid("TowlineHeaders", "has a name that is no name of a header field")
            }
            guard !SourceHeader.isReserved(member.name) else {
                throw invalid("TowlineHeaders", "may not set \(member.name)")
            }
            guard !headers.contains(where: { $0.name.lowercased() == member.name.lowercased() }) else {
                throw invalid("TowlineHeaders", "has \(member.name) more than once")
            }
            guard let text = member.value.string, isFieldValue(text) else {
                throw invalid(
                    "TowlineHeaders", "\(member.name) is a text of visible ASCII characters, blanks and tabs within")
            }
            headers.append(SourceHeader(member.name, text))
        }
        guard headers.reduce(0, { $0 + $1.name.utf8.count + $1.value.utf8.count }) <= mostHeaderBytes else {
            throw invalid("TowlineHeaders", "has at most \(mostHeaderBytes) bytes in all")
        }
        return headers
    }

    private static func login(_ value: JSONValue?) throws(VODError) -> SourceHeader? {
        guard let value, value != .null else { return nil }
        guard let text = value.string, text.utf8.count <= 1024, text.contains(":"),
            text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
        else { throw invalid("TowlineLogin", "is USER:PASSWORD without control characters, at most 1024 bytes") }
        return SourceHeader("Authorization", "Basic \(Data(text.utf8).base64EncodedString())")
    }

    private static func isFieldValue(_ text: String) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last, first > 0x20, last > 0x20 else { return false }
        return text.utf8.allSatisfy { $0 == 0x09 || (0x20...0x7E).contains($0) }
    }

    /// A byte of a token (RFC 9110 5.6.2).
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    private static func invalid(_ name: String, _ detail: String) -> VODError {
        .invalidNamedParameter("UploadMetadatas", "\(name) \(detail).")
    }
}
