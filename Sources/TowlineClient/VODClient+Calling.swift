import VODSignatures

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension VODClient {
    /// Ids or URLs that one query or cancel takes (vod-api 2.1 and 2.4).
    static let queryLimit = 10

    /// Signs a call, sends it and reads the answer.
    func call<Answer: Decodable>(_ action: String, _ parameters: [NameValuePair]) async throws -> Answer {
        let signed = try SignedCall(
            action: action, parameters: parameters, host: endpoint.authority, credentials: credentials, now: now(),
            nonce: nonce())
        let answer: HTTPCaller.Answer
        do {
            answer = try await caller.send(
                method: .POST, url: endpoint.url + "/", headers: signed.headers, body: signed.body)
        } catch let failure as HTTPCaller.Failure {
            throw VODClientError(failure, endpoint: endpoint.url)
        }
        guard (200..<300).contains(answer.status) else { throw VODClientError(answer, endpoint: endpoint.url) }
        do {
            return try JSONDecoder().decode(Answer.self, from: Data(answer.body))
        } catch {
            throw VODClientError(
                kind: .unexpectedAnswer, code: "UnexpectedAnswer", status: answer.status,
                message: "\(endpoint.url) answered \(action) with something that is not an answer of the VOD API.",
                cause: error)
        }
    }

    /// The parameter that names an application, or none.
    static func application(_ id: String?) -> [NameValuePair] {
        id.map { [("AppId", $0)] } ?? []
    }

    /// Ids joined by commas.
    static func list(_ ids: [String], _ name: String) throws(VODClientError) -> String {
        guard (1...queryLimit).contains(ids.count) else {
            throw .invalidRequest("\(name) has \(ids.count) elements; 1 to \(queryLimit) are allowed.")
        }
        guard ids.allSatisfy({ !$0.isEmpty && !$0.contains(",") }) else {
            throw .invalidRequest("\(name) has an element that is empty or contains a comma.")
        }
        return ids.joined(separator: ",")
    }

    /// URLs, each percent-encoded as a whole so that commas within one survive, joined by commas (vod-api 1.1).
    static func encodedList(_ urls: [String], _ name: String, limit: Int) throws(VODClientError) -> String {
        guard (1...limit).contains(urls.count) else {
            throw .invalidRequest("\(name) has \(urls.count) elements; 1 to \(limit) are allowed.")
        }
        guard urls.allSatisfy({ !$0.isEmpty }) else {
            throw .invalidRequest("\(name) has an empty element.")
        }
        return urls.map(PercentEncoding.encode).joined(separator: ",")
    }

    /// 32 hexadecimal digits from the system's generator.
    static func randomNonce() -> String {
        func half() -> String {
            let digits = String(UInt64.random(in: .min ... .max), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        return half() + half()
    }
}

/// An access key, and the token if it is a temporary one.
struct Credentials: Sendable {
    let id: String
    let secret: String
    let token: String?
}

/// A call that is ready to be sent: its headers, `Authorization` included, and its body.
struct SignedCall: Sendable {
    let headers: [NameValuePair]
    let body: [UInt8]

    init(
        action: String, parameters: [NameValuePair], host: String, credentials: Credentials, now: Int64, nonce: String
    ) throws(VODClientError) {
        let sorted = parameters.sorted { $0.name < $1.name }
        body = Array(FormCoding.encode(sorted).utf8)
        let hash = ACS3Signature.bodyHash(body)
        var headers: [NameValuePair] = [
            ("host", host),
            ("x-acs-action", action),
            ("x-acs-version", "2017-03-21"),
            ("x-acs-date", UTCTimestamp.format(now)),
            ("x-acs-signature-nonce", nonce),
            ("x-acs-content-sha256", hash),
        ]
        if !body.isEmpty { headers.append(("content-type", "application/x-www-form-urlencoded")) }
        if let token = credentials.token {
            headers.append(("x-acs-accesskey-id", credentials.id))
            headers.append(("x-acs-security-token", token))
        }
        let authorization: ACS3Authorization
        do {
            authorization = try ACS3Signature.sign(
                ACS3Signature.Request(method: "POST", query: [], headers: headers, bodyHash: hash),
                accessKeyID: credentials.id, secret: credentials.secret)
        } catch {
            throw .invalidRequest("The request could not be signed: \(error)")
        }
        // These two are not signed, so that a proxy may rewrite them.
        headers.append(("accept", "application/json"))
        headers.append(("user-agent", "towline-client"))
        headers.append(("authorization", authorization.headerValue))
        self.headers = headers
    }
}
