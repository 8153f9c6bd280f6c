package import TowlineCore

/// The flight recorder of one attempt: its requests in the order of their starts, and what held it up.
///
/// URLs are masked and header fields with secrets are left out, so that it can be shown. Durations are kept to the
/// microsecond.
package struct AttemptRecording: Sendable, Hashable {
    /// Requests kept of one attempt: so many of its first, and so many of its last.
    package static let keptAtEachEnd = 16

    /// The first requests and the last ones.
    package var requests: [RecordedRequest] = []
    /// How many between them are not kept.
    package var omitted = 0
    /// Bytes that an earlier attempt had left.
    package var resumedAt: Int64?
    /// The most connections that were open at once.
    package var connections = 0
    /// How long it waited for the limits of bandwidth.
    package var throttled: Duration = .zero
    /// What the source asked for in `Retry-After`.
    package var retryAfter: Duration?
    /// How long the run waits after this attempt; nil when it does not go on.
    package var nextAttemptAfter: Duration?

    /// A recording with nothing in it.
    package init() {}

    /// Adds a request that is over.
    package mutating func add(_ request: RecordedRequest) {
        requests.append(request)
        guard requests.count > 2 * Self.keptAtEachEnd else { return }
        requests.remove(at: Self.keptAtEachEnd)
        omitted += 1
    }
}

/// One request of an attempt, redirects included.
package struct RecordedRequest: Sendable, Hashable {
    /// Since the start of the attempt.
    package var startedAt: Duration = .zero
    /// Which of the job's URLs: 0 for the job's own, then its mirrors.
    package var source = 0
    /// The URL that was asked first, masked.
    package var url = ""
    /// The `Range` that was asked for.
    package var range: String?
    /// Redirects that were followed: status, masked URL and address of each.
    package var redirects: [String] = []
    /// Every address of the last host.
    package var resolved: [String] = []
    /// Addresses that could not be connected, each with the reason.
    package var unreachable: [String] = []
    /// The address that was connected.
    package var address: String?
    /// The proxy that the connection goes through.
    package var proxy: String?
    /// The version of TLS, as `TLSv1.3`; nil without.
    package var tls: String?
    /// The version of HTTP, as `HTTP/1.1`.
    package var http: String?
    /// Whether an open connection was used.
    package var isReused = false
    /// How long the look-up of the name took.
    package var lookup: Duration?
    /// How long connecting took, TLS included.
    package var connect: Duration?
    /// From the request to the head of the answer.
    package var firstByte: Duration?
    package var status: Int?
    /// The entity tag or date of the answer.
    package var validator: String?
    /// The `Content-Range` of the answer.
    package var contentRange: String?
    /// The length that the answer announced.
    package var contentLength: Int64?
    /// Bytes of the body that came.
    package var bytes: Int64 = 0
    /// How long the request took in all.
    package var duration: Duration = .zero
    /// Why it brought no more; nil when everything came.
    package var failure: String?

    /// A request of which nothing is known.
    package init() {}
}

extension AttemptRecording {
    /// The form in which stores keep it and the admin API shows it.
    package var json: JSONValue {
        .members([
            "requests": .array(requests.map(\.json)),
            "requestsOmitted": omitted == 0 ? nil : .integer(omitted),
            "resumedAt": resumedAt.map { .integer($0) },
            "connections": .integer(connections),
            "throttledSeconds": throttled == .zero ? nil : .seconds(throttled),
            "retryAfterSeconds": retryAfter.map { .seconds($0) },
            "nextAttemptAfterSeconds": nextAttemptAfter.map { .seconds($0) },
        ])
    }

    /// Reads the form that ``json`` writes; what is missing stays empty.
    package init(json: JSONValue) {
        requests = json["requests"]?.elements?.map { RecordedRequest(json: $0) } ?? []
        omitted = json["requestsOmitted"].int ?? 0
        resumedAt = json["resumedAt"]?.integerValue
        connections = json["connections"].int ?? 0
        throttled = json["throttledSeconds"].duration ?? .zero
        retryAfter = json["retryAfterSeconds"].duration
        nextAttemptAfter = json["nextAttemptAfterSeconds"].duration
    }
}

extension RecordedRequest {
    /// The form in which stores keep it and the admin API shows it.
    package var json: JSONValue {
        .members([
            "startedAfterSeconds": .seconds(startedAt),
            "source": .integer(source),
            "url": .string(url),
            "range": range.json,
            "redirects": Self.list(redirects),
            "resolved": Self.list(resolved),
            "unreachable": Self.list(unreachable),
            "address": address.json,
            "proxy": proxy.json,
            "tls": tls.json,
            "http": http.json,
            "reused": isReused ? .bool(true) : nil,
            "lookupSeconds": lookup.map { .seconds($0) },
            "connectSeconds": connect.map { .seconds($0) },
            "firstByteSeconds": firstByte.map { .seconds($0) },
            "status": status.map { .integer($0) },
            "validator": validator.json,
            "contentRange": contentRange.json,
            "contentLength": contentLength.map { .integer($0) },
            "bytes": .integer(bytes),
            "seconds": .seconds(duration),
            "failure": failure.json,
        ])
    }

    /// Reads the form that ``json`` writes; what is missing stays empty.
    package init(json: JSONValue) {
        startedAt = json["startedAfterSeconds"].duration ?? .zero
        source = json["source"].int ?? 0
        url = json["url"]?.string ?? ""
        range = json["range"]?.string
        redirects = json["redirects"].strings
        resolved = json["resolved"].strings
        unreachable = json["unreachable"].strings
        address = json["address"]?.string
        proxy = json["proxy"]?.string
        tls = json["tls"]?.string
        http = json["http"]?.string
        isReused = json["reused"] == .bool(true)
        lookup = json["lookupSeconds"].duration
        connect = json["connectSeconds"].duration
        firstByte = json["firstByteSeconds"].duration
        status = json["status"].int
        validator = json["validator"]?.string
        contentRange = json["contentRange"]?.string
        contentLength = json["contentLength"]?.integerValue
        bytes = json["bytes"]?.integerValue ?? 0
        duration = json["seconds"].duration ?? .zero
        failure = json["failure"]?.string
    }

    private static func list(_ texts: [String]) -> JSONValue? {
        texts.isEmpty ? nil : .array(texts.map { .string($0) })
    }
}

extension JSONValue {
    /// A duration as seconds with up to six decimals.
    fileprivate static func seconds(_ duration: Duration) -> JSONValue {
        let microseconds = duration.wholeMicroseconds
        let fraction = String(microseconds.magnitude % 1_000_000)
        let digits = String(repeating: "0", count: 6 - fraction.count) + fraction
        let sign = microseconds < 0 ? "-" : ""
        var text = "\(sign)\(microseconds.magnitude / 1_000_000).\(digits)"
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return .number(text)
    }
}

extension JSONValue? {
    fileprivate var int: Int? { self?.integerValue.map { Int($0) } }

    fileprivate var strings: [String] { self?.elements?.compactMap(\.string) ?? [] }

    fileprivate var duration: Duration? {
        self?.text.flatMap { Double($0) }.map { .microseconds(Int64(($0 * 1_000_000).rounded())) }
    }
}
