/// What a request asks for, as far as its method and target tell.
///
/// Bodies and headers are decoded apart, by the types that each case names. Wire reference: mns-api 3 and 4.
package enum MNSOperation: Sendable, Hashable {
    /// ListQueue; ``MNSListOptions`` has its headers, ``MNSQueueList`` its answer.
    case listQueues
    /// CreateQueue; the body is ``MNSQueueAttributes``.
    case createQueue(String)
    /// SetQueueAttributes; the body is ``MNSQueueAttributes``.
    case setQueueAttributes(String)
    /// GetQueueAttributes; the answer is ``MNSQueueDescription``.
    case getQueueAttributes(String)
    /// DeleteQueue.
    case deleteQueue(String)
    /// SendMessage or BatchSendMessage; the body is ``MNSSendRequest``, and its root tells which.
    case sendMessages(queue: String)
    /// ReceiveMessage; the answer is ``MNSMessage``; no wait means the queue's own.
    case receiveMessage(queue: String, waitSeconds: Int?)
    /// BatchReceiveMessage; the answer is a batch of ``MNSMessage``; no wait means the queue's own.
    case batchReceiveMessages(queue: String, count: Int, waitSeconds: Int?)
    /// PeekMessage; the answer is ``MNSMessage`` without handle.
    case peekMessage(queue: String)
    /// BatchPeekMessage; the answer is a batch of ``MNSMessage`` without handles.
    case batchPeekMessages(queue: String, count: Int)
    /// DeleteMessage.
    case deleteMessage(queue: String, receiptHandle: String)
    /// BatchDeleteMessage; the body is ``MNSReceiptHandles``, the answer nothing or ``MNSDeleteFailures``.
    case batchDeleteMessages(queue: String)
    /// ChangeMessageVisibility; the answer is ``MNSVisibilityChange``.
    case changeMessageVisibility(queue: String, receiptHandle: String, visibilityTimeout: Int)

    /// The name in the vendor's documentation, fit for a metric's label.
    package var name: String {
        switch self {
        case .listQueues: "ListQueue"
        case .createQueue: "CreateQueue"
        case .setQueueAttributes: "SetQueueAttributes"
        case .getQueueAttributes: "GetQueueAttributes"
        case .deleteQueue: "DeleteQueue"
        case .sendMessages: "SendMessage"
        case .receiveMessage: "ReceiveMessage"
        case .batchReceiveMessages: "BatchReceiveMessage"
        case .peekMessage: "PeekMessage"
        case .batchPeekMessages: "BatchPeekMessage"
        case .deleteMessage: "DeleteMessage"
        case .batchDeleteMessages: "BatchDeleteMessage"
        case .changeMessageVisibility: "ChangeMessageVisibility"
        }
    }

    /// The queue that is named; `nil` for the list.
    package var queue: String? {
        switch self {
        case .listQueues: nil
        case .createQueue(let queue), .setQueueAttributes(let queue), .getQueueAttributes(let queue),
            .deleteQueue(let queue), .sendMessages(let queue), .receiveMessage(let queue, _),
            .batchReceiveMessages(let queue, _, _), .peekMessage(let queue), .batchPeekMessages(let queue, _),
            .deleteMessage(let queue, _), .batchDeleteMessages(let queue), .changeMessageVisibility(let queue, _, _):
            queue
        }
    }
}
