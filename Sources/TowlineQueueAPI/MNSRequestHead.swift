import HTTPTypes
import Hummingbird
import VODSignatures

/// What the queue protocol needs of a request's head, read in one pass over its headers.
///
/// Names count without regard to case. A header that occurs several times has its values joined by commas, as
/// signatures have it (mns-api.md 2.1).
struct MNSRequestHead: Sendable {
    let method: String
    /// Path and query exactly as on the request line, which is what signatures cover.
    let target: String
    private(set) var authorization: String?
    private(set) var date: String?
    private(set) var mnsDate: String?
    private(set) var version: String?
    private(set) var contentType: String?
    private(set) var contentMD5: String?
    /// The body's length as announced, in bytes; nil where none is.
    private(set) var contentLength: Int?
    /// Whether a body may follow.
    private(set) var hasBody = false
    /// The `x-mns-` headers by their names in lower case, sorted by them, each name once.
    private(set) var extensions: [NameValuePair] = []

    /// Reads a head.
    init(_ request: Request) {
        method = request.method.rawValue
        target = request.head.path ?? "/"
        for field in request.headers { note(field) }
        if extensions.count > 1 { extensions.sort { $0.name < $1.name } }
    }

    private mutating func note(_ field: HTTPField) {
        let name = field.name.canonicalName
        switch name {
        case "authorization": Self.join(field.value, to: &authorization)
        case "date": Self.join(field.value, to: &date)
        case "content-type": Self.join(field.value, to: &contentType)
        case "content-md5": Self.join(field.value, to: &contentMD5)
        case "content-length":
            contentLength = Int(field.value)
            hasBody = hasBody || contentLength != 0
        case "transfer-encoding": hasBody = true
        default: noteExtension(name, field)
        }
    }

    private mutating func noteExtension(_ name: String, _ field: HTTPField) {
        guard name.utf8.starts(with: Self.prefix) else { return }
        let value = field.value
        if let index = extensions.firstIndex(where: { $0.name == name }) {
            extensions[index].value += "," + value
        } else {
            extensions.append((name, value))
        }
        switch name {
        case "x-mns-version": Self.join(value, to: &version)
        case "x-mns-date": Self.join(value, to: &mnsDate)
        default: break
        }
    }

    private static let prefix = Array("x-mns-".utf8)

    private static func join(_ value: String, to joined: inout String?) {
        joined = joined.map { "\($0),\(value)" } ?? value
    }

    /// The date that the request states: `Date`, or `x-mns-date` where there is none.
    var statedDate: String? { date ?? mnsDate }

    /// The text that version 2 signs, as ``MNSSignatureV2/stringToSign(method:target:headers:)`` makes it.
    var stringToSignV2: [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(256 + target.utf8.count)
        func line(_ value: String?) {
            if let value { text.append(contentsOf: value.utf8) }
            text.append(0x0A)
        }
        line(method)
        line(contentMD5)
        line(contentType)
        line(statedDate)
        for (name, value) in extensions {
            text.append(contentsOf: name.utf8)
            text.append(UInt8(ascii: ":"))
            line(value)
        }
        text.append(contentsOf: target.utf8)
        return text
    }

    /// The text that version 4 signs.
    func stringToSignV4(unixSeconds: Int64, scope: MNSSignatureV4.Scope) -> String {
        var headers = extensions
        if let contentType { headers.append(("content-type", contentType)) }
        if let contentMD5 { headers.append(("content-md5", contentMD5)) }
        return MNSSignatureV4.stringToSign(
            method: method, target: target, headers: headers, unixSeconds: unixSeconds, scope: scope)
    }
}
