import Logging
import MNSWire
import TowlineQueue
import TowlineStore

/// ReceiveMessage and BatchReceiveMessage (mns-api.md 4.5 and 4.6).
///
/// Messages count as received only by a client that was there to get them: a wait ends when its client goes away, and
/// messages whose answer could not be written are given back.
extension MNSCall {
    func receive(from name: String, count: Int?, waitSeconds: Int?) async throws -> MNSAnswer {
        let queue = try address(name)
        let request = ReceiveRequest(count: count ?? 1, wait: waitSeconds.map { .seconds($0) })
        let connection = service.connections.connection(of: channel)
        let received: [ReceivedMessage]
        do {
            received = try await wait(request, queue, connection)
        } catch is CancellationError {
            // Nobody reads this.
            throw MNSError(.messageNotExist)
        }
        guard let first = received.first else { throw MNSError(.messageNotExist) }
        let handles = received.map(\.handle)
        if let connection {
            let isExpected = connection.expectAnswer(to: requestID) { [service] in
                Task { await service.giveBack(handles, to: queue) }
            }
            guard isExpected else {
                await service.giveBack(handles, to: queue)
                throw MNSError(.messageNotExist)
            }
        }
        guard count != nil else { return .ok(MNSMessage(first).encoded()) }
        return .ok(MNSMessage.encoded(batch: received.map { MNSMessage($0) }))
    }

    /// Receives, and gives up when the client goes away.
    ///
    /// - Parameters:
    ///   - request: What it asks for.
    ///   - queue: Where.
    ///   - connection: The client; nil where nobody can tell whether it is still there.
    /// - Returns: The messages, as the store gives them.
    /// - Throws: What the store throws; `CancellationError` when the client has gone.
    private func wait(
        _ request: ReceiveRequest, _ queue: QueueAddress, _ connection: MNSConnection?
    ) async throws -> [ReceivedMessage] {
        let store = service.store
        guard request.wait != .zero, let connection else { return try await store.receive(request, from: queue) }
        let receive = Task { try await store.receive(request, from: queue) }
        connection.watch { receive.cancel() }
        defer { connection.stopWatching() }
        return try await withTaskCancellationHandler {
            try await receive.value
        } onCancel: {
            receive.cancel()
        }
    }
}

extension MNSService {
    /// Undoes a receive; what fails here comes back by itself when its visibility is over.
    func giveBack(_ handles: [String], to queue: QueueAddress) async {
        do {
            try await store.giveBack(handles, to: queue)
        } catch {
            logger.warning(
                "messages that no client got could not be given back",
                metadata: ["queue": "\(queue)", "count": "\(handles.count)", "error": "\(error)"])
        }
    }
}
