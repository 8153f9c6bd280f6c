import Testing
import TowlineCore
import TowlineOutbound
import TowlineTesting
import TowlineWorker

/// One behaviour of an origin and what must come of it.
struct OriginCase: Sendable, CustomTestStringConvertible {
    typealias Step = ScriptedOrigin.Step

    /// What must come of a behaviour.
    enum Outcome: Sendable {
        /// These bytes are stored, and nothing else.
        case stored([UInt8])
        /// The run fails with this code, and nothing is left.
        case failed(FailureCode)
        /// The run waits for its next attempt, no shorter and no longer than this.
        case waiting(ClosedRange<Duration>)
    }

    /// Which connection it is, and where the origins listen.
    struct Place: Sendable {
        /// The number of the connection, from 0.
        let connection: Int
        /// The port of the origin that the job names.
        let port: Int
        /// The port of the other origin, where there is one.
        let otherPort: Int
    }

    let name: String
    /// The steps of each connection.
    var steps: @Sendable (Place) -> [Step]
    var outcome: Outcome
    /// Text that the failure's sentence contains.
    var message = ""
    /// Requests that arrive at the origin in all.
    var requests: ClosedRange<Int>
    /// Attempts in all; as many as requests unless given.
    var attempts: ClosedRange<Int>?
    /// The parts that are asked for, in order, where that matters; nil for the whole file.
    var ranges: [String?]?
    /// Most bytes that the system may take from the origin: what is kept, and what the two sockets hold.
    var sentBytes: Int?
    /// Whether the client must be the one who ends the connection.
    var isClosedByClient = false

    /// The certificate of the origin, where it speaks TLS.
    var leaf: TestLeaf?
    /// A second origin: whether it speaks TLS, and its steps.
    var other: (leaf: TestLeaf?, steps: @Sendable (Place) -> [Step])?
    /// The URL of the job by the port of the origin.
    var url: @Sendable (Int) -> String
    /// The address that the origin listens on.
    var host = "127.0.0.1"
    /// What names resolve to, look-up by look-up; the last answer stays.
    var names: [String: [[String]]] = [:]
    /// Whether nothing listens at the origin's place until its name is looked up for the second time.
    var isDownAtFirst = false
    var pull: @Sendable (inout PullConfiguration) -> Void = { _ in }
    var limits: @Sendable (inout OutboundConfiguration) -> Void = { _ in }

    var testDescription: String { name }

    /// A behaviour by its place.
    init(
        _ name: String, _ outcome: Outcome, requests: ClosedRange<Int>, attempts: ClosedRange<Int>? = nil,
        steps: @escaping @Sendable (Place) -> [Step], _ change: (inout OriginCase) -> Void = { _ in }
    ) {
        self.name = name
        self.steps = steps
        self.outcome = outcome
        self.requests = requests
        self.attempts = attempts
        url = { "http://127.0.0.1:\($0)/a.mp4?token=abc" }
        change(&self)
    }

    /// An answer that is stored, with one request.
    static func stored(
        _ name: String, storing bytes: String = OriginText.file, _ steps: [Step],
        _ change: (inout OriginCase) -> Void = { _ in }
    ) -> OriginCase {
        OriginCase(name, .stored(Array(bytes.utf8)), requests: 1...1, steps: { _ in steps }, change)
    }

    /// An answer that ends the run at once, with one request.
    static func refused(
        _ name: String, _ code: FailureCode, says message: String = "", _ steps: [Step],
        _ change: (inout OriginCase) -> Void = { _ in }
    ) -> OriginCase {
        OriginCase(name, .failed(code), requests: 1...1, steps: { _ in steps }) {
            $0.message = message
            change(&$0)
        }
    }

    /// A behaviour that is tried again until the attempts are used up: two requests, since the table allows two.
    static func failing(
        _ name: String, _ code: FailureCode, _ steps: [Step], _ change: (inout OriginCase) -> Void = { _ in }
    ) -> OriginCase {
        OriginCase(name, .failed(code), requests: 2...2, attempts: 2...2, steps: { _ in steps }, change)
    }

    /// A failure of the first connections that the last one makes good.
    static func recovering(
        _ name: String, storing bytes: String = OriginText.file, attempts: Int, _ connections: [[Step]],
        _ change: (inout OriginCase) -> Void = { _ in }
    ) -> OriginCase {
        OriginCase(
            name, .stored(Array(bytes.utf8)), requests: connections.count...connections.count,
            attempts: attempts...attempts,
            steps: { connections[min($0.connection, connections.count - 1)] }, change)
    }

