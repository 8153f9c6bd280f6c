import Testing
import TowlineObjects

@testable import TowlineWorker

@Suite("How a file is divided among connections")
struct PiecePlanTests {
    private static let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 / 13) }

    private static func digest(_ range: Range<Int64>) -> CRC64 {
        var digest = CRC64()
        digest.update(Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)]))
        return digest
    }

    private static func plan(window: Int64 = 1000) -> PiecePlan {
        PiecePlan(total: 1000, prefix: 50, crc64: digest(0..<50), pieceBytes: 300, shares: 1, window: window)
    }

    @Test("pieces follow one another and the last is what is left")
    func pieces() {
        var plan = Self.plan()
        var pieces: [Range<Int64>] = []
        while let piece = plan.take() { pieces.append(piece) }
        #expect(pieces == [50..<350, 350..<650, 650..<950, 950..<1000])
        #expect(plan.prefix == 50)
        #expect(!plan.isComplete)
    }

    @Test("towards the end pieces get shorter, down to a sixteenth")
    func shrinking() {
        var plan = PiecePlan(
            total: 10_000, prefix: 0, crc64: CRC64(), pieceBytes: 1600, shares: 4, window: 10_000)
        var lengths: [Int] = []
        while let piece = plan.take() { lengths.append(piece.count) }
        #expect(lengths.first == 1600)
        #expect(lengths.reduce(0, +) == 10_000)
        #expect(zip(lengths, lengths.dropFirst()).allSatisfy { $0 >= $1 })
        #expect(lengths.dropLast().min() ?? 0 >= 100)
        #expect(lengths.suffix(3).allSatisfy { $0 <= 110 })
    }

    @Test(
        "whatever the order, the beginning without a gap is what counts, and its digest is right",
        arguments: [
            [0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 0, 1, 3],
        ])
    func order(order: [Int]) {
        var plan = Self.plan()
        var pieces: [Range<Int64>] = []
        while let piece = plan.take() { pieces.append(piece) }
        for number in order {
            plan.putInPlace(pieces[number], crc64: Self.digest(pieces[number]))
            #expect(plan.crc64 == Self.digest(0..<plan.prefix))
        }
        #expect(plan.isComplete)
        #expect(plan.crc64 == Self.digest(0..<1000))
        #expect(plan.take() == nil)
    }

    @Test("the rest of a piece that broke off is handed out before any other")
    func rest() {
        var plan = Self.plan()
        let first = plan.take()
        let second = plan.take()
        #expect(first == 50..<350 && second == 350..<650)
        plan.putInPlace(350..<400, crc64: Self.digest(350..<400))
        plan.giveBack(400..<650)
        plan.putInPlace(50..<50, crc64: CRC64())
        plan.giveBack(50..<350)
        #expect(plan.take() == 50..<350)
        #expect(plan.take() == 400..<650)
        #expect(plan.take() == 650..<950)
        plan.putInPlace(50..<350, crc64: Self.digest(50..<350))
        #expect(plan.prefix == 400)
        #expect(plan.crc64 == Self.digest(0..<400))
    }

    @Test("nothing is handed out far beyond the first gap")
    func window() {
        var plan = Self.plan(window: 600)
        #expect(plan.take() == 50..<350)
        #expect(plan.take() == 350..<650)
        #expect(plan.take() == nil)
        plan.putInPlace(350..<650, crc64: Self.digest(350..<650))
        #expect(plan.take() == nil)
        plan.putInPlace(50..<350, crc64: Self.digest(50..<350))
        #expect(plan.take() == 650..<950)
    }

    static let rates: [(rates: [Double], most: Int, wanted: [Int])] = [
        // Each step pays until the limit.
        ([40, 160, 160], 16, [16, 16, 16]),
        // The limit of the setting, or of the origin.
        ([40, 100, 100], 8, [8, 8, 8]),
        ([40, 40], 4, [4, 4]),
        // Four connections bring next to nothing: one it is.
        ([11.5, 40], 16, [1, 1]),
        // The step from four to sixteen brings too little: four it stays, whatever comes.
        ([40, 44, 400], 16, [16, 4, 4]),
        // A fall is no gain.
        ([5], 16, [1]),
    ]

    @Test("there are four times as many connections as long as that pays", arguments: rates)
    func gauge(rates: [Double], most: Int, wanted: [Int]) {
        var gauge = ConnectionGauge(most: most, rate: 10)
        #expect(gauge.wanted == 4)
        for (rate, expected) in zip(rates, wanted) {
            for _ in 0..<ConnectionGauge.patience { gauge.measure(bytes: Int64(rate * 2), seconds: 2) }
            #expect(gauge.wanted == expected)
        }
    }

    @Test("a clear gain is seen within one period, a small one and none after several")
    func patience() {
        var gauge = ConnectionGauge(most: 64, rate: 10)
        gauge.measure(bytes: 20, seconds: 1)
        #expect(gauge.wanted == 16)
        // The new connections have just come: little at first, half as much again in the end.
        for count: Int64 in [10, 20, 40, 40] {
            gauge.measure(bytes: count, seconds: 1)
            #expect(gauge.wanted == 16)
        }
        gauge.measure(bytes: 40, seconds: 1)
        #expect(gauge.wanted == 64)
        for _ in 1..<ConnectionGauge.patience {
            gauge.measure(bytes: 30, seconds: 1)
            #expect(gauge.wanted == 64)
        }
        gauge.measure(bytes: 30, seconds: 1)
        #expect(gauge.wanted == 16)
    }

    @Test("a source that refuses a connection gets fewer from then on")
    func refused() {
        var gauge = ConnectionGauge(most: 16, rate: 10)
        gauge.measure(bytes: 20, seconds: 1)
        gauge.refuse(at: 10)
        #expect(gauge.wanted == 9)
        gauge.measure(bytes: 1000, seconds: 1)
        #expect(gauge.wanted == 9)
        gauge.refuse(at: 1)
        #expect(gauge.wanted == 1)
        #expect(ConnectionGauge(most: 1, rate: 10).wanted == 1)
    }

    @Test("transfers and their further connections share the limit of an origin")
    func slots() {
        let slots = OriginSlots(limit: 3)
        slots.enter("a")
        #expect(slots.takeExtra("a"))
        #expect(slots.takeExtra("a"))
        #expect(!slots.takeExtra("a") && slots.room("a") == 0)
        #expect(slots.takeExtra("b"))
        // A transfer that was claimed meanwhile needs the room of an extra connection.
        slots.enter("a")
        #expect(slots.isOver("a"))
        slots.leave("a")
        #expect(!slots.isOver("a"))
        slots.leave("a")
        #expect(slots.room("a") == 1)
    }
}
