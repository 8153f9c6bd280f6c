/// When a transfer that goes on writes down how far it is.
///
/// Pure; times are durations since any fixed moment. A checkpoint is begun at half the interval, so that it is
/// recorded before the whole interval is here; where the disk is slower than the source, the transfer waits.
struct CheckpointPlan {
    /// What to do now.
    enum Step: Hashable {
        case goOn
        /// Begin a checkpoint of what is here.
        case begin
        /// Wait for the checkpoint that was begun.
        case wait
    }

    /// Fewer new bytes are not worth a sync before the interval is half over.
    private static let worthwhileBytes: Int64 = 256 << 10

    private let bytes: Int64
    private let time: Duration
    private var recorded: Int64
    private var begun: Int64?
    private var last: (position: Int64, time: Duration)

    /// A plan for a transfer of which some bytes are recorded.
    ///
    /// - Parameters:
    ///   - bytes: The interval: at most so much is not recorded at any moment; 0 for no checkpoints at all.
    ///   - time: After so much time a checkpoint is made of less, if it is worth one.
    ///   - recorded: Bytes that are recorded already.
    ///   - now: The time.
    init(bytes: Int64, time: Duration, recorded: Int64, now: Duration) {
        self.bytes = bytes
        self.time = time
        self.recorded = recorded
        last = (recorded, now)
    }

    /// What to do with so many bytes here.
    func step(position: Int64, now: Duration) -> Step {
        guard bytes > 0 else { return .goOn }
        if begun != nil { return position - recorded >= bytes ? .wait : .goOn }
        let fresh = position - last.position
        let isMuch = fresh >= max(1, bytes / 2)
        return isMuch || (fresh >= Self.worthwhileBytes && now - last.time >= time) ? .begin : .goOn
    }

    /// Takes note that a checkpoint of so many bytes was begun.
    mutating func begin(position: Int64, now: Duration) {
        begun = position
        last = (position, now)
    }

    /// Takes note that the checkpoint that was begun is recorded, or cannot be.
    ///
    /// - Parameter bytes: How much is recorded, where that may be less than what was here when it was begun.
    mutating func end(recorded bytes: Int64? = nil) {
        if let begun { recorded = max(recorded, min(begun, bytes ?? begun)) }
        begun = nil
    }

    /// Starts anew: nothing is here, nothing is recorded.
    mutating func restart(now: Duration) {
        recorded = 0
        begun = nil
        last = (0, now)
    }
}
