/// The rate of a transfer over the last few seconds.
struct RateMeter: Sendable {
    /// How far back the rate looks.
    private static let window: Duration = .seconds(5)

    private var samples: [(time: Duration, bytes: Int64)] = []

    /// Adds what has arrived up to a moment, counted from any fixed point; fewer bytes than before start anew.
    mutating func add(_ bytes: Int64, at time: Duration) {
        if let last = samples.last, bytes < last.bytes { samples = [] }
        samples.append((time, bytes))
        // One sample older than the window stays, so that the window is full.
        while samples.count > 2, time - samples[1].time >= Self.window { samples.removeFirst() }
    }

    /// Bytes in a second; nil before there are two moments apart.
    var bytesPerSecond: Double? {
        guard let first = samples.first, let last = samples.last else { return nil }
        let span = last.time - first.time
        guard span > .zero else { return nil }
        let seconds = Double(span.components.seconds) + Double(span.components.attoseconds) / 1e18
        return Double(last.bytes - first.bytes) / seconds
    }

    /// How long the rest takes at this rate; nil where the rate or the total is not known, or nothing moves.
    func timeLeft(to total: Int64?) -> Duration? {
        guard let total, let last = samples.last, let rate = bytesPerSecond, rate >= 1 else { return nil }
        return .seconds(min(Double(max(0, total - last.bytes)) / rate, 1e9))
    }
}
