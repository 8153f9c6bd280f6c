import TowlineCore

/// Watches that a transfer does not fall below a least average speed.
///
/// Pure; times are durations since its start.
struct SpeedFloor {
    private let bytesPerSecond: Int
    private let window: Duration
    private var mark: Duration
    private var bytesSinceMark: Int64 = 0

    /// A watch that starts now; a floor of 0 never complains.
    init(bytesPerSecond: Int, window: Duration, now: Duration) {
        self.bytesPerSecond = bytesPerSecond
        self.window = window
        mark = now
    }

    /// Leaves out a time in which no byte was wanted.
    mutating func excuse(_ wait: Duration) { mark += wait }

    /// Takes note of bytes.
    ///
    /// - Returns: False when a whole window has gone by with an average below the floor.
    mutating func isFastEnough(after bytes: Int, now: Duration) -> Bool {
        bytesSinceMark += Int64(bytes)
        let past = now - mark
        guard bytesPerSecond > 0, past >= window else { return true }
        defer {
            mark = now
            bytesSinceMark = 0
        }
        return Double(bytesSinceMark) >= Double(bytesPerSecond) * past.seconds
    }
}
