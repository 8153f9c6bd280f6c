import Testing

@testable import TowlineWorker

@Suite("The least speed of a transfer")
struct SpeedFloorTests {
    @Test("a whole window below the floor is too slow; a burst at its end is not")
    func window() {
        var floor = SpeedFloor(bytesPerSecond: 1000, window: .seconds(60), now: .seconds(5))
        let verdict1 = floor.isFastEnough(after: 10, now: .seconds(30))
        #expect(verdict1)
        let verdict2 = floor.isFastEnough(after: 10, now: .seconds(65))
        #expect(!verdict2)
        var burst = SpeedFloor(bytesPerSecond: 1000, window: .seconds(60), now: .zero)
        let verdict3 = burst.isFastEnough(after: 60_000, now: .seconds(60))
        #expect(verdict3)
    }

    @Test("each window counts anew")
    func windows() {
        var floor = SpeedFloor(bytesPerSecond: 100, window: .seconds(10), now: .zero)
        let verdict4 = floor.isFastEnough(after: 100_000, now: .seconds(10))
        #expect(verdict4)
        let verdict5 = floor.isFastEnough(after: 1, now: .seconds(20))
        #expect(!verdict5)
    }

    @Test("time in which no byte was wanted does not count")
    func excused() {
        var floor = SpeedFloor(bytesPerSecond: 100, window: .seconds(10), now: .zero)
        floor.excuse(.seconds(90))
        let early = floor.isFastEnough(after: 1, now: .seconds(99))
        #expect(early)
        let slow = floor.isFastEnough(after: 1, now: .seconds(100))
        #expect(!slow)
    }

    @Test("a floor of zero never complains")
    func off() {
        var floor = SpeedFloor(bytesPerSecond: 0, window: .seconds(1), now: .zero)
        let verdict6 = floor.isFastEnough(after: 0, now: .seconds(100))
        #expect(verdict6)
    }
}
