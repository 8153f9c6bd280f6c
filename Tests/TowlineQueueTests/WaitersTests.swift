import Testing
import TowlineCore
import TowlineQueue
import TowlineTesting

/// Waiters whose time a test moves, with the queues that became due.
private final class Bench: Sendable {
    let clock = ManualClock()
    let waiters: QueueWaiters<String>
    private let signal: AsyncStream<Int64>

    init(limit: Int = 20_000) {
        let (stream, continuation) = AsyncStream.makeStream(of: Int64.self)
        signal = stream
        waiters = QueueWaiters(clock: clock, limit: limit) { queue, _ in continuation.yield(queue) }
    }

    /// The next queue that becomes due.
    func nextDue() async -> Int64? { await signal.first { _ in true } }

    /// A receive call with its answer to come.
    struct Receiver {
        let id: WaiterID
        let answer: Task<String?, any Error>
    }

    /// Begins a receive that stands in a line at once; returns when it stands there.
    func receive(_ queue: Int64 = 1, wait: Duration = .seconds(30)) async throws -> Receiver {
        let (stream, continuation) = AsyncStream.makeStream(of: WaiterID.self)
        let task = Task {
            try await waiters.call { id in
                let waiter = Waiter(id: id, count: 1, visibility: nil)
                if !waiters.stand(waiter, in: queue, until: waiters.now + wait) { waiters.answer(id, with: nil) }
                continuation.yield(id)
            }
        }
        return Receiver(id: try #require(await stream.first { _ in true }), answer: task)
    }
}

@Suite("receivers that wait")
struct WaitersTests {
    @Test("an answer reaches the receiver, once")
    func answer() async throws {
        let bench = Bench()
        let receiver = try await bench.receive()
        #expect(bench.waiters.line(1, atMost: 9).map(\.id) == [receiver.id])
        #expect(bench.waiters.answer(receiver.id, with: "m"))
        #expect(try await receiver.answer.value == "m")
        #expect(!bench.waiters.answer(receiver.id, with: "n"))
        #expect(!bench.waiters.hasLine(1))
        #expect(bench.waiters.count == 0)
    }

    @Test("a line is in the order of arrival, whoever leaves it")
    func order() async throws {
        let bench = Bench()
        var receivers: [Bench.Receiver] = []
        for _ in 0..<200 { receivers.append(try await bench.receive()) }
        let other = try await bench.receive(2)
        #expect(bench.waiters.line(1, atMost: 3).map(\.id) == receivers.prefix(3).map(\.id))
        for index in stride(from: 0, to: 200, by: 2) { receivers[index].answer.cancel() }
        for index in stride(from: 0, to: 200, by: 2) { _ = await receivers[index].answer.result }
        let rest = stride(from: 1, to: 200, by: 2).map { receivers[$0].id }
        #expect(bench.waiters.line(1, atMost: 500).map(\.id) == rest)
        #expect(bench.waiters.line(2, atMost: 500).map(\.id) == [other.id])
        #expect(!bench.waiters.isBehind(rest[0], in: 1))
        #expect(bench.waiters.isBehind(rest[1], in: 1))
        bench.waiters.close()
    }

    @Test("patience ends on time, each in its turn, and nobody keeps time afterwards")
    func patience() async throws {
        let bench = Bench()
        let long = try await bench.receive(wait: .seconds(30))
        await bench.clock.waitForSleepers(1)
        let short = try await bench.receive(wait: .seconds(2))
        // The timekeeper has been woken and sleeps for the shorter patience now.
        await bench.clock.waitForSleepers(1)
        bench.clock.advance(by: .seconds(2))
        #expect(try await short.answer.value == nil)
        #expect(bench.waiters.isWaiting(long.id))
        await bench.clock.waitForSleepers(1)
        bench.clock.advance(by: .seconds(28))
        #expect(try await long.answer.value == nil)
        #expect(bench.waiters.count == 0)
    }

    @Test("a cancelled receiver is told at once, and an answer does not find it")
    func cancellation() async throws {
        let bench = Bench()
        let receiver = try await bench.receive()
        receiver.answer.cancel()
        await #expect(throws: CancellationError.self) { try await receiver.answer.value }
        #expect(!bench.waiters.answer(receiver.id, with: "m"))
        #expect(!bench.waiters.hasLine(1))
    }

