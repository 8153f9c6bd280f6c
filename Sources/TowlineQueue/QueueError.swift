/// Why a queue operation was refused.
///
/// Nothing of what it was about has happened. These are answers to a caller's request; a store that is in trouble throws
/// an error of its own.
package struct QueueError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A stable code; the wire format has its own name for each.
    package struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String {
            case queueMissing, queueExists, messageMissing, handleInvalid, argumentInvalid, nameInvalid, nameLength
        }
        private let value: Value
        /// There is no queue of this name.
        package static let queueMissing = Code(value: .queueMissing)
        /// A queue of this name exists with other attributes.
        package static let queueExists = Code(value: .queueExists)
        /// The message is gone, or the time of its receipt handle is over.
        package static let messageMissing = Code(value: .messageMissing)
        /// The receipt handle is not one of this queue's, or no longer the current one.
        package static let handleInvalid = Code(value: .handleInvalid)
        /// A value is out of its range.
        package static let argumentInvalid = Code(value: .argumentInvalid)
        /// A queue name with characters that are not allowed.
        package static let nameInvalid = Code(value: .nameInvalid)
        /// A queue name that is empty or too long.
        package static let nameLength = Code(value: .nameLength)
        package var description: String { value.rawValue }
    }

    package let code: Code
    /// One sentence for the caller: what is wrong and what is allowed.
    package let message: String

    /// Joins a code with its sentence.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(code): \(message)" }
}

extension QueueError {
    /// There is no queue of this name in the account.
    package static func noQueue(_ queue: QueueAddress) -> QueueError {
        QueueError(.queueMissing, "there is no queue \(queue.name)")
    }

    /// What a handle names is gone, or the handle's time is over.
    package static var noMessage: QueueError {
        QueueError(.messageMissing, "the message is gone, or the time of its receipt handle is over")
    }

    /// A text that is no receipt handle of the queue.
    package static var badHandle: QueueError {
        QueueError(.handleInvalid, "this is not a receipt handle of the queue")
    }

    /// A handle that a change of visibility has replaced.
    package static var oldHandle: QueueError {
        QueueError(.handleInvalid, "a change of visibility has replaced this receipt handle; use the one it returned")
    }
}
