import HTTPTypes
import Hummingbird
import TowlineCore
import TowlineQueue
import TowlineStore

/// The built-in queues.
extension AdminRoutes {
    var queueRoutes: [AdminRoute] {
        [
            AdminRoute(.get, "/api/v1/queues") { try await listQueues($0) },
            AdminRoute(.get, "/api/v1/queues/:name") { call in
                AdminJSON.queue(try await store.queue(try address(call)))
            },
            AdminRoute(.put, "/api/v1/queues/:name") { try await putQueue($0) },
            AdminRoute(.delete, "/api/v1/queues/:name") { call in
                let queue = try await emptyCall(call)
                try await store.deleteQueue(queue)
                return .members(["name": .string(queue.name.description), "removed": .bool(true)])
            },
            AdminRoute(.post, "/api/v1/queues/:name/purge") { call in
                let queue = try await emptyCall(call)
                let count = try await store.purgeQueue(queue)
                return .members(["name": .string(queue.name.description), "purged": .integer(count)])
            },
        ]
    }

    /// The queue that the path and the parameter `account` name.
    func address(_ call: AdminCall) throws -> QueueAddress {
        let query = try call.query("account")
        return QueueAddress(
            account: try query.value("account", AdminRule.account, AdminRule.account) ?? .standard,
            name: try Self.queueName(call.parameter("name"), "name"))
    }

    private static func queueName(_ text: String, _ field: String) throws -> QueueName {
        do throws(QueueError) {
            return try QueueName(text)
        } catch {
            throw AdminError.badRequest("\(field) is no queue's name: \(error.message)")
        }
    }

    private func emptyCall(_ call: AdminCall) async throws -> QueueAddress {
        let queue = try address(call)
        _ = try await AdminBody(call.request.body, allowed: [])
        return queue
    }

    private func listQueues(_ call: AdminCall) async throws -> JSONValue {
        let query = try call.query("account", "prefix", "cursor", "limit")
        let page = try await store.queues(
            of: try query.value("account", AdminRule.account, AdminRule.account) ?? .standard,
            prefix: query.text("prefix") ?? "", after: query.text("cursor"), limit: try query.limit())
        return .members(["queues": .array(page.items.map(AdminJSON.queue)), "next": page.next.json])
    }

    /// Makes a queue, or sets the attributes that are named of the one that is there.
    private func putQueue(_ call: AdminCall) async throws -> JSONValue {
        let queue = try address(call)
        let body = try await AdminBody(call.request.body, allowed: AdminBody.queueMembers)
        let changes = try body.queueAttributes()
        let deadLetters = try await deadLetters(body, of: queue)
        var isNew = false
        do {
            isNew = try await store.createQueue(queue, attributes: changes) == .created
        } catch let error as QueueError where error.code == .queueExists {
            try await store.setAttributes(changes, of: queue)
        }
        if let deadLetters { try await store.setDeadLetters(deadLetters.policy, of: queue) }
        return AdminJSON.queue(try await store.queue(queue)).adding(["created": .bool(isNew)])
    }

    /// Where messages are to go that nobody manages to handle.
    private struct DeadLetterChange {
        /// Nil for nowhere.
        let policy: DeadLetterPolicy?
    }

    /// What the body says about dead letters, checked before anything is changed; nil when it says nothing.
    private func deadLetters(_ body: AdminBody, of queue: QueueAddress) async throws -> DeadLetterChange? {
        let target = try body.string("deadLetterQueue", "a text") { $0 }
            .map { try Self.queueName($0, "deadLetterQueue") }
        let maxReceives = try body.integer("maxReceives", .maxReceives)
        guard body.has("deadLetterQueue") || body.has("maxReceives") else { return nil }
        guard !body.isNull("deadLetterQueue") else {
            guard maxReceives == nil else { throw AdminError.badRequest("maxReceives goes with deadLetterQueue") }
            return DeadLetterChange(policy: nil)
        }
        let present = try await deadLetters(of: queue)
        guard let target = target ?? present?.target else {
            throw AdminError.badRequest("deadLetterQueue is needed with maxReceives: the name of a queue")
        }
        guard let count = maxReceives ?? present?.maxReceives else {
            throw AdminError.badRequest("maxReceives is needed with deadLetterQueue: a whole number from 1 to 1000")
        }
        let policy = DeadLetterPolicy(maxReceives: count, target: target)
        do throws(QueueError) {
            try policy.validate(for: queue.name)
        } catch {
            throw AdminError.badRequest("deadLetterQueue cannot be used: \(error.message)")
        }
        do {
            _ = try await store.queue(QueueAddress(account: queue.account, name: target))
        } catch let error as QueueError where error.code == .queueMissing {
            throw AdminError.badRequest("deadLetterQueue cannot be used: \(error.message)")
        }
        return DeadLetterChange(policy: policy)
    }

    private func deadLetters(of queue: QueueAddress) async throws -> DeadLetterPolicy? {
        do {
            return try await store.queue(queue).deadLetter
        } catch let error as QueueError where error.code == .queueMissing {
            return nil
        }
    }
}
