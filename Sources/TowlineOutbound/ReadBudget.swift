import NIOCore
import Synchronization

/// Shares a number of bytes for read buffers among all open bodies.
///
/// A connection has up to four buffers in use when its reader is slower than its source: one being written to the disk,
/// one that waits for that, one that has just been read, and one that is filled meanwhile.
final class ReadBudget: Sendable {
    /// Smallest and largest buffer that a connection may get.
    ///
    /// Each read costs a way through the event loop, the transfer and a thread of the disk. Over TLS larger buffers cost
    /// more than they save: what is decrypted does not stay in the processor's cache.
    static let smallest = 16 << 10
    static let largest = 4 << 20
    static let largestOfTLS = 1 << 20

    /// Largest buffer of a connection whose responses are small, the size of its first one, and what the system holds.
    static let largestOfSmall = 16 << 10
    static let firstOfSmall = 2 << 10
    static let windowOfSmall = 64 << 10

    private let bytes: Int
    private let openBodies = Atomic<Int>(0)
    private let openCalls = Atomic<Int>(0)
    /// Whether all responses are small.
    let isSmall: Bool

    /// - Parameters:
    ///   - bytes: What all buffers together aim to stay under.
    ///   - isSmall: Whether all responses are small.
    init(bytes: Int, isSmall: Bool = false) {
        self.bytes = bytes
        self.isSmall = isSmall
    }

    /// Counts one more call that has no response yet.
    func beginCall() {
        openCalls.add(1, ordering: .relaxed)
    }

    /// Counts one call less that has no response yet.
    func endCall() {
        openCalls.subtract(1, ordering: .relaxed)
    }

    /// Counts one more open body.
    func open() {
        openBodies.add(1, ordering: .relaxed)
    }

    /// Counts one open body less.
    func close() {
        openBodies.subtract(1, ordering: .relaxed)
    }

    /// The most bytes that the system should hold for a new connection, or `nil` for as many as it likes.
    ///
    /// When a peer has sent everything and closed, all that the system holds is read at once, whether the reader
    /// keeps up or not. With few bodies open or to come that is harmless, with hundreds it is not.
    var windowLimit: Int? {
        if isSmall { return Self.windowOfSmall }
        let count = openBodies.load(ordering: .relaxed) + openCalls.load(ordering: .relaxed)
        return count < 16 ? nil : max(2 * bytes / count, 256 << 10)
    }

    /// The largest buffer that a connection may use now.
    ///
    /// - Parameter copies: How many buffers of that size a connection has in use: four, with TLS six.
    /// - Returns: Bytes, between the smallest and the largest buffer.
    func limit(copies: Int) -> Int {
        let share = bytes / max(1, openBodies.load(ordering: .relaxed)) / copies
        return min(max(share, Self.smallest), Self.largest)
    }
}

/// Sizes the read buffer of one connection: larger while reads fill it, smaller when they do not, never over the budget.
struct BudgetedRecvAllocator: RecvByteBufferAllocator {
    private let budget: ReadBudget
    private let copies: Int
    private var size: Int
    private let smallest: Int
    private let largest: Int
    private var mayShrink = false

    init(budget: ReadBudget, isTLS: Bool) {
        self.budget = budget
        copies = isTLS ? 6 : 4
        size = budget.isSmall ? ReadBudget.firstOfSmall : 32 << 10
        smallest = budget.isSmall ? ReadBudget.firstOfSmall : ReadBudget.smallest
        let largestOfAny = isTLS ? ReadBudget.largestOfTLS : ReadBudget.largest
        largest = budget.isSmall ? ReadBudget.largestOfSmall : largestOfAny
    }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        allocator.buffer(capacity: limitedSize)
    }

    func nextBufferSize() -> Int? {
        limitedSize
    }

    mutating func record(actualReadBytes: Int) -> Bool {
        let used = limitedSize
        if actualReadBytes >= used {
            size = min(used * 2, largest)
            mayShrink = false
            return limitedSize > used
        }
        if actualReadBytes <= used / 2, used > smallest {
            if mayShrink { size = used / 2 }
            mayShrink.toggle()
        } else {
            mayShrink = false
        }
        return false
    }

    private var limitedSize: Int {
        min(size, budget.limit(copies: copies))
    }
}
