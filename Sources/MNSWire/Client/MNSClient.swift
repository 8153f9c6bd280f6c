import Synchronization
import VODSignatures

/// A client of a queue service: signs, encodes, sends once, checks and decodes.
///
/// It retries nothing but a request that the server found too old or too new: once, with the server's own time, which
/// then also counts for later calls. A value is cheap to copy and may be used from many tasks at once. Signs with
/// version 2, which every server of the protocol knows. Wire reference: mns-api 10.2.
package struct MNSClient: Sendable {
    /// Where requests go.
    package let endpoint: MNSEndpoint

    private let credentials: MNSCredentials
    private let transport: any MNSTransport
    private let now: @Sendable () -> Int64
    private let clock = ClockCorrection()

    /// Makes a client.
    ///
    /// - Parameters:
    ///   - endpoint: Where requests go.
    ///   - credentials: Who signs them.
    ///   - transport: What carries them.
    ///   - now: The wall clock, in Unix seconds.
    package init(
        endpoint: MNSEndpoint,
        credentials: MNSCredentials,
        transport: any MNSTransport,
        now: @escaping @Sendable () -> Int64
    ) {
        self.endpoint = endpoint
        self.credentials = credentials
        self.transport = transport
        self.now = now
    }

    /// What distinguishes one call from another.
    struct Call {
        var method: String
        var target: String
        var headers: [NameValuePair] = []
        var body: [UInt8] = []
        /// How long the server may wait before it answers.
        var waitSeconds = 0
    }

    /// How long an exchange may take beyond what the server was asked to wait.
    private static let patienceSeconds = 15

    /// How far the server's time may be from ours for it to be believed: a day.
    private static let largestCorrection: UInt64 = 86_400

    /// Carries out a call.
    ///
    /// - Returns: An answer with a status of success, or one whose body has one of the roots.
    /// - Throws: ``MNSClientError``, `CancellationError`.
    func perform(_ call: Call, alsoAccepting root: String? = nil) async throws -> MNSHTTPResponse {
        var response = try await attempt(call, correction: clock.seconds)
        if isTimeExpired(response), let date = response.header("Date").flatMap(UTCTimestamp.parseHTTPDate) {
            let (correction, overflow) = date.subtractingReportingOverflow(now())
            if !overflow, correction.magnitude <= Self.largestCorrection {
                clock.seconds = correction
                response = try await attempt(call, correction: correction)
            }
        }
        if (200..<300).contains(response.status) { return response }
        if let root, (try? MNSDocument.root(response.body, named: [root], limits: .answer)) != nil { return response }
        throw failure(response)
    }

    private func attempt(_ call: Call, correction: Int64) async throws -> MNSHTTPResponse {
        var headers = call.headers
        headers.append(("Date", UTCTimestamp.httpDate(now() &+ correction)))
        headers.append((MNSHeader.version, MNSHeader.versionValue))
        if !call.body.isEmpty { headers.append(("Content-Type", MNSHeader.requestContentType)) }
        let authorization = MNSSignatureV2.sign(
            method: call.method, target: call.target, headers: headers, accessKeyID: credentials.accessKeyID,
            secret: credentials.secret)
        headers.append(("Authorization", authorization.headerValue))
        if let token = credentials.securityToken { headers.append((MNSHeader.securityToken, token)) }
        let request = MNSHTTPRequest(
            method: call.method, endpoint: endpoint, target: call.target, headers: headers, body: call.body,
            timeout: .seconds(call.waitSeconds + Self.patienceSeconds))
        do {
            return try await transport.send(request)
        } catch let error as MNSClientError {
            throw error
        } catch let error as CancellationError {
            throw error
        } catch {
            throw MNSClientError.unreachable(error, endpoint: endpoint)
        }
    }

    private func isTimeExpired(_ response: MNSHTTPResponse) -> Bool {
        guard response.status == 408 || response.status == 400 else { return false }
        let document = try? MNSErrorDocument(decoding: response.body, status: response.status)
        return document?.error.code == .timeExpired
    }

    private func failure(_ response: MNSHTTPResponse) -> MNSClientError {
        if (300..<400).contains(response.status) {
            return unexpected(response, "a redirect, which a signed request cannot follow.")
        }
        guard let document = try? MNSErrorDocument(decoding: response.body, status: response.status) else {
            return unexpected(response, "no error of the queue protocol.")
        }
        return .refused(document, response, credentials: credentials)
    }

    /// The error for an answer that does not fit the call.
    func unexpected(
        _ response: MNSHTTPResponse, _ detail: String, remedy: MNSClientError.Remedy? = nil
    ) -> MNSClientError {
        .unexpected(response, detail, remedy: remedy, endpoint: endpoint)
    }

    /// Decodes the body of an answer.
    func decode<Value>(
        _ response: MNSHTTPResponse, _ decoder: ([UInt8]) throws(MNSError) -> Value
    ) throws(MNSClientError) -> Value {
        do throws(MNSError) {
            return try decoder(response.body)
        } catch {
            throw unexpected(response, "a body that is not the answer. \(credentials.masked(error.message))")
        }
    }
}

/// How far the server's clock is ahead of ours, shared by the copies of one client.
private final class ClockCorrection: Sendable {
    private let state = Mutex<Int64>(0)

    var seconds: Int64 {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}
