import NIOCore
import Testing

@testable import TowlineObjectsS3

@Suite("The memory of parts", .timeLimit(.minutes(5)))
struct PartBudgetTests {
    private let budget = PartBudget(bytes: PartBudget.leastBytes)
    private let megabyte = ByteBuffer(repeating: 1, count: 1 << 20)

    @Test("bytes come out as they went in, and a part takes no more than its size")
    func fill() async throws {
        let part = PartMemory(budget: budget)
        var bytes = ByteBuffer(bytes: (0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
        let whole = bytes
        try await part.fill(from: &bytes, upTo: 600_000)
        #expect(part.bytes == 600_000)
        #expect(bytes.readableBytes == 100_000)
        var joined = ByteBuffer()
        for var piece in part.pieces { joined.writeBuffer(&piece) }
        #expect(joined == whole.getSlice(at: 0, length: 600_000))
        #expect(budget.piecesInUse == 3)
        part.release()
        part.release()
        #expect(budget.piecesInUse == 0)
    }

    @Test("however many parts fill at once, each comes to its end, and the budget holds")
    func crowd() async throws {
        let budget = budget
        let size = budget.largestPart
        let (megabyte, budgetBytes) = (megabyte, PartBudget.leastBytes)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<40 {
                group.addTask {
                    let part = PartMemory(budget: budget)
                    while part.bytes < size {
                        var bytes = megabyte
                        try await part.fill(from: &bytes, upTo: size)
                        await Task.yield()
                    }
                    defer { part.release() }
                    return part.bytes
                }
            }
            for try await bytes in group { #expect(bytes == size) }
        }
        #expect(budget.piecesInUse == 0)
        #expect(budget.mostBytes <= budgetBytes)
        #expect(budget.mostBytes > budgetBytes / 2)
    }

    @Test("a part that waits for memory stops waiting when its task is cancelled, and the next one is served")
    func cancel() async throws {
        let budget = budget
        let full = [PartMemory(budget: budget), PartMemory(budget: budget)]
        for part in full {
            var bytes = ByteBuffer(repeating: 1, count: budget.largestPart)
            try await part.fill(from: &bytes, upTo: budget.largestPart)
        }
        #expect(budget.mostBytes == PartBudget.leastBytes)
        let waiting = Task {
            var bytes = ByteBuffer(repeating: 1, count: 1)
            try await PartMemory(budget: budget).fill(from: &bytes, upTo: 1)
        }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        let next = Task {
            var bytes = ByteBuffer(repeating: 1, count: 1)
            let part = PartMemory(budget: budget)
            try await part.fill(from: &bytes, upTo: 1)
            return part.bytes
        }
        full[0].release()
        #expect(try await next.value == 1)
        full[1].release()
    }
}
