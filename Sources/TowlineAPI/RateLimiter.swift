import Synchronization
package import TowlineCore

/// Calls a second for each account and action: a bucket that holds one second's worth (vod-api.md 10.1).
package final class RateLimiter: Sendable {
    private struct Bucket {
        var tokens: Double
        var filledAt: Duration
    }

    private struct Name: Hashable {
        let account: AccountID
        let action: String
    }

    private let perSecond: [String: Double]
    private let clock: any MonotonicClock
    private let buckets = Mutex<[Name: Bucket]>([:])

    /// Limits by action name; an action without one, or with 0, is not limited.
    package init(perSecond: [String: Double], clock: any MonotonicClock = SystemMonotonicClock()) {
        self.perSecond = perSecond
        self.clock = clock
    }

    /// Takes one call from the bucket.
    func admit(account: AccountID, action: String) throws(VODError) {
        guard let rate = perSecond[action], rate > 0 else { return }
        let now = clock.elapsed
        let capacity = max(1, rate)
        let wait = buckets.withLock { buckets -> Duration? in
            let name = Name(account: account, action: action)
            var bucket = buckets[name] ?? Bucket(tokens: capacity, filledAt: now)
            bucket.tokens = min(capacity, bucket.tokens + (now - bucket.filledAt).seconds * rate)
            bucket.filledAt = now
            defer { buckets[name] = bucket }
            guard bucket.tokens >= 1 else { return .seconds((1 - bucket.tokens) / rate) }
            bucket.tokens -= 1
            return nil
        }
        if let wait { throw .throttled(retryAfter: wait) }
    }
}
