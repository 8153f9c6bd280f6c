import Synchronization
import TowlineCore
import TowlineStore

/// Lets so many bytes through in a second, over all who share it.
///
/// Bytes that came before a pause are not saved up for longer than ``burst``.
final class BandwidthLimit: Sendable {
    /// How much time's worth of bytes may come at once.
    static let burst: Duration = .milliseconds(250)

    private let bytesPerSecond: Double
    private let paidUntil: Mutex<Duration>

    /// A limit.
    ///
    /// - Parameters:
    ///   - bytesPerSecond: More than 0.
    ///   - now: The time.
    init(bytesPerSecond: Int, now: Duration) {
        self.bytesPerSecond = Double(max(1, bytesPerSecond))
        paidUntil = Mutex(now)
    }

    /// Takes note of bytes that came.
    ///
    /// - Returns: How long to wait before more are read; zero while the limit is not reached.
    func take(_ bytes: Int, now: Duration) -> Duration {
        let cost = Duration.nanoseconds(Int64(Double(bytes) / bytesPerSecond * 1e9))
        return paidUntil.withLock { paid in
            paid = max(paid, now - Self.burst) + cost
            return max(.zero, paid - now)
        }
    }
}

/// The limits that hold for one transfer: its own and the node's.
struct Throttle: Sendable {
    private let limits: [BandwidthLimit]
    private let clock: any MonotonicClock
    private let recorder: FlightRecorder

    /// A throttle without limits lets everything pass at once.
    init(limits: [BandwidthLimit], clock: any MonotonicClock, recorder: FlightRecorder) {
        self.limits = limits
        self.clock = clock
        self.recorder = recorder
    }

    /// Waits as long as the limits ask for after bytes that came.
    ///
    /// - Returns: How long that was.
    /// - Throws: `CancellationError`.
    func pass(_ bytes: Int) async throws -> Duration {
        guard !limits.isEmpty else { return .zero }
        let now = clock.elapsed
        let wait = limits.reduce(Duration.zero) { max($0, $1.take(bytes, now: now)) }
        // Shorter waits are not worth a timer: they add up to one that is.
        guard wait >= .milliseconds(5) else { return .zero }
        try await clock.sleep(for: wait)
        recorder.note { $0.throttled += wait }
        return wait
    }
}
