import TowlineCore
import TowlineQueue

/// Where a message that can be seen stands: a lane of its queue, and a place in there.
///
/// Every priority has two lanes: the odd one for messages that were sent and nobody has received, the even one, which
/// comes first, for those that come back or were delayed. Places rise with the time of standing there, so that messages
/// are added behind and taken in front.
enum QueuePlace {
    /// All lanes, the most urgent first.
    static let lanes: [Int64] = (1...16).flatMap { [Int64(2 * $0), Int64(2 * $0 + 1)] }

    /// The lane of messages as they were sent.
    static func fresh(_ priority: Int) -> Int64 { Int64(2 * priority + 1) }

    /// The lane of messages that were hidden.
    static func returned(_ priority: Int) -> Int64 { Int64(2 * priority) }

    /// A place: the moment, and in it the order of the messages' numbers.
    static func place(at time: Timestamp, number: Int64 = 0) -> Int64 {
        max(0, time.milliseconds) << 20 | (number & 0xF_FFFF)
    }
}
