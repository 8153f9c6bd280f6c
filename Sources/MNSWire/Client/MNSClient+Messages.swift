import VODSignatures

extension MNSClient {
    /// Sends one message.
    ///
    /// A retry after an error of the kind `unreachable` may send the message twice, for the protocol has no way to
    /// recognise it.
    ///
    /// - Parameters:
    ///   - message: The message; its body at most 65,536 bytes as encoded, see ``MNSBodyEncoding``.
    ///   - queue: The queue's name.
    /// - Returns: The id, whose digest was compared.
    /// - Throws: ``MNSClientError``, `CancellationError`.
    package func send(_ message: MNSOutgoingMessage, to queue: String) async throws -> MNSSendReceipt {
        let target = try path(queue) + "/messages"
        try check([message])
        let response = try await perform(
            Call(method: "POST", target: target, body: MNSSendRequest.single(message).encoded()))
        let receipt = try decode(response, MNSSendReceipt.init(decoding:))
        try compareDigest(receipt, message, response)
        return receipt
    }

    /// Sends up to sixteen messages.
    ///
    /// - Parameters:
    ///   - messages: 1 to 16 messages, their bodies together at most 65,536 bytes.
    ///   - queue: The queue's name.
    /// - Returns: What became of each, in the same order; some may have failed.
    /// - Throws: ``MNSClientError`` when the request as a whole failed, `CancellationError`.
    package func send(batch messages: [MNSOutgoingMessage], to queue: String) async throws -> MNSBatchSendAnswer {
        let target = try path(queue) + "/messages"
        try check(messages)
        let response = try await perform(
            Call(method: "POST", target: target, body: MNSSendRequest.batch(messages).encoded()),
            alsoAccepting: "Messages")
        let answer = try decode(response) { bytes throws(MNSError) in
            try MNSBatchSendAnswer(decoding: bytes, status: response.status)
        }
        guard answer.entries.count == messages.count else {
            throw unexpected(response, "\(answer.entries.count) entries for \(messages.count) messages.")
        }
        for case (.stored(let receipt), let message) in zip(answer.entries, messages) {
            try compareDigest(receipt, message, response)
        }
        return answer
    }

    /// Receives one message and hides it from others.
    ///
    /// - Parameters:
    ///   - queue: The queue's name.
    ///   - waitSeconds: How long the server waits for one, 0 to 30; `nil` for the queue's own.
    /// - Returns: The message, or `nil` when there is none.
    /// - Throws: ``MNSClientError``, `CancellationError`.
    package func receive(from queue: String, waitSeconds: Int? = nil) async throws -> MNSMessage? {
        let call = try receiveCall(queue, count: nil, waitSeconds: waitSeconds)
        return try await performUnlessEmpty(call).map { try decode($0, MNSMessage.init(decoding:)) }
    }

    /// Receives up to sixteen messages and hides them from others.
    ///
    /// - Parameters:
    ///   - count: Most messages to receive, 1 to 16.
    ///   - queue: The queue's name.
    ///   - waitSeconds: How long the server waits for the first, 0 to 30; `nil` for the queue's own.
    /// - Returns: The messages; none when there is none.
    /// - Throws: ``MNSClientError``, `CancellationError`.
    package func receive(upTo count: Int, from queue: String, waitSeconds: Int? = nil) async throws -> [MNSMessage] {
        let call = try receiveCall(queue, count: count, waitSeconds: waitSeconds)
        return try await performUnlessEmpty(call).map { try decode($0, MNSMessage.decoded(batch:)) } ?? []
    }

    /// Looks at one message that could be received, without receiving it.
    ///
    /// - Parameter queue: The queue's name.
    /// - Returns: The message without a handle, or `nil` when there is none.
    /// - Throws: ``MNSClientError``, `CancellationError`.
    package func peek(at queue: String) async throws -> MNSMessage? {
        let call = Call(method: "GET", target: try path(queue) + "/messages?peekonly=true")
        return try await performUnlessEmpty(call).map { try decode($0, MNSMessage.init(decoding:)) }
    }

    /// Looks at up to sixteen messages that could be received, without receiving them.
    ///
    /// - Parameters:
    ///   - count: Most messages to look at, 1 to 16.
    ///   - queue: The queue's name.
    /// - Returns: The messages without handles; none when there is none.
    /// - Throws: ``MNSClientError``, `CancellationError`.
    package func peek(upTo count: Int, at queue: String) async throws -> [MNSMessage] {
        try validate { () throws(MNSError) in try MNSLimits.numOfMessages.check(count) }
        let call = Call(method: "GET", target: try path(queue) + "/messages?numOfMessages=\(count)&peekonly=true")
        return try await performUnlessEmpty(call).map { try decode($0, MNSMessage.decoded(batch:)) } ?? []
    }

    /// Deletes a message.
    ///
    /// - Parameters:
    ///   - receiptHandle: The handle of its latest receive or visibility change.
    ///   - queue: The queue's name.
    /// - Throws: ``MNSClientError``, with `MessageNotExist` when the handle ran out; `CancellationError`.
    package func delete(_ receiptHandle: String, from queue: String) async throws {
        let handle = try handleParameter(receiptHandle)
        _ = try await perform(Call(method: "DELETE", target: try path(queue) + "/messages?\(handle)"))
    }

