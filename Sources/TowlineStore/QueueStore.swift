package import TowlineCore
package import TowlineQueue

/// The built-in message queues: storage with the rules of `TowlineQueue`.
///
/// What a caller did wrong is thrown as ``QueueError``, a store in trouble as ``StoreError``; nothing has happened then.
/// Every change is on stable storage before the call returns. Time is the store's clock; only patience is measured by
/// the clock for waiting. A call costs the same with one message in the queue as with a million, whatever their states.
package protocol QueueStore: Sendable {
    /// Makes a queue, or finds that it is there (mns-api.md 3.2). A deleted queue's name is free at once.
    ///
    /// - Throws: ``QueueError`` with code `argumentInvalid` or `queueExists`.
    func createQueue(_ queue: QueueAddress, attributes: QueueAttributeChanges) async throws -> QueueCreation

    /// Sets the attributes that are named; the others stay (mns-api.md 3.3).
    ///
    /// - Throws: ``QueueError`` with code `argumentInvalid` or `queueMissing`.
    func setAttributes(_ changes: QueueAttributeChanges, of queue: QueueAddress) async throws

    /// Sets where messages go that were received too often; nil for nowhere.
    ///
    /// Messages are judged when they would become visible again or are about to be received, and stay where they are while
    /// the target does not exist. Their age goes on; they count as never received there.
    ///
    /// - Throws: ``QueueError`` with code `argumentInvalid`, or `queueMissing` for either queue.
    func setDeadLetters(_ policy: DeadLetterPolicy?, of queue: QueueAddress) async throws

    /// A queue with its counters as they are now.
    ///
    /// - Throws: ``QueueError`` with code `queueMissing`.
    func queue(_ queue: QueueAddress) async throws -> QueueDescription

    /// Queues of an account in the order of their names.
    ///
    /// - Parameters:
    ///   - account: Whose.
    ///   - prefix: Only names that begin with it; empty for all.
    ///   - marker: The ``Page/next`` of the page before; nil for the first page. Any text is allowed.
    ///   - limit: Most queues, 1 to 1000.
    /// - Returns: The queues with their counters as they are now.
    /// - Throws: ``QueueError`` with code `argumentInvalid`.
    func queues(
        of account: AccountID, prefix: String, after marker: String?, limit: Int
    ) async throws -> Page<QueueDescription>

    /// The same list with nothing but names.
    func queueNames(
        of account: AccountID, prefix: String, after marker: String?, limit: Int
    ) async throws -> Page<QueueName>

    /// Deletes a queue with its messages; receivers that wait are told.
    ///
    /// The messages are gone at once for everybody; their rows are removed by ``trimQueues(limit:)``.
    ///
    /// - Throws: ``QueueError`` with code `queueMissing`.
    func deleteQueue(_ queue: QueueAddress) async throws

    /// Deletes all messages of a queue at once, whatever their states, for an operator; the queue and who waits stay.
    ///
    /// - Returns: The number of messages, expired ones that were not removed yet included.
    /// - Throws: ``QueueError`` with code `queueMissing`.
    func purgeQueue(_ queue: QueueAddress) async throws -> Int

    /// Stores messages: those that are valid, in one transaction.
    ///
    /// A receiver that waits gets its message within the same transaction.
    ///
    /// - Parameters:
    ///   - messages: 1 to 16, 64 KiB of bodies together.
    ///   - queue: Where to.
    /// - Returns: What became of each, in the same order.
    /// - Throws: ``QueueError`` with code `argumentInvalid` for the call as a whole, or `queueMissing`.
    func send(_ messages: [NewMessage], to queue: QueueAddress) async throws -> [Result<SentMessage, QueueError>]

    /// Receives messages that are active, the most urgent first, the oldest first among equals; each is hidden from the
    /// others for the visibility timeout.
    ///
    /// Without any it waits, first come, first served, until there is one. A cancelled call takes no message: what was
    /// on its way is given back and does not count as received.
    ///
    /// - Returns: At most as many as asked for; none when there were none in time.
    /// - Throws: ``QueueError`` with code `argumentInvalid`, or `queueMissing`, also when the queue is deleted meanwhile;
    ///   `CancellationError`.
    func receive(_ request: ReceiveRequest, from queue: QueueAddress) async throws -> [ReceivedMessage]

    /// Undoes receives whose answer could not be sent: the messages are active again at once and were not received.
    ///
    /// Handles that do not count any more are passed over.
    func giveBack(_ handles: [String], to queue: QueueAddress) async throws

    /// Shows active messages in the order in which they would be received, and changes nothing (mns-api.md 4.7).
    ///
    /// - Parameters:
    ///   - count: Most messages, 1 to 16.
    ///   - queue: Where.
    /// - Returns: At most as many as asked for.
    /// - Throws: ``QueueError`` with code `argumentInvalid` or `queueMissing`.
    func peek(_ count: Int, in queue: QueueAddress) async throws -> [QueueMessage]

    /// Deletes the messages of receipt handles.
    ///
    /// - Parameters:
    ///   - handles: 1 to 16.
    ///   - queue: Whose.
    /// - Returns: For each handle why it failed, with code `handleInvalid` or `messageMissing`; nil where the message was
    ///   deleted.
    /// - Throws: ``QueueError`` with code `argumentInvalid` for the call as a whole, or `queueMissing`.
    func delete(_ handles: [String], from queue: QueueAddress) async throws -> [QueueError?]

    /// Hides a message for a time from now on, under a new handle (mns-api.md 4.10).
    ///
    /// - Throws: ``QueueError`` with code `argumentInvalid`, `queueMissing`, `handleInvalid` or `messageMissing`.
    func changeVisibility(
        of handle: String, in queue: QueueAddress, to visibility: Duration
    ) async throws -> ChangedVisibility

    /// Time until the next hidden message of a queue can be seen, zero when it can be already; nil without hidden ones.
    ///
    /// - Throws: ``QueueError`` with code `queueMissing`.
    func nextVisible(in queue: QueueAddress) async throws -> Duration?

    /// Removes expired messages and those of deleted queues, moves dead letters, and shows messages whose hiding is over,
    /// in bounded steps.
    ///
    /// Nothing depends on it but space, and the cost of counters.
    ///
    /// - Returns: The number of messages concerned; less than `limit` means that nothing is left for now.
    func trimQueues(limit: Int) async throws -> Int

    /// Receives that wait for a message now.
    var waitingReceives: Int { get }

    /// Answers all receivers that wait, and lets none wait from now on: for the end of a listener.
    func endQueueWaits()
}
