import Crypto
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import TowlineCore
import TowlineObjects
import TowlineOutbound
import TowlineTesting

@testable import TowlineObjectsS3

/// A bucket on loopback, only as good as the tests of faults need it; other tests run against stores of others.
final class FakeS3: Sendable {
    /// What goes wrong with one request.
    enum Fault: Sendable {
        /// This answer, and nothing is done.
        case answer(Int, String, fields: [(String, String)] = [])
        /// 200 with an error in its body, and nothing is done.
        case accepted(String)
        /// The connection ends, and nothing is done.
        case cut
        /// The request is obeyed, but the connection ends before the answer.
        case obeyedAndCut
    }

    struct Object: Sendable {
        var bytes: [UInt8]
        var tag: String
    }

    struct State: Sendable {
        var objects: [String: Object] = [:]
        var uploads: [String: (key: String, parts: [Int: Object])] = [:]
        var count = 0
        /// What was asked for: method and path with query, in order.
        var log: [String] = []
    }

    typealias Plan = @Sendable (_ request: OriginRequest, _ number: Int) -> Fault?

    private let state = Mutex(State())
    private let origin = Mutex<ScriptedOrigin?>(nil)
    private let plan: Plan

    private init(plan: @escaping Plan) { self.plan = plan }

    static func start(_ plan: @escaping Plan = { _, _ in nil }) async throws -> FakeS3 {
        let fake = FakeS3(plan: plan)
        let origin = try await ScriptedOrigin.start { connection in
            while true {
                var request = try await connection.readHead()
                request.body = try await connection.readBody()
                guard let answer = fake.answer(request) else { return }
                try await connection.send(answer)
            }
        }
        fake.origin.withLock { $0 = origin }
        return fake
    }

    func stop() async { await origin.withLock { $0 }?.stop() }

    var now: State { state.withLock { $0 } }

    /// How often something was asked for.
    func count(_ method: String, _ part: String = "") -> Int {
        now.log.count { $0.hasPrefix(method + " ") && $0.contains(part) }
    }

    var url: String { "s3://media/in?endpoint=http://127.0.0.1:\(origin.withLock { $0?.port } ?? 0)&region=eu-1" }

    // MARK: Answers

    private func answer(_ request: OriginRequest) -> ByteBuffer? {
        let number = state.withLock { state in
            state.log.append("\(request.method) \(request.target)")
            return state.log.count
        }
        switch plan(request, number) {
        case .answer(let status, let code, let fields): return Self.error(status, code, fields: fields)
        case .accepted(let code): return Self.error(200, code, padding: "  \n ")
        case .cut: return nil
        case .obeyedAndCut:
            _ = state.withLock { Self.obey(request, &$0) }
            return nil
        case nil: return state.withLock { Self.obey(request, &$0) }
        }
    }

    private static func obey(_ request: OriginRequest, _ state: inout State) -> ByteBuffer {
        var query: [String: String] = [:]
        for field in request.target.drop(while: { $0 != "?" }).dropFirst().split(separator: "&") {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            query[String(parts[0])] = S3Encoding.decode(String(parts.last ?? ""))
        }
        let key = String(request.path.dropFirst("/media/".count))
        let bytes = Array(request.body.readableBytesView)
        if let digest = request.header("content-md5") {
            guard digest == S3Encoding.base64(Insecure.MD5.hash(data: bytes)) else { return error(400, "BadDigest") }
        } else if request.method == "PUT", request.header("x-amz-copy-source") == nil {
            guard request.header("x-amz-content-sha256") == S3Encoding.hexadecimal(SHA256.hash(data: bytes)) else {
                return error(400, "XAmzContentSHA256Mismatch")
            }
        }
        guard request.header("authorization")?.hasPrefix("AWS4-HMAC-SHA256 Credential=id/") == true else {
            return error(403, "AccessDenied")
        }
        switch (request.method, query["uploadId"], query["uploads"]) {
        case ("GET", nil, _?): return uploads(under: query["prefix"] ?? "", state)
        case ("POST", nil, _?):
            state.count += 1
            state.uploads["id\(state.count)"] = (key, [:])
            return xml(
                "<InitiateMultipartUploadResult><UploadId>id\(state.count)</UploadId></InitiateMultipartUploadResult>")
        case (_, let id?, _):
            guard let upload = state.uploads[id], upload.key == key else { return error(404, "NoSuchUpload") }
            switch request.method {
            case "PUT":
                return put(part: Int(query["partNumber"] ?? "") ?? 0, of: id, request, bytes, &state)
            case "POST": return complete(id, String(decoding: bytes, as: UTF8.self), &state)
            case "DELETE":
                state.uploads[id] = nil
                return head(204, [])
            default:
                let parts = upload.parts.sorted { $0.key < $1.key }.map {
                    "<Part><PartNumber>\($0.key)</PartNumber><ETag>&quot;\($0.value.tag)&quot;</ETag>"
                        + "<Size>\($0.value.bytes.count)</Size></Part>"
                }
                return xml("<ListPartsResult>\(parts.joined())<IsTruncated>false</IsTruncated></ListPartsResult>")
            }
        case ("PUT", nil, nil):
            state.objects[key] = Object(bytes: bytes, tag: tag(bytes))
            return head(200, [("ETag", "\"\(tag(bytes))\"")])
        case ("DELETE", nil, nil):
            state.objects[key] = nil
            return head(204, [])
        default: return read(key, request, state)
        }
    }

