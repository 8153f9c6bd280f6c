import HTTPTypes
import MNSWire
import TowlineCore
import TowlineQueue
import TowlineStore

/// The operations on queues (mns-api.md 3).
extension MNSCall {
    func createQueue(_ name: String) async throws -> MNSAnswer {
        let creation = try await service.store.createQueue(address(name), attributes: attributeChanges())
        // On 204 too: two clients read it on every success (mns-api.md 3.2).
        return MNSAnswer(status: creation == .created ? .created : .noContent, location: service.url(of: name))
    }

    func setQueueAttributes(_ name: String) async throws -> MNSAnswer {
        try await service.store.setAttributes(attributeChanges(), of: address(name))
        return .noContent
    }

    func getQueueAttributes(_ name: String) async throws -> MNSAnswer {
        .ok(MNSQueueDescription(try await service.store.queue(address(name))).encoded())
    }

    func deleteQueue(_ name: String) async throws -> MNSAnswer {
        try await service.store.deleteQueue(address(name))
        return .noContent
    }

    func listQueues() async throws -> MNSAnswer {
        let options = try MNSListOptions(headers: head.extensions)
        let limit = options.pageSize ?? MNSLimits.listPageSize.range.upperBound
        guard options.withMetadata else {
            let page = try await service.store.queueNames(
                of: account, prefix: options.prefix, after: options.marker, limit: limit)
            let entries = page.items.map { name in
                MNSQueueList.Entry(url: service.url(of: name.description), name: name.description)
            }
            return .ok(MNSQueueList(entries: entries, nextMarker: page.next).encoded())
        }
        let page = try await service.store.queues(
            of: account, prefix: options.prefix, after: options.marker, limit: limit)
        let entries = page.items.map { queue in
            let name = queue.address.name.description
            return MNSQueueList.Entry(
                url: service.url(of: name), name: name, description: MNSQueueDescription(queue))
        }
        return .ok(MNSQueueList(entries: entries, nextMarker: page.next).encoded())
    }

    private func attributeChanges() throws(MNSError) -> QueueAttributeChanges {
        let attributes = try MNSQueueAttributes(decoding: body)
        try attributes.checkRanges()
        return QueueAttributeChanges(attributes)
    }
}
