import Crypto
import Logging
import NIOCore
import NIOHTTP1
import Synchronization
import TowlineCore
import TowlineOutbound
import VODSignatures

/// How often a call is tried and how long it waits in between.
package struct S3RetryRule: Sendable, Hashable {
    /// Tries in all.
    package var attempts = 6
    /// The bound of the first wait; it doubles from one to the next: 0.2, 0.4, 0.8, 1.6, 3.2 s.
    package var firstWait: Duration = .milliseconds(200)
    /// The longest bound.
    package var longestWait: Duration = .seconds(10)

    /// The defaults.
    package init() {}

    /// How long to wait after a try that failed: anything from nothing to the bound.
    ///
    /// - Parameters:
    ///   - attempt: The try's number, from 1.
    ///   - random: From 0 up to 1.
    /// - Returns: The wait.
    func wait(after attempt: Int, random: Double) -> Duration {
        min(longestWait, firstWait * (1 << min(attempt - 1, 20))) * random
    }
}

/// One call to the store.
struct S3Call: Sendable {
    /// What is sent behind the head.
    enum Body: Sendable {
        case none
        /// A document; its hash is signed.
        case document(String)
        /// Bytes of an object, checked on arrival as the location says.
        case bytes([ByteBuffer])
    }

    var method: HTTPMethod
    /// The full key; nil for the bucket itself.
    var key: String?
    var query: [(name: String, value: String)] = []
    /// Names in lower case.
    var headers: [(name: String, value: String)] = []
    var body = Body.none
    /// Whether it is not tried again: what it tidies away is tidied away later otherwise.
    var isTriedOnce = false
    /// What is done, to begin a sentence with.
    var doing: String
}

/// What a store answered.
struct S3Answer: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body: [UInt8]
    /// How many tries it took.
    var attempts: Int

    /// The entity tag, as it stands in the field.
    var tag: String? { headers.first(name: "etag") }
}

/// Signs calls, makes them, and tries them again where that may help.
final class S3Client: Sendable {
    let location: S3Location
    private let signer: SigV4
    private let caller: any OutboundCaller
    private let retry: S3RetryRule
    private let clock: any MonotonicClock
    private let wallClock: @Sendable () -> Timestamp
    private let random: @Sendable () -> Double
    private let logger: Logger
    /// How far the store's clock is ahead of ours, in seconds.
    private let skew = Mutex<Int64>(0)

    init(
        location: S3Location, credentials: S3Credentials, caller: any OutboundCaller, retry: S3RetryRule,
        clock: any MonotonicClock, wallClock: @escaping @Sendable () -> Timestamp,
        random: @escaping @Sendable () -> Double, logger: Logger
    ) {
        self.location = location
        signer = SigV4(credentials: credentials, region: location.region)
        self.caller = caller
        self.retry = retry
        self.clock = clock
        self.wallClock = wallClock
        self.random = random
        self.logger = logger
    }

    /// Makes a call whose answer is short, and reads the answer.
    ///
    /// - Throws: ``S3Failure``, of the last try.
    func send(_ call: S3Call) async throws(S3Failure) -> S3Answer {
        try await withRetries(call) { (attempt) throws(S3Failure) in
            let response = try await self.execute(call)
            let body: [UInt8]
            do {
                let prefix = try await response.collectBody(upTo: S3Documents.mostBytes)
                guard !prefix.isCut else {
                    throw S3Failure(.other, "\(call.doing): the answer is longer than \(S3Documents.mostBytes) bytes")
                }
                body = Array(prefix.bytes.readableBytesView)
            } catch let error as OutboundError {
                throw S3Failure(error, doing: call.doing, at: self.location)
            } catch let error as S3Failure {
                throw error
            } catch {
                throw S3Failure(.other, "\(call.doing): \(error)")
            }
            let status = Int(response.status.code)
            // Copies and completions may take long: the store says 200 before it knows whether they succeed.
            guard (200..<300).contains(status), S3Documents.error(body) == nil else {
                throw self.failure(call, response, status == 200 ? 500 : status, body)
            }
            return S3Answer(status: status, headers: response.headers, body: body, attempts: attempt)
        }
    }

    /// Makes a call whose answer is an object's bytes, which the caller reads.
    ///
    /// - Throws: ``S3Failure``, of the last try; later failures come with the body.
    func open(_ call: S3Call) async throws(S3Failure) -> OutboundResponse {
        try await withRetries(call) { (_) throws(S3Failure) in
            let response = try await self.execute(call)
            guard (200..<300).contains(response.status.code) else {
                let body = await response.beginning(upTo: 65_536, within: .seconds(5))
                throw self.failure(call, response, Int(response.status.code), Array(body.readableBytesView))
            }
            return response
        }
    }

