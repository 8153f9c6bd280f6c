package import TowlineCore
package import TowlineQueue
package import TowlineStore

/// The built-in queues: not offered on PostgreSQL yet.
extension PostgresStore {
    private static var missing: StoreError {
        StoreError(.unavailable, "the built-in queues are not offered on PostgreSQL yet")
    }

    package func createQueue(
        _ queue: QueueAddress, attributes: QueueAttributeChanges
    ) async throws -> QueueCreation { throw Self.missing }

    package func setAttributes(_ changes: QueueAttributeChanges, of queue: QueueAddress) async throws {
        throw Self.missing
    }

    package func setDeadLetters(_ policy: DeadLetterPolicy?, of queue: QueueAddress) async throws {
        throw Self.missing
    }

    package func queue(_ queue: QueueAddress) async throws -> QueueDescription { throw Self.missing }

    package func queues(
        of account: AccountID, prefix: String, after marker: String?, limit: Int
    ) async throws -> Page<QueueDescription> { throw Self.missing }

    package func queueNames(
        of account: AccountID, prefix: String, after marker: String?, limit: Int
    ) async throws -> Page<QueueName> { throw Self.missing }

    package func deleteQueue(_ queue: QueueAddress) async throws { throw Self.missing }

    package func purgeQueue(_ queue: QueueAddress) async throws -> Int { throw Self.missing }

    package func send(
        _ messages: [NewMessage], to queue: QueueAddress
    ) async throws -> [Result<SentMessage, QueueError>] { throw Self.missing }

    package func receive(_ request: ReceiveRequest, from queue: QueueAddress) async throws -> [ReceivedMessage] {
        throw Self.missing
    }

    package func giveBack(_ handles: [String], to queue: QueueAddress) async throws { throw Self.missing }

    package func peek(_ count: Int, in queue: QueueAddress) async throws -> [QueueMessage] { throw Self.missing }

    package func delete(_ handles: [String], from queue: QueueAddress) async throws -> [QueueError?] {
        throw Self.missing
    }

    package func changeVisibility(
        of handle: String, in queue: QueueAddress, to visibility: Duration
    ) async throws -> ChangedVisibility { throw Self.missing }

    package func nextVisible(in queue: QueueAddress) async throws -> Duration? { throw Self.missing }

    package func trimQueues(limit: Int) async throws -> Int { 0 }

    package var waitingReceives: Int { 0 }

    package func endQueueWaits() {}
}

extension Transaction {
    /// Puts a new event into the built-in queue that is its endpoint, within the terminal write of its run, with a
    /// delivery that tells of it.
    ///
    /// - Returns: Whether the event has its delivery; otherwise nothing was written, and it needs an ordinary one.
    func putIntoQueue(_ event: NewRows.EventRow, of endpoint: HeldEndpoint) throws -> Bool { false }
}