    /// Lets the behaviour run into the time for heads and between bytes.
    mutating func runsIntoItsTime(_ time: Duration = .milliseconds(250)) {
        limits = {
            $0.firstByteTimeout = time
            $0.idleTimeout = time
        }
        // On a busy machine the time may be over before the request is there.
        requests = 0...requests.upperBound
        attempts = attempts ?? requests.upperBound...requests.upperBound
    }

    /// The behaviour sends more than anybody wants.
    mutating func isFlood() {
        isClosedByClient = true
        // The sockets of both ends hold some megabytes at most; tried twice at most.
        sentBytes = 32 << 20
    }
}

/// Files and answers of scripted origins, all of them text.
enum OriginText {
    /// A file that no two places of look alike.
    static let file = text(version: 1)
    /// Another version of it, as long.
    static let other = text(version: 2)
    /// The length of both.
    static let length = 20_000

    private static func text(version: UInt64) -> String {
        var state = version
        let letters = Array("abcdefghijklmnopqrstuvwxyz012345".utf8)
        let bytes = (0..<length).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return letters[Int(truncatingIfNeeded: state >> 59)]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A head with its empty line.
    static func head(_ status: some CustomStringConvertible, _ headers: String...) -> String {
        (["HTTP/1.1 \(status) Scripted"] + headers).map { $0 + "\r\n" }.joined() + "\r\n"
    }

    /// A whole answer that ends its connection.
    static func answer(
        _ status: some CustomStringConvertible, _ headers: String..., body: String = "no"
    ) -> String {
        let lines =
            ["HTTP/1.1 \(status) Scripted"] + headers + ["Content-Length: \(body.utf8.count)", "Connection: close"]
        return lines.map { $0 + "\r\n" }.joined() + "\r\n" + body
    }

    /// The whole file, complete or cut.
    static func whole(
        _ bytes: String = file, tag: String? = "\"v1\"", sent: Int? = nil, _ headers: String...
    ) -> String {
        let lines = ["HTTP/1.1 200 OK"] + headers + (tag.map { ["ETag: \($0)"] } ?? [])
        return (lines + ["Content-Length: \(bytes.utf8.count)"]).map { $0 + "\r\n" }.joined() + "\r\n"
            + bytes.prefix(sent ?? bytes.utf8.count)
    }

    /// A part of a file, complete or cut, that says what it is or something else.
    static func part(
        _ bytes: String = file, from first: Int, to last: Int = length - 1, tag: String? = "\"v1\"",
        says range: String? = nil, sent: Int? = nil, _ headers: String...
    ) -> String {
        let part = bytes.dropFirst(first).prefix(last - first + 1)
        let range = range ?? "Content-Range: bytes \(first)-\(last)/\(bytes.utf8.count)"
        let lines = ["HTTP/1.1 206 Partial"] + headers + (tag.map { ["ETag: \($0)"] } ?? [])
        return (lines + (range.isEmpty ? [] : [range]) + ["Content-Length: \(part.utf8.count)"])
            .map { $0 + "\r\n" }.joined() + "\r\n" + part.prefix(sent ?? part.utf8.count)
    }

    /// What a good source answers: the file or the rest of it, as it is asked for, but not more bytes than allowed.
    static func served(_ request: OriginRequest) -> String { served(request, most: length) }

    /// What a good source answers, cut after some bytes.
    static func served(_ request: OriginRequest, most: Int) -> String {
        guard let first = request.header("Range").flatMap({ Int($0.dropFirst(6).dropLast()) }) else {
            return whole(sent: most)
        }
        return part(from: first, sent: min(most, length - first))
    }

    /// A gzip member that holds `abc`.
    static let gzip: [UInt8] = [
        0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0x02, 0x03, 0x4b, 0x4c, 0x4a, 0x06, 0, 0xc2, 0x41, 0x24, 0x35, 0x03, 0, 0, 0,
    ]

    /// The beginning of a gzip member of zeros that is about 150 times larger when it is inflated.
    static let bomb: [UInt8] = {
        // A block with the fixed code: a zero, then matches of 258 bytes at distance 1, 13 bits each.
        var bits: [Bool] = [true, true, false, false, false, true, true, false, false, false, false]
        let match = [true, true, false, false, false, true, false, true, false, false, false, false, false]
        for _ in 0..<(length * 8 / match.count) { bits += match }
        let block = stride(from: 0, to: bits.count - 7, by: 8).map { start in
            bits[start..<(start + 8)].reversed().reduce(UInt8(0)) { $0 << 1 | ($1 ? 1 : 0) }
        }
        return Array(gzip.prefix(10)) + block
    }()

    /// One chunk of a body.
    static func chunk(_ text: String) -> String { String(text.utf8.count, radix: 16) + "\r\n\(text)\r\n" }

    /// The head of an answer in chunks.
    static let chunked = head(200, "Transfer-Encoding: chunked")
}
