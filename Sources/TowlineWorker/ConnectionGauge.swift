/// How many connections pay: four times as many as long as that brings a fifth more, up to a limit.
///
/// What doubles the rate is seen within one period; what brings less is watched for several, since connections need time to
/// come up to their speed. Pure; rates are bytes a second over all connections.
struct ConnectionGauge {
    /// How much more a step up must bring.
    private static let gain = 1.2
    /// How much more needs no second look.
    private static let clearGain = 2.0
    private static let step = 4
    /// After how many periods it is decided.
    static let patience = 5

    private let most: Int
    private var best: Double
    private var proven = 1
    private var isSettled: Bool
    /// What the number of the moment has brought.
    private var bytes: Int64 = 0
    private var seconds = 0.0
    private var periods = 0
    /// How many connections there should be now.
    private(set) var wanted: Int

    /// A gauge that tries four connections.
    ///
    /// - Parameters:
    ///   - most: The limit.
    ///   - rate: What one connection brings.
    init(most: Int, rate: Double) {
        self.most = max(1, most)
        best = rate
        wanted = min(Self.step, self.most)
        isSettled = self.most == 1
    }

    /// Takes note of what the wanted number of connections brought in one period.
    mutating func measure(bytes count: Int64, seconds length: Double) {
        guard !isSettled, length > 0 else { return }
        bytes += count
        seconds += length
        periods += 1
        let rate = Double(bytes) / seconds
        guard rate >= best * Self.clearGain || periods >= Self.patience else { return }
        (bytes, seconds, periods) = (0, 0, 0)
        guard rate >= best * Self.gain else {
            wanted = proven
            isSettled = true
            return
        }
        best = rate
        proven = wanted
        wanted = min(most, wanted * Self.step)
        isSettled = wanted == proven
    }

    /// Takes note that the source does not take so many.
    mutating func refuse(at count: Int) {
        wanted = max(1, min(wanted, count - 1))
        proven = min(proven, wanted)
        isSettled = true
    }
}
