/// How many connections pay: four times as many as long as that brings a fifth more, up to a limit.
///
/// Pure; rates are bytes a second over all connections.
struct ConnectionGauge {
    /// How much more a step up must bring.
    private static let gain = 1.2
    private static let step = 4

    private let most: Int
    private var best: Double
    private var proven = 1
    private var isSettled: Bool
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

    /// Takes note of what the wanted number of connections brings.
    mutating func measure(rate: Double) {
        guard !isSettled else { return }
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