    private func failure(_ call: S3Call, _ response: OutboundResponse, _ status: Int, _ body: [UInt8]) -> S3Failure {
        S3Failure(
            S3Failure.Answer(status: status, headers: response.headers, body: body), doing: call.doing, at: location,
            accessKeyID: signer.credentials.accessKeyID)
    }

    private func withRetries<Result: Sendable>(
        _ call: S3Call, _ body: (Int) async throws(S3Failure) -> Result
    ) async throws(S3Failure) -> Result {
        var attempt = 1
        var hasLearned = false
        while true {
            do {
                return try await body(attempt)
            } catch {
                if case .skewed(let time?) = error.kind, !hasLearned {
                    // Once: a clock that is right by then and still refused is another fault.
                    hasLearned = true
                    learn(time)
                    attempt += 1
                    continue
                }
                guard error.kind == .passing, attempt < (call.isTriedOnce ? 1 : retry.attempts) else { throw error }
                logger.debug(
                    "a call to the object store is tried again",
                    metadata: ["attempt": "\(attempt)", "error": "\(error.message)"])
                try await pause(retry.wait(after: attempt, random: random()))
                attempt += 1
            }
        }
    }

    private func pause(_ time: Duration) async throws(S3Failure) {
        do {
            try await clock.sleep(for: time)
        } catch {
            throw S3Failure(.cancelled, "cancelled")
        }
    }

    /// Takes the store's clock for signatures from now on.
    private func learn(_ time: Int64) {
        let offset = time - wallClock().milliseconds / 1000
        skew.withLock { $0 = offset }
        logger.warning("the object store's clock differs from this machine's", metadata: ["seconds": "\(offset)"])
    }

    // MARK: One try

    private func execute(_ call: S3Call) async throws(S3Failure) -> OutboundResponse {
        do {
            return try await caller.execute(try signed(call))
        } catch let error as OutboundError {
            throw S3Failure(error, doing: call.doing, at: location)
        } catch let error as HTTPURLError {
            throw S3Failure(.other, "\(call.doing): \(error)")
        } catch {
            throw S3Failure(.other, "\(call.doing): \(error)")
        }
    }

    /// The request with its signature of this moment.
    func signed(_ call: S3Call) throws(HTTPURLError) -> OutboundRequest {
        let seconds = wallClock().milliseconds / 1000 + skew.withLock { $0 }
        let url = try location.url(of: call.key, query: SigV4.canonical(query: call.query))
        var headers = call.headers
        var request = OutboundRequest(url: url, method: call.method)
        let hash: String
        switch call.body {
        case .none:
            hash = SigV4.emptyPayload
        case .document(let text):
            request.body = ByteBuffer(string: text)
            hash = S3Encoding.hexadecimal(SHA256.hash(data: Array(text.utf8)))
        case .bytes(let pieces):
            request.body = ByteBuffer()
            request.moreBody = pieces
            switch location.checksum {
            case .md5:
                headers.append(("content-md5", Self.md5(pieces)))
                hash = SigV4.unsignedPayload
            case .sha256:
                hash = Self.sha256(pieces)
            }
        }
        headers += [
            ("host", url.hostHeader), ("x-amz-content-sha256", hash), ("x-amz-date", UTCTimestamp.compact(seconds)),
        ]
        if let token = signer.credentials.sessionToken { headers.append(("x-amz-security-token", token)) }
        let authorization = signer.authorization(
            for: SigV4.Request(
                method: call.method.rawValue, path: url.path, query: call.query, headers: headers, payloadHash: hash),
            at: seconds)
        request.headers = HTTPHeaders(headers.filter { $0.name != "host" } + [("authorization", authorization)])
        return request
    }

    private static func md5(_ pieces: [ByteBuffer]) -> String {
        var digest = Insecure.MD5()
        for piece in pieces { piece.withUnsafeReadableBytes { digest.update(bufferPointer: $0) } }
        return S3Encoding.base64(digest.finalize())
    }

    private static func sha256(_ pieces: [ByteBuffer]) -> String {
        var digest = SHA256()
        for piece in pieces { piece.withUnsafeReadableBytes { digest.update(bufferPointer: $0) } }
        return S3Encoding.hexadecimal(digest.finalize())
    }
}

extension S3Location {
    /// The URL of an object, or of the bucket.
    ///
    /// - Parameters:
    ///   - key: The full key, or nil.
    ///   - query: Encoded.
    /// - Returns: The URL in the style of the location.
    /// - Throws: `HTTPURLError` when it would be too long.
    func url(of key: String?, query: String) throws(HTTPURLError) -> HTTPURL {
        let path = key.map { S3Encoding.encode($0, keepsSlashes: true) } ?? ""
        let base =
            isPathStyle
            ? "\(endpoint.origin)/\(bucket)\(key == nil ? "" : "/")\(path)"
            : "\(endpoint.scheme.rawValue)://\(bucket).\(endpoint.hostHeader)/\(path)"
        return try HTTPURL(parsing: query.isEmpty ? base : "\(base)?\(query)")
    }
}
