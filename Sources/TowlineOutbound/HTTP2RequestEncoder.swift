import NIOCore
import NIOHPACK
import NIOHTTP1
import TowlineCore

/// What a request is over HTTP/2.
struct HTTP2Request: Sendable {
    /// The fields, those of the request line first.
    var headers: HPACKHeaders
    /// The pieces of the body, none of them empty.
    var body: [ByteBuffer]
}

/// Puts one request into the fields of HTTP/2 (RFC 9113 section 8.3.1).
enum HTTP2RequestEncoder {
    static func encode(_ request: OutboundRequest, userAgent: String) throws(OutboundError) -> HTTP2Request {
        var headers = HPACKHeaders([
            (":method", request.method.rawValue), (":scheme", request.url.scheme.rawValue),
            (":authority", request.url.hostHeader), (":path", request.url.requestTarget),
        ])
        var bytes = headers.reduce(0) { $0 + size(of: $1.name) + size(of: $1.value) + fieldOverhead }
        let secrets = Set(request.sensitiveHeaders.map { $0.lowercased() })
        try HTTP1RequestEncoder.forEachField(of: request, userAgent: userAgent) { name, value throws(OutboundError) in
            let name = name.lowercased()
            guard name != "host" else { return }
            let isSecret = alwaysSecret.contains(name) || secrets.contains(name)
            // What is secret is kept out of tables that others on the way could probe (RFC 7541 section 7.1.3).
            headers.add(name: name, value: value, indexing: isSecret ? .neverIndexed : .indexable)
            bytes += size(of: name) + size(of: value) + fieldOverhead
        }
        // They are sent in one frame, and every peer takes one of 16 KiB.
        guard bytes <= largestBlock else {
            throw OutboundError(
                .invalidRequest, retryable: false,
                "The origin offers HTTP/2 only, and the request's URL and header fields are larger than 16 KiB.")
        }
        let body = (request.body.map { [$0] } ?? []) + request.moreBody
        return HTTP2Request(headers: headers, body: body.filter { $0.readableBytes > 0 })
    }

    /// Most bytes of all fields, as they are written at most.
    private static let largestBlock = 16_384
    /// Most bytes that a field has beside its name and value: how it is indexed, and two lengths.
    private static let fieldOverhead = 8

    /// The most bytes that a text may take: Huffman coding makes most characters of URLs and names shorter than a byte,
    /// and some others up to 30 bits long (RFC 7541 appendix B).
    private static func size(of text: String) -> Int {
        text.utf8.reduce(0) { $0 + (isShort($1) ? 1 : 4) }
    }

    private static func isShort(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: " "), UInt8(ascii: "%"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"),
            UInt8(ascii: "="), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "&"), UInt8(ascii: "*"),
            UInt8(ascii: ","), UInt8(ascii: ";"):
            true
        default: false
        }
    }

    private static let alwaysSecret: Set<String> = ["authorization", "cookie", "proxy-authorization"]
}
