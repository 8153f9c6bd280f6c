/// What one attempt tells about an endpoint.
package enum EndpointSignal: Sendable, Hashable {
    /// Nothing: the attempt was interrupted, or its delivery leaves the endpoint's health alone.
    case none
    /// The receiver accepted an event.
    case success
    /// A failure that is counted and shown but has no consequence, since the policy is `exact`.
    case observed(cause: String)
    /// No answer, or one that is no success.
    case failure(cause: String)
    /// The receiver asks for less (429, 502, 503, 504); the pause is what its `Retry-After` said within bounds.
    case slowDown(cause: String, pause: Duration?)
    /// The receiver wants nothing more (410).
    case gone(cause: String)
}

/// When an endpoint is paused and when it is disabled; each value is a setting under `delivery.`.
package struct EndpointHealthRule: Sendable, Hashable {
    /// Failures in a row that open the circuit (`delivery.breaker-failures`), at least 1.
    package var breakerFailures = 8
    /// The first pause of an open circuit (`delivery.breaker-pause-seconds`); each further one is twice as long.
    package var firstPause: Duration = .seconds(5)
    /// The longest pause that Towline chooses by itself (`delivery.breaker-max-pause-seconds`).
    package var longestPause: Duration = .seconds(300)
    /// Failures without a success for this long disable the endpoint (`delivery.disable-after-hours`).
    package var disableAfter: Duration = .seconds(120 * 3600)

    /// The defaults.
    package init() {}

    /// The pause after a number of pauses without a success in between, from 0.
    package func pause(after pauses: Int) -> Duration {
        min(longestPause, firstPause * Double(1 << min(max(0, pauses), 20)))
    }
}

/// How an endpoint fares: a state machine over what its attempts tell.
///
/// Healthy until failures in a row, or an answer that asks for less, pause it. After a pause one attempt at a time
/// is let through until one succeeds. Disabled by a receiver that is gone, by failures over a long time or by
/// command, and then enabled by command only; what waits is held meanwhile.
package struct EndpointHealth: Sendable, Hashable {
    /// Failed attempts since the last success.
    package var failures = 0
    /// When the first of them ended.
    package var failingSince: Timestamp?
    /// Why the last one failed; nil after a success.
    package var lastCause: String?
    /// Pauses since the last success.
    package var pauses = 0
    /// No attempt begins before this moment.
    package var pausedUntil: Timestamp?
    /// Since when it is disabled; nil while it is enabled.
    package var disabledAt: Timestamp?
    /// Why it is disabled.
    package var disabledReason: String?

    /// A healthy endpoint.
    package init() {}

    /// Whether only one attempt at a time may run: the receiver has not answered well since the last pause.
    package var isProbing: Bool { pauses > 0 }

    /// Whether deliveries are held.
    package var isDisabled: Bool { disabledAt != nil }

    /// Takes in what an attempt told.
    ///
    /// An attempt that was under way when a pause began counts as a failure and no more, unless its receiver names a
    /// wait of its own; a success ends a pause early. While it is probed, every failure begins the next pause. An
    /// endpoint that is disabled stays so.
    ///
    /// - Parameters:
    ///   - signal: What the attempt told.
    ///   - begun: When it began; nil for now.
    ///   - now: When it ended.
    ///   - rule: What follows from failures.
    /// - Returns: Whether anything changed.
    package mutating func note(
        _ signal: EndpointSignal, begun: Timestamp? = nil, at now: Timestamp, rule: EndpointHealthRule
    ) -> Bool {
        let before = self
        let isLate = pausedUntil.map { (begun ?? now) < $0 } ?? false
        switch signal {
        case .none: return false
        case .success: recover()
        case .observed(let cause): fail(cause, at: now)
        case .failure(let cause):
            let wasProbing = isProbing
            fail(cause, at: now)
            if !isLate, wasProbing || failures >= rule.breakerFailures { pause(for: .zero, at: now, rule: rule) }
            disableIfOverdue(at: now, rule: rule)
        case .slowDown(let cause, let asked):
            fail(cause, at: now)
            if !isLate {
                pause(for: asked ?? .zero, at: now, rule: rule)
            } else if let asked {
                lengthenPause(to: now + asked)
            }
            disableIfOverdue(at: now, rule: rule)
        case .gone(let cause):
            fail(cause, at: now)
            disable(cause, at: now)
        }
        return self != before
    }

    /// Disables it; an endpoint that is disabled already keeps its reason.
    package mutating func disable(_ reason: String, at now: Timestamp) {
        guard disabledAt == nil else { return }
        disabledAt = now
        disabledReason = reason
    }

    /// Makes it as new.
    package mutating func enable() { self = EndpointHealth() }

    private mutating func recover() {
        failures = 0
        failingSince = nil
        lastCause = nil
        pauses = 0
        pausedUntil = nil
    }

    private mutating func fail(_ cause: String, at now: Timestamp) {
        failures += 1
        failingSince = failingSince ?? now
        lastCause = cause
    }

    /// Begins the next pause: what the receiver asks for, and at least what is due after the pauses before.
    private mutating func pause(for asked: Duration, at now: Timestamp, rule: EndpointHealthRule) {
        let own = rule.pause(after: pauses)
        pauses += 1
        lengthenPause(to: now + max(asked, own))
    }

    private mutating func lengthenPause(to end: Timestamp) { pausedUntil = max(pausedUntil ?? end, end) }

    /// A few failures far apart disable nothing: as many are needed as open the circuit.
    private mutating func disableIfOverdue(at now: Timestamp, rule: EndpointHealthRule) {
        guard failures >= rule.breakerFailures, let failingSince, now - failingSince >= rule.disableAfter else {
            return
        }
        disable("no success since \(failingSince); last: \(lastCause ?? "unknown")", at: now)
    }
}
