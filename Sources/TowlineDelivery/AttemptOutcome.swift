import TowlineCore
import TowlineStore

/// What one attempt leads to.
struct AttemptOutcome: Sendable, Hashable {
    var next: DeliveryNext
    var signal: EndpointSignal
    /// Why it failed; nil on success and for an attempt that was interrupted.
    var cause: String?
}

/// Decides what follows an attempt; pure.
///
/// Under `exact` every failure is only observed. Under `durable` 429, 502, 503 and 504 slow the endpoint down, with
/// `Retry-After` within bounds, 410 ends it, and everything else that is no success is a failure (design section 6).
/// Queues have verdicts instead of statuses: what a queue can never take is dead at once under both policies and says
/// nothing about the queue; every other refusal is tried again by the policy, since an operator can mend it.
struct OutcomeRule: Sendable {
    /// `durable` with its waits.
    let durable: DeliveryPolicy
    /// Longest wait that a receiver may ask for.
    let maxRetryAfter: Duration

    /// Decides about one attempt.
    ///
    /// - Parameters:
    ///   - outcome: What became of the request.
    ///   - claim: The delivery; only deliveries that the end of a run made say anything about their endpoint.
    ///   - now: The wall clock, for dates.
    ///   - random: A number from 0 up to 1 for the jitter.
    /// - Returns: What follows for the delivery and what is told about its endpoint.
    func outcome(
        of outcome: EventExchange.Outcome, for claim: ClaimedDelivery, now: Timestamp, random: Double
    ) -> AttemptOutcome {
        let policy = claim.policy == .exact ? DeliveryPolicy.exact : durable
        var result =
            switch outcome {
            case .answered(let answer): self.outcome(of: answer, for: claim, policy: policy, now: now, random: random)
            case .queued(let verdict, let answer):
                self.outcome(
                    of: verdict, headers: answer?.headers ?? [], for: claim, policy: policy, now: now, random: random)
            case .failed(let cause): retry(claim, policy, cause: cause, signal: .failure(cause: cause), random: random)
            case .unusable(let cause):
                AttemptOutcome(next: .dead(reason: cause), signal: .failure(cause: cause), cause: cause)
            case .cancelled: AttemptOutcome(next: .released, signal: .none)
            }
        if !claim.origin.countsForHealth {
            result.signal = .none
        } else if !policy.heedsReceiver, let cause = result.cause, result.signal != .none {
            result.signal = .observed(cause: cause)
        }
        return result
    }

    private func outcome(
        of verdict: QueueVerdict, headers: [EventHeader], for claim: ClaimedDelivery, policy: DeliveryPolicy,
        now: Timestamp, random: Double
    ) -> AttemptOutcome {
        switch verdict {
        case .stored: return AttemptOutcome(next: .delivered, signal: .success)
        case .busy(let cause):
            let pause =
                policy.heedsReceiver ? RetryAfter.wait(in: headers.retryAfter, now: now, atMost: maxRetryAfter) : nil
            return retry(
                claim, policy, cause: cause, signal: .slowDown(cause: cause, pause: pause), random: random,
                atLeast: pause ?? .zero)
        case .failed(let cause):
            return retry(claim, policy, cause: cause, signal: .failure(cause: cause), random: random)
        case .refused(let cause): return AttemptOutcome(next: .dead(reason: cause), signal: .none, cause: cause)
        }
    }

    private func outcome(
        of answer: EventAnswer, for claim: ClaimedDelivery, policy: DeliveryPolicy, now: Timestamp, random: Double
    ) -> AttemptOutcome {
        if policy.isSuccess(status: answer.status) { return AttemptOutcome(next: .delivered, signal: .success) }
        let counts = policy.heedsReceiver ? "" : "; only 200 counts"
        let cause = "the receiver answered \(answer.status)\(counts)"
        guard policy.heedsReceiver else {
            return retry(claim, policy, cause: cause, signal: .observed(cause: cause), random: random)
        }
        switch answer.status {
        // What an operator sent again must not touch the endpoint, so there would be nothing that it could be held by.
        case 410 where claim.origin.countsForHealth:
            return AttemptOutcome(next: .held(reason: cause), signal: .gone(cause: cause), cause: cause)
        case 429, 502, 503, 504:
            let pause = RetryAfter.wait(in: answer.headers.retryAfter, now: now, atMost: maxRetryAfter)
            return retry(
                claim, policy, cause: cause, signal: .slowDown(cause: cause, pause: pause), random: random,
                atLeast: pause ?? .zero)
        default: return retry(claim, policy, cause: cause, signal: .failure(cause: cause), random: random)
        }
    }

    private func retry(
        _ claim: ClaimedDelivery, _ policy: DeliveryPolicy, cause: String, signal: EndpointSignal, random: Double,
        atLeast least: Duration = .zero
    ) -> AttemptOutcome {
        guard let wait = policy.wait(after: claim.attempt, random: policy.heedsReceiver ? random : 0) else {
            let reason = "\(cause); this was attempt \(claim.attempt), the last (\(policy.name.rawValue))"
            return AttemptOutcome(next: .dead(reason: reason), signal: signal, cause: cause)
        }
        return AttemptOutcome(next: .retry(after: max(wait, least)), signal: signal, cause: cause)
    }
}

extension [EventHeader] {
    /// The values of every `Retry-After` field.
    fileprivate var retryAfter: some Sequence<String> {
        lazy.filter { $0.name.utf8.count == 11 && $0.name.lowercased() == "retry-after" }.map(\.value)
    }
}
