import HTTPTypes
import MNSWire
import TowlineCore
import TowlineQueue
import TowlineStore

/// The operations on messages, but for receives (mns-api.md 4).
extension MNSCall {
    func sendMessages(to name: String) async throws -> MNSAnswer {
        let request = try MNSSendRequest(decoding: body)
        let messages = request.messages
        let results = try await service.store.send(messages.map { NewMessage($0) }, to: address(name))
        switch request {
        case .single(let message):
            guard let result = results.first else { throw MNSError(.internalError) }
            return MNSAnswer(
                status: .created, body: MNSSendReceipt(try result.get(), groupID: message.groupID).encoded())
        case .batch:
            let answer = MNSBatchSendAnswer(
                zip(messages, results).map { message, result in
                    switch result {
                    case .success(let sent): .stored(MNSSendReceipt(sent, groupID: message.groupID))
                    case .failure(let error): .failed(MNSError(error))
                    }
                })
            return MNSAnswer(status: .init(code: answer.status), body: answer.encoded())
        }
    }

    func peek(in name: String, count: Int?) async throws -> MNSAnswer {
        let found = try await service.store.peek(count ?? 1, in: address(name))
        guard let first = found.first else { throw MNSError(.messageNotExist) }
        guard count != nil else { return .ok(MNSMessage(first).encoded()) }
        return .ok(MNSMessage.encoded(batch: found.map { MNSMessage($0) }))
    }

    func deleteMessage(_ handle: String, from name: String) async throws -> MNSAnswer {
        if let error = try await service.store.delete([handle], from: address(name)).first ?? nil { throw error }
        return .noContent
    }

    func deleteMessages(from name: String) async throws -> MNSAnswer {
        let handles = try MNSReceiptHandles(decoding: body).handles
        let errors = try await service.store.delete(handles, from: address(name))
        let failures = zip(handles, errors).compactMap { handle, error in
            error.map { MNSDeleteFailures.Entry(receiptHandle: handle, error: MNSError($0)) }
        }
        guard !failures.isEmpty else { return .noContent }
        return MNSAnswer(
            status: .init(code: MNSDeleteFailures.status), body: MNSDeleteFailures(failures).encoded())
    }

    func changeVisibility(of handle: String, in name: String, to seconds: Int) async throws -> MNSAnswer {
        let changed = try await service.store.changeVisibility(
            of: handle, in: address(name), to: .seconds(seconds))
        let answer = MNSVisibilityChange(
            receiptHandle: changed.handle, nextVisibleTime: changed.nextVisibleAt.milliseconds)
        return .ok(answer.encoded())
    }
}
