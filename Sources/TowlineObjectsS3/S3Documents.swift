import MNSWire

/// The XML of the calls that are made.
///
/// Stores differ in the end of a root's name (`ListPartsResult`, `ListPartsResponse`), so that it is not looked at. Read
/// by the bounded reader of the queues, which refuses a DOCTYPE.
enum S3Documents {
    /// Most bytes of an answer that is read: a page of a thousand parts has a third of it.
    static let mostBytes = 2 << 20

    private static let limits = XMLLimits(
        totalBytes: mostBytes, depth: 12, elements: 20_000, attributes: 8, textBytes: 16_384)

    /// What a store says when it says no.
    struct ErrorDocument: Sendable, Hashable {
        var code = ""
        var message = ""
        var region: String?
        var endpoint: String?
    }

    /// One part that a store has.
    struct Part: Sendable, Hashable {
        var number: Int
        var tag: String
        var bytes: Int64
    }

    /// One page of the parts of an upload.
    struct PartPage: Sendable, Hashable {
        var parts: [Part] = []
        /// Where the next page begins; nil for none.
        var next: Int?
    }

    /// One page of unfinished uploads.
    struct UploadPage: Sendable, Hashable {
        var uploads: [Upload] = []
        /// Where the next page begins; nil for none.
        var next: Upload?
    }

    /// One unfinished upload.
    struct Upload: Sendable, Hashable {
        var key: String
        var id: String
    }

    /// The error in an answer; nil where there is none, in 200 answers too.
    static func error(_ bytes: [UInt8]) -> ErrorDocument? {
        guard let root = root(bytes), root.isNamed("Error") else { return nil }
        var document = ErrorDocument()
        for child in root.children {
            switch child.name {
            case "Code": document.code = child.text
            case "Message": document.message = child.text
            case "Region": document.region = child.text
            case "Endpoint": document.endpoint = child.text
            default: break
            }
        }
        return document
    }

    /// The text of a child of the root, such as the id of a new upload.
    static func text(_ name: String, in bytes: [UInt8], root rootName: String) -> String? {
        guard let root = root(bytes), root.name.hasPrefix(rootName) else { return nil }
        return root.children.first { $0.isNamed(name) }?.text
    }

    /// A page of `ListParts`; nil for anything else.
    static func parts(_ bytes: [UInt8]) -> PartPage? {
        guard let root = root(bytes), root.name.hasPrefix("ListParts") else { return nil }
        var page = PartPage()
        var (isTruncated, next) = (false, Int?.none)
        for child in root.children {
            switch child.name {
            case "IsTruncated": isTruncated = child.text == "true"
            case "NextPartNumberMarker": next = Int(child.text)
            case "Part":
                let fields = fields(of: child)
                guard let number = fields["PartNumber"].flatMap({ Int($0) }), let tag = fields["ETag"],
                    let size = fields["Size"].flatMap({ Int64($0) }), size >= 0
                else { return nil }
                page.parts.append(Part(number: number, tag: tag, bytes: size))
            default: break
            }
        }
        if isTruncated { page.next = next }
        return page
    }

    /// A page of `ListMultipartUploads`; nil for anything else.
    static func uploads(_ bytes: [UInt8]) -> UploadPage? {
        guard let root = root(bytes), root.name.hasPrefix("ListMultipartUploads") else { return nil }
        var page = UploadPage()
        var (isTruncated, key, id) = (false, String?.none, String?.none)
        for child in root.children {
            switch child.name {
            case "IsTruncated": isTruncated = child.text == "true"
            case "NextKeyMarker": key = child.text
            case "NextUploadIdMarker": id = child.text
            case "Upload":
                let fields = fields(of: child)
                guard let key = fields["Key"], let id = fields["UploadId"] else { return nil }
                page.uploads.append(Upload(key: key, id: id))
            default: break
            }
        }
        if isTruncated, let key, let id { page.next = Upload(key: key, id: id) }
        return page
    }

    /// The body of `CompleteMultipartUpload`.
    static func completion(of parts: [Part]) -> String {
        var text = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        for part in parts {
            text += "<Part><PartNumber>\(part.number)</PartNumber><ETag>\(escaped(part.tag))</ETag></Part>"
        }
        return text + "</CompleteMultipartUpload>"
    }

    /// Blanks before the document are allowed: a store sends them to keep a connection open while it works.
    private static func root(_ bytes: [UInt8]) -> XMLTree.Element? {
        let document = bytes.drop { [0x20, 0x09, 0x0a, 0x0d].contains($0) }
        return (try? XMLTree(parsing: Array(document), limits: limits))?.root
    }

    private static func fields(of element: XMLTree.Element) -> [String: String] {
        Dictionary(element.children.map { ($0.name, $0.text) }, uniquingKeysWith: { first, _ in first })
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
