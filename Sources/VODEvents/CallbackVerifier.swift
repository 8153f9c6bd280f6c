#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// Turns the request of an HTTP callback into a verified event.
///
/// Make one at start-up and use it for every request, from any task:
///
/// ```swift
/// let verifier = try CallbackVerifier(url: "https://hook.example.com/vod/events", keys: [authKey])
/// let callback = try verifier.verify(headers: { request.headers[$0] }, body: bodyBytes)
/// handle(callback.event)
/// ```
///
/// Answer exactly 200 once the event is safe on your side; the sender counts anything else as a failure and sends again,
/// so the same event can arrive twice.
public struct CallbackVerifier: Sendable {
    private let url: String
    private let keys: [String]
    private let webhookSecrets: [WebhookSecret]
    private let tolerance: Duration
    private let limits: VODEvent.DecodingLimits

    /// Says what callbacks are verified with.
    ///
    /// Every scheme that has keys here is demanded of every callback: with both, both signatures must be right.
    ///
    /// - Parameters:
    ///   - url: The callback URL exactly as it is configured at the sender; not used by ``WebhookSignature``.
    ///   - keys: The keys of ``CallbackSignature``, none empty; during a rotation the new and the old.
    ///   - webhookSecrets: The secrets of ``WebhookSignature``, which covers the body too.
    ///   - tolerance: How far a signed time may lie from now, either way.
    ///   - limits: How much of a body is read.
    /// - Throws: ``VODSignatureError`` with code ``VODSignatureError/Code/noKeys`` when there is neither a key nor a secret
    ///   or a key is empty. To read events without verifying them, use ``VODEvent/init(decoding:limits:)``.
    public init(
        url: String,
        keys: [String] = [],
        webhookSecrets: [WebhookSecret] = [],
        tolerance: Duration = .seconds(300),
        limits: VODEvent.DecodingLimits = VODEvent.DecodingLimits()
    ) throws(VODSignatureError) {
        guard !(keys.isEmpty && webhookSecrets.isEmpty), !keys.contains("") else {
            throw VODSignatureError(.noKeys, "A verifier needs a key or a webhook secret, and no key may be empty.")
        }
        self.url = url
        self.keys = keys
        self.webhookSecrets = webhookSecrets
        self.tolerance = tolerance
        self.limits = limits
    }

    /// Verifies a callback and decodes its event.
    ///
    /// The signatures are checked before the body is parsed.
    ///
    /// - Parameters:
    ///   - headers: Gives the value of a header by its name, whatever its case on the wire; `nil` when it is missing.
    ///   - body: The whole body as received.
    ///   - now: The time to judge the signed times by.
    /// - Returns: The event and what is known about its delivery.
    /// - Throws: ``CallbackError``; its ``CallbackError/suggestedStatus`` is a fitting answer.
    public func verify(
        headers: (String) -> String?,
        body: some DataProtocol,
        now: Date = Date()
    ) throws(CallbackError) -> VerifiedCallback {
        guard body.count <= limits.maximumBytes else { throw .invalidEvent(.tooLarge(limits)) }
        do {
            try verifySignatures(headers: headers, body: body, now: now)
        } catch {
            throw .unverified(error)
        }
        let id = headers(WebhookSignature.idHeader).map(Bytes.trimmed).flatMap { $0.isEmpty ? nil : $0 }
        do {
            let event = try VODEvent(decoding: body, limits: limits)
            return VerifiedCallback(event: event, id: id, isBodySigned: !webhookSecrets.isEmpty)
        } catch {
            throw .invalidEvent(error)
        }
    }

    /// Verifies a callback whose headers are in a dictionary, and decodes its event.
    ///
    /// - Parameters:
    ///   - headers: Values by name, in any case; a name that is there in two spellings counts as missing.
    ///   - body: The whole body as received.
    ///   - now: The time to judge the signed times by.
    /// - Returns: The event and what is known about its delivery.
    /// - Throws: ``CallbackError``.
    public func verify(
        headers: [String: String],
        body: some DataProtocol,
        now: Date = Date()
    ) throws(CallbackError) -> VerifiedCallback {
        var values: [[UInt8]: [String]] = [:]
        for (name, value) in headers {
            values[Bytes.lowercased(name), default: []].append(value)
        }
        return try verify(
            headers: { name in
                let found = values[Bytes.lowercased(name)] ?? []
                return found.count == 1 ? found[0] : nil
            },
            body: body,
            now: now
        )
    }

    private func verifySignatures(
        headers: (String) -> String?,
        body: some DataProtocol,
        now: Date
    ) throws(VODSignatureError) {
        if !keys.isEmpty {
            try CallbackSignature.verify(
                url: url,
                timestampHeader: headers(CallbackSignature.timestampHeader),
                signatureHeader: headers(CallbackSignature.signatureHeader),
                keys: keys,
                now: now,
                tolerance: tolerance
            )
        }
        if !webhookSecrets.isEmpty {
            try WebhookSignature.verify(
                idHeader: headers(WebhookSignature.idHeader),
                timestampHeader: headers(WebhookSignature.timestampHeader),
                signatureHeader: headers(WebhookSignature.signatureHeader),
                body: body,
                secrets: webhookSecrets,
                now: now,
                tolerance: tolerance
            )
        }
    }
}

/// An event whose callback passed every check of a ``CallbackVerifier``.
public struct VerifiedCallback: Sendable, Hashable {
    /// The event.
    public let event: VODEvent

    /// The id from `webhook-id`, the same for each arrival of one event; `nil` when the sender gave none.
    ///
    /// Signed, like the body, only if ``isBodySigned``.
    public let id: String?

    /// Whether a signature covered body and id; otherwise it only shows that the sender knew the key.
    public let isBodySigned: Bool
}

/// Why a callback was refused.
public enum CallbackError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A signature is missing or wrong; the body was not parsed.
    case unverified(VODSignatureError)
    /// The body is too large or not an event.
    case invalidEvent(VODEventError)

    /// The HTTP status to answer with: 401, 413 for a body that is too large, or 400.
    public var suggestedStatus: Int {
        switch self {
        case .unverified: 401
        case .invalidEvent(let error): error.code == .bodyTooLarge ? 413 : 400
        }
    }

    /// One sentence for people, without keys and without content of the body.
    public var description: String {
        switch self {
        case .unverified(let error): error.description
        case .invalidEvent(let error): error.description
        }
    }
}
