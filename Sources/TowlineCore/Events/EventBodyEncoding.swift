import Foundation

/// How an event's bytes stand in a queue's message (`queue.body-encoding`).
package enum EventBodyEncoding: String, Sendable, Hashable, CaseIterable {
    /// Base64, as the official consumers decode by default.
    case base64
    /// The bytes of the event as they are.
    case plain

    /// The body of a message with an event.
    ///
    /// - Parameter event: The event's bytes.
    /// - Returns: The text of the element `MessageBody`, in UTF-8.
    package func messageBody(of event: [UInt8]) -> [UInt8] {
        switch self {
        case .base64: Array(Data(event).base64EncodedData())
        case .plain: event
        }
    }
}