    private static func put(
        part number: Int, of id: String, _ request: OriginRequest, _ bytes: [UInt8], _ state: inout State
    ) -> ByteBuffer {
        guard let source = request.header("x-amz-copy-source") else {
            state.uploads[id]?.parts[number] = Object(bytes: bytes, tag: tag(bytes))
            return head(200, [("ETag", "\"\(tag(bytes))\"")])
        }
        guard let object = state.objects[String(source.dropFirst("/media/".count))] else {
            return error(404, "NoSuchKey")
        }
        guard request.header("x-amz-copy-source-if-match") == "\"\(object.tag)\"" else {
            return error(412, "PreconditionFailed")
        }
        let part = Array(object.bytes[range(request.header("x-amz-copy-source-range"), object)])
        state.uploads[id]?.parts[number] = Object(bytes: part, tag: tag(part))
        return xml("<CopyPartResult><ETag>&quot;\(tag(part))&quot;</ETag></CopyPartResult>")
    }

    private static func complete(_ id: String, _ body: String, _ state: inout State) -> ByteBuffer {
        guard let upload = state.uploads[id] else { return error(404, "NoSuchUpload") }
        let named = body.split(separator: "<PartNumber>").dropFirst().map { text in
            (number: Int(text.prefix { $0 != "<" }) ?? 0, tag: text.split(separator: "&quot;").dropFirst().first ?? "")
        }
        var whole: [UInt8] = []
        for (index, part) in named.enumerated() {
            guard let found = upload.parts[part.number], found.tag == part.tag else { return error(400, "InvalidPart") }
            guard index == named.count - 1 || found.bytes.count >= 5 << 20 else { return error(400, "EntityTooSmall") }
            whole += found.bytes
        }
        state.objects[upload.key] = Object(bytes: whole, tag: "\(tag(whole))-\(named.count)")
        state.uploads[id] = nil
        return xml("<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")
    }

    private static func uploads(under prefix: String, _ state: State) -> ByteBuffer {
        let found = state.uploads.filter { $0.value.key.hasPrefix(prefix) }.sorted { $0.key < $1.key }.map {
            "<Upload><Key>\($0.value.key)</Key><UploadId>\($0.key)</UploadId></Upload>"
        }
        return xml(
            "<ListMultipartUploadsResult>\(found.joined())<IsTruncated>false</IsTruncated></ListMultipartUploadsResult>"
        )
    }

    private static func read(_ key: String, _ request: OriginRequest, _ state: State) -> ByteBuffer {
        guard let object = state.objects[key] else {
            return request.method == "HEAD" ? head(404, []) : error(404, "NoSuchKey")
        }
        let fields = [("ETag", "\"\(object.tag)\"")]
        if request.method == "HEAD" { return head(200, fields, length: object.bytes.count) }
        if let tag = request.header("if-match"), tag != "\"\(object.tag)\"" { return error(412, "PreconditionFailed") }
        var answer = head(206, fields, length: range(request.header("range"), object).count)
        answer.writeBytes(object.bytes[range(request.header("range"), object)])
        return answer
    }

    private static func range(_ text: String?, _ object: Object) -> Range<Int> {
        let ends = (text ?? "").dropFirst("bytes=".count).split(separator: "-").compactMap { Int($0) }
        return ends.count == 2 ? ends[0]..<min(ends[1] + 1, object.bytes.count) : 0..<object.bytes.count
    }

    private static func tag(_ bytes: [UInt8]) -> String { S3Encoding.hexadecimal(Insecure.MD5.hash(data: bytes)) }

    private static func head(_ status: Int, _ fields: [(String, String)], length: Int = 0) -> ByteBuffer {
        var text = "HTTP/1.1 \(status) Fake\r\n"
        for (name, value) in fields { text += "\(name): \(value)\r\n" }
        if status != 204 { text += "Content-Length: \(length)\r\n" }
        return ByteBuffer(string: text + "\r\n")
    }

    private static func xml(_ text: String) -> ByteBuffer {
        let document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>" + text
        var answer = head(200, [("Content-Type", "application/xml")], length: document.utf8.count)
        answer.writeString(document)
        return answer
    }

    private static func error(
        _ status: Int, _ code: String, padding: String = "", fields: [(String, String)] = []
    ) -> ByteBuffer {
        let text =
            padding + "<?xml version=\"1.0\"?><Error><Code>\(code)</Code><Message>no &lt;reason&gt;</Message></Error>"
        var answer = head(status, fields, length: text.utf8.count)
        answer.writeString(text)
        return answer
    }
}

/// A clock on which nobody waits, which notes how long they would have.
final class NoWaitClock: MonotonicClock {
    private let slept = Mutex<[Duration]>([])
    var elapsed: Duration { .zero }
    var waits: [Duration] { slept.withLock { $0 } }

    func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        slept.withLock { $0.append(duration) }
    }
}
