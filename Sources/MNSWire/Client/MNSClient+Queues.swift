extension MNSClient {
    /// What CreateQueue did.
    package struct Creation: Sendable, Hashable {
        /// Whether the queue is new; otherwise it existed with these attributes.
        package let isNew: Bool
        /// The queue's address, if the server told it.
        package let url: String?
    }

    /// Creates a queue.
    ///
    /// - Parameters:
    ///   - queue: Its name: letters, digits and hyphens.
    ///   - attributes: What differs from the defaults.
    /// - Returns: Whether it is new, and its address.
    /// - Throws: ``MNSClientError``, with `QueueAlreadyExist` when it exists with other attributes; `CancellationError`.
    package func createQueue(
        _ queue: String, attributes: MNSQueueAttributes = MNSQueueAttributes()
    ) async throws -> Creation {
        let response = try await perform(
            Call(method: "PUT", target: try path(queue), body: try encode(attributes)))
        return Creation(isNew: response.status != 204, url: response.header(MNSHeader.location))
    }

    /// Changes the attributes of a queue.
    ///
    /// - Parameters:
    ///   - attributes: What to change; absent ones keep their values.
    ///   - queue: The queue's name.
    /// - Throws: ``MNSClientError``, `CancellationError`.
    package func setAttributes(_ attributes: MNSQueueAttributes, of queue: String) async throws {
        _ = try await perform(
            Call(method: "PUT", target: try path(queue) + "?metaoverride=true", body: try encode(attributes)))
    }

    /// Asks for everything about a queue.
    ///
    /// - Parameter queue: The queue's name.
    /// - Returns: Attributes, times and counts.
    /// - Throws: ``MNSClientError``, with `QueueNotExist` when there is none; `CancellationError`.
    package func describeQueue(_ queue: String) async throws -> MNSQueueDescription {
        let response = try await perform(Call(method: "GET", target: try path(queue)))
        return try decode(response, MNSQueueDescription.init(decoding:))
    }

    /// Lists queues, one page at a time.
    ///
    /// - Parameter options: Which ones; the `nextMarker` of one page is the `marker` of the next.
    /// - Returns: One page.
    /// - Throws: ``MNSClientError``, `CancellationError`.
    package func listQueues(_ options: MNSListOptions = MNSListOptions()) async throws -> MNSQueueList {
        try validate { () throws(MNSError) in try MNSLimits.listPageSize.check(options.pageSize) }
        for header in options.headers where !header.value.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            throw MNSClientError.invalidRequest("\(header.name) must hold ASCII characters without blanks.")
        }
        let response = try await perform(Call(method: "GET", target: "/queues", headers: options.headers))
        return try decode(response, MNSQueueList.init(decoding:))
    }

    /// Deletes a queue with its messages.
    ///
    /// - Parameter queue: The queue's name.
    /// - Throws: ``MNSClientError``, `CancellationError`.
    package func deleteQueue(_ queue: String) async throws {
        _ = try await perform(Call(method: "DELETE", target: try path(queue)))
    }

    /// The path of a queue, whose name then needs no escapes.
    func path(_ queue: String) throws(MNSClientError) -> String {
        try validate { () throws(MNSError) in try MNSLimits.checkQueueName(queue) }
        return "/queues/" + queue
    }

    /// Turns a broken rule into an error of this client.
    func validate(_ check: () throws(MNSError) -> Void) throws(MNSClientError) {
        do throws(MNSError) {
            try check()
        } catch {
            throw .invalidRequest(error.message)
        }
    }

    private func encode(_ attributes: MNSQueueAttributes) throws(MNSClientError) -> [UInt8] {
        try validate(attributes.checkRanges)
        return attributes.encoded()
    }
}
