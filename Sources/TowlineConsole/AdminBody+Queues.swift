import TowlineCore
import TowlineQueue

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What bodies say about queues and messages.
extension AdminBody {
    static let queueMembers = [
        "delaySeconds", "maximumMessageSizeBytes", "retentionSeconds", "visibilityTimeoutSeconds", "pollingWaitSeconds",
        "loggingEnabled", "deadLetterQueue", "maxReceives",
    ]

    /// The attributes that are named; null is what a new queue has.
    func queueAttributes() throws -> QueueAttributeChanges {
        let standard = QueueAttributes()
        var changes = QueueAttributeChanges()
        if has("delaySeconds") { changes.delay = try seconds("delaySeconds", .delay) ?? standard.delay }
        if has("maximumMessageSizeBytes") {
            changes.maximumMessageBytes =
                try integer("maximumMessageSizeBytes", .maximumMessageSize) ?? standard.maximumMessageBytes
        }
        if has("retentionSeconds") {
            changes.retention = try seconds("retentionSeconds", .retention) ?? standard.retention
        }
        if has("visibilityTimeoutSeconds") {
            changes.visibilityTimeout =
                try seconds("visibilityTimeoutSeconds", .visibility) ?? standard.visibilityTimeout
        }
        if has("pollingWaitSeconds") {
            changes.pollingWait = try seconds("pollingWaitSeconds", .pollingWait) ?? standard.pollingWait
        }
        if has("loggingEnabled") { changes.isLoggingEnabled = try bool("loggingEnabled") ?? false }
        return changes
    }

    /// A whole number in the range of a limit.
    func integer(_ name: String, _ limit: QueueLimit) throws -> Int? {
        try integer(name, in: Int(limit.range.lowerBound)...Int(limit.range.upperBound))
    }

    /// Whole seconds in the range of a limit.
    func seconds(_ name: String, _ limit: QueueLimit) throws -> Duration? {
        try integer(name, limit).map { .seconds($0) }
    }

    /// The bytes of a message: `body` as a text, or `bodyBase64`.
    func messageBody() throws -> [UInt8] {
        let text = try string("body", "a text") { Array($0.utf8) }
        let bytes = try string("bodyBase64", MessageText.rule) { Data(base64Encoded: $0).map { Array($0) } }
        guard text == nil || bytes == nil else { throw AdminError.badRequest("body and bodyBase64 exclude each other") }
        guard let body = text ?? bytes else { throw AdminError.badRequest("body is needed: a text of 1 byte or more") }
        if let refusal = MessageText.refusal(of: body) {
            throw AdminError.badRequest("\(text == nil ? "bodyBase64" : "body") \(refusal)")
        }
        return body
    }

    /// The handles of received messages.
    func receiptHandles() throws -> [String] {
        let limit = Int(QueueLimit.batchCount.range.upperBound)
        let handles = try list("receiptHandles", atMost: limit, "the handle of a receive") { $0.isEmpty ? nil : $0 }
        guard let handles, !handles.isEmpty else {
            throw AdminError.badRequest("receiptHandles is needed: 1 to \(limit) handles")
        }
        return handles
    }
}