    @Test("a receive of a task that was cancelled before does not begin")
    func cancelledBefore() async {
        let bench = Bench()
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await bench.waiters.call { _ in Issue.record("the receive began") }
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("a queue becomes due when its first hidden message can be seen, while somebody waits for it")
    func due() async throws {
        let bench = Bench()
        bench.waiters.expect(1, after: .seconds(1))
        let receiver = try await bench.receive(1)
        bench.waiters.expect(1, after: .seconds(9))
        bench.waiters.expect(1, after: .seconds(5))
        bench.waiters.expect(1, after: .seconds(7))
        await bench.clock.waitForSleepers(1)
        bench.clock.advance(by: .seconds(5))
        #expect(await bench.nextDue() == 1)
        #expect(bench.waiters.isWaiting(receiver.id))
        bench.waiters.close()
    }

    @Test("who comes when the room is full is answered at once")
    func limit() async throws {
        let bench = Bench(limit: 2)
        let first = try await bench.receive()
        _ = try await bench.receive()
        let third = try await bench.receive()
        #expect(try await third.answer.value == nil)
        bench.waiters.answer(first.id, with: "m")
        _ = try await bench.receive()
        #expect(bench.waiters.count == 2)
        bench.waiters.close()
    }

    @Test("the end answers everybody, and nobody waits after it")
    func closing() async throws {
        let bench = Bench()
        var receivers: [Task<String?, any Error>] = []
        for queue in 0..<10 { receivers.append(try await bench.receive(Int64(queue)).answer) }
        bench.waiters.close()
        for receiver in receivers { #expect(try await receiver.value == nil) }
        #expect(try await bench.receive().answer.value == nil)
    }

    @Test("a line fails as a whole, and moves as a whole behind another")
    func wholeLines() async throws {
        let bench = Bench()
        let failing = try await bench.receive(1)
        bench.waiters.failLine(1, with: QueueError.badHandle)
        await #expect(throws: QueueError.badHandle) { try await failing.answer.value }
        let other = try await bench.receive(3)
        let first = try await bench.receive(2)
        let second = try await bench.receive(2, wait: .seconds(2))
        bench.waiters.moveLine(from: 2, to: 3)
        #expect(!bench.waiters.hasLine(2))
        #expect(bench.waiters.line(3, atMost: 9).map(\.id) == [other.id, first.id, second.id])
        await bench.clock.waitForSleepers(1)
        bench.clock.advance(by: .seconds(2))
        #expect(try await second.answer.value == nil)
        bench.waiters.close()
    }

    @Test("who steps out of a line is still to be answered, and may stand in it again")
    func stepOut() async throws {
        let bench = Bench()
        let first = try await bench.receive()
        let second = try await bench.receive()
        bench.waiters.stepOut(first.id)
        #expect(bench.waiters.line(1, atMost: 2).map(\.id) == [second.id])
        #expect(bench.waiters.isWaiting(first.id))
        let waiter = Waiter(id: first.id, count: 1, visibility: nil)
        #expect(bench.waiters.stand(waiter, in: 1, until: .seconds(30)))
        #expect(bench.waiters.stand(waiter, in: 1, until: .seconds(30)))
        #expect(bench.waiters.line(1, atMost: 3).map(\.id) == [second.id, first.id])
        #expect(bench.waiters.answer(first.id, with: "m"))
        #expect(try await first.answer.value == "m")
        bench.waiters.close()
    }

    @Test("five thousand wait at once with one sleeper among them")
    func many() async throws {
        let bench = Bench()
        let clock = bench.clock
        let waiters = bench.waiters
        try await withThrowingTaskGroup(of: String?.self) { group in
            for number in 0..<5000 {
                group.addTask {
                    try await waiters.call { id in
                        let waiter = Waiter(id: id, count: 1, visibility: nil)
                        let until = Duration.seconds(1 + number % 30)
                        if !waiters.stand(waiter, in: Int64(number % 7), until: until) {
                            waiters.answer(id, with: "refused")
                        }
                    }
                }
            }
            while waiters.count < 5000 { await Task.yield() }
            for second in 1...30 {
                await clock.waitForSleepers(1)
                clock.advance(by: .seconds(1))
                while waiters.count > 5000 * (30 - second) / 30 + 30 { await Task.yield() }
            }
            for try await answer in group { #expect(answer == nil) }
        }
    }
}