    /// Deletes up to sixteen messages.
    ///
    /// - Parameters:
    ///   - receiptHandles: 1 to 16 handles.
    ///   - queue: The queue's name.
    /// - Returns: The handles that failed; all other messages are deleted.
    /// - Throws: ``MNSClientError`` when the request as a whole failed, `CancellationError`.
    package func delete(batch receiptHandles: [String], from queue: String) async throws -> MNSDeleteFailures {
        guard (1...MNSLimits.batchEntries).contains(receiptHandles.count), !receiptHandles.contains("") else {
            throw MNSClientError.invalidRequest("A batch must have 1 to \(MNSLimits.batchEntries) receipt handles.")
        }
        let response = try await perform(
            Call(
                method: "DELETE", target: try path(queue) + "/messages",
                body: MNSReceiptHandles(receiptHandles).encoded()),
            alsoAccepting: "Errors")
        guard !(200..<300).contains(response.status) else { return MNSDeleteFailures([]) }
        return try decode(response, MNSDeleteFailures.init(decoding:))
    }

    /// Changes how long a received message stays hidden, counted from now.
    ///
    /// - Parameters:
    ///   - receiptHandle: The handle of its latest receive or visibility change.
    ///   - seconds: How long, 1 to 43,200 seconds.
    ///   - queue: The queue's name.
    /// - Returns: The handle to use from now on, and the time.
    /// - Throws: ``MNSClientError``, with `MessageNotExist` when the handle ran out; `CancellationError`.
    package func changeVisibility(
        of receiptHandle: String, to seconds: Int, in queue: String
    ) async throws -> MNSVisibilityChange {
        try validate { () throws(MNSError) in try MNSLimits.visibilityTimeout.check(seconds) }
        let handle = try handleParameter(receiptHandle)
        let response = try await perform(
            Call(method: "PUT", target: try path(queue) + "/messages?\(handle)&VisibilityTimeout=\(seconds)"))
        return try decode(response, MNSVisibilityChange.init(decoding:))
    }

    private func receiveCall(_ queue: String, count: Int?, waitSeconds: Int?) throws(MNSClientError) -> Call {
        try validate { () throws(MNSError) in
            try MNSLimits.numOfMessages.check(count)
            try MNSLimits.waitSeconds.check(waitSeconds)
        }
        let parameters = [count.map { "numOfMessages=\($0)" }, waitSeconds.map { "waitseconds=\($0)" }].compactMap {
            $0
        }
        let query = parameters.isEmpty ? "" : "?" + parameters.joined(separator: "&")
        return Call(
            method: "GET", target: try path(queue) + "/messages" + query,
            waitSeconds: waitSeconds ?? MNSLimits.waitSeconds.range.upperBound)
    }

    /// Carries out a receive or peek; `nil` when there is no message.
    private func performUnlessEmpty(_ call: Call) async throws -> MNSHTTPResponse? {
        do {
            return try await perform(call)
        } catch let error as MNSClientError where error.kind == .refused && error.code == "MessageNotExist" {
            return nil
        }
    }

    private func handleParameter(_ receiptHandle: String) throws(MNSClientError) -> String {
        guard !receiptHandle.isEmpty else { throw .invalidRequest("The receipt handle must not be empty.") }
        return "ReceiptHandle=" + PercentEncoding.encode(receiptHandle)
    }

    private func check(_ messages: [MNSOutgoingMessage]) throws(MNSClientError) {
        guard (1...MNSLimits.batchEntries).contains(messages.count) else {
            throw .invalidRequest("A batch must have 1 to \(MNSLimits.batchEntries) messages.")
        }
        guard messages.reduce(0, { $0 + $1.body.utf8.count }) <= MNSLimits.bodyBytes else {
            throw .invalidRequest("The bodies must have at most \(MNSLimits.bodyBytes) bytes together.")
        }
        for message in messages {
            try validate(message.checkRanges)
            guard !message.body.isEmpty else { throw .invalidRequest("MessageBody must not be empty.") }
            let properties = (message.userProperties + message.systemProperties).flatMap { [$0.name, $0.value] }
            for text in [message.body, message.groupID ?? ""] + properties {
                try validate { () throws(MNSError) in _ = try MNSBodyEncoding.plain.encode(text) }
            }
        }
    }

    /// Compares what was stored with what was sent; a difference is a fault on the way, which another attempt may
    /// not have.
    private func compareDigest(
        _ receipt: MNSSendReceipt, _ message: MNSOutgoingMessage, _ response: MNSHTTPResponse
    ) throws(MNSClientError) {
        guard ASCIIText.lowercased(receipt.bodyMD5) == ASCIIText.lowercased(MNSDigest.ofMessageBody(message.body))
        else {
            throw unexpected(
                response, "the MessageBodyMD5 of another text: the message was stored damaged.", remedy: .retry)
        }
    }
}
