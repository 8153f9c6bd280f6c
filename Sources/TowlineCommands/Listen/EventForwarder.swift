import TowlineClient
import TowlineCore
import VODSignatures

/// One attempt to hand an event to the local handler.
struct ForwardAttempt: Sendable, Hashable {
    /// From 1.
    let number: Int
    let duration: Duration
    /// What the handler answered; nil without an answer.
    var status: Int?
    /// The first line of its body that is not empty.
    var firstLine: String?
    /// Why there was no answer.
    var cause: String?

    /// As for the original callback, 200 alone counts (vod-api 5.1).
    var isSuccess: Bool { status == 200 }

    /// Such as `the answer 500` or `no answer (connection refused)`.
    var result: String { status.map { "the answer \($0)" } ?? "no answer (\(cause ?? "unknown"))" }
}

/// Hands events to a local handler as their callback would be sent.
struct EventForwarder<Time: Clock>: Sendable where Time.Duration == Duration {
    /// Asks the server for the POST of an event, signed now for a URL; nil for the configured callback's.
    typealias Composer = @Sendable (_ url: String?) async throws -> SignedEventRequest

    let forwarding: ListenPlan.Forwarding
    let handler: HTTPCaller
    let clock: Time
    let patience: ServerPatience<Time>

    /// From the end of an attempt to the next (vod-api 5.1).
    private static var pause: Duration { .seconds(1) }
    private static var bodyLimit: Int { 4096 }

    /// Makes attempts until one is accepted or none is left.
    ///
    /// - Parameters:
    ///   - compose: Gives the event's request.
    ///   - report: Called after each attempt.
    /// - Returns: The attempts, at least one.
    /// - Throws: ``AdminClientError`` when the server refuses to sign; `CancellationError`.
    func forward(_ compose: Composer, report: (ForwardAttempt) -> Void) async throws -> [ForwardAttempt] {
        var attempts: [ForwardAttempt] = []
        for number in 1...forwarding.attempts {
            if number > 1 { try await clock.sleep(for: Self.pause) }
            let request = try await patience.waiting { try await signedRequest(compose) }
            let attempt = try await post(request, number: number)
            attempts.append(attempt)
            report(attempt)
            if attempt.isSuccess { break }
        }
        return attempts
    }

    /// The POST, signed for the URL that was asked for, the configured callback's, or the forward URL.
    private func signedRequest(_ compose: Composer) async throws -> SignedEventRequest {
        if let url = forwarding.signAs { return try await compose(url) }
        do {
            return try await compose(nil)
        } catch let error as AdminClientError where error.status == 400 {
            return try await compose(forwarding.typedURL)
        }
    }

    private func post(_ request: SignedEventRequest, number: Int) async throws -> ForwardAttempt {
        // These belong to the connection, not to the event.
        let framing: Set<String> = ["host", "content-length", "transfer-encoding", "connection"]
        let headers = request.headers.filter { !framing.contains($0.name.lowercased()) }
        let start = clock.now
        do {
            let answer = try await handler.sendReadingBeginning(
                method: .POST, url: forwarding.url.absoluteString, headers: headers, body: request.body,
                limit: Self.bodyLimit)
            return ForwardAttempt(
                number: number, duration: start.duration(to: clock.now), status: answer.status,
                firstLine: Self.firstLine(of: answer.body))
        } catch let failure as HTTPCaller.Failure {
            return ForwardAttempt(number: number, duration: start.duration(to: clock.now), cause: failure.detail)
        }
    }

    private static func firstLine(of body: [UInt8]) -> String? {
        let lines = String(decoding: body, as: UTF8.self).unicodeScalars.split { $0 == "\n" || $0 == "\r" }
        let texts = lines.lazy.map { TerminalText.clean(String($0)) }
        return texts.first { text in text.contains { $0 != " " } }
    }
}
