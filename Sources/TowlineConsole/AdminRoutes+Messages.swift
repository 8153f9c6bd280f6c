import HTTPTypes
import Hummingbird
import TowlineCore
import TowlineQueue
import TowlineStore

/// Messages of the built-in queues.
extension AdminRoutes {
    var messageRoutes: [AdminRoute] {
        [
            AdminRoute(.post, "/api/v1/queues/:name/messages") { try await send($0) },
            AdminRoute(.post, "/api/v1/queues/:name/peek") { call in
                let queue = try address(call)
                let count = try await AdminBody(call.request.body, allowed: ["count"]).integer("count", .receiveCount)
                let messages = try await store.peek(count ?? 1, in: queue)
                return .members(["messages": .array(messages.map(AdminJSON.message))])
            },
            AdminRoute(.post, "/api/v1/queues/:name/receive", answering: { try await receive($0) }),
            AdminRoute(.post, "/api/v1/queues/:name/delete") { try await deleteMessages($0) },
            AdminRoute(.post, "/api/v1/queues/:name/release") { call in
                let queue = try address(call)
                let handles = try await AdminBody(call.request.body, allowed: ["receiptHandles"]).receiptHandles()
                try await store.giveBack(handles, to: queue)
                return .object([])
            },
            AdminRoute(.post, "/api/v1/queues/:name/request") { try await composeMessageRequest($0) },
        ]
    }

    /// Bytes of a body with a message: 64 KiB that JSON has escaped.
    private static let messageLimit = 512 << 10

    private func send(_ call: AdminCall) async throws -> JSONValue {
        let queue = try address(call)
        let body = try await AdminBody(
            call.request.body, allowed: ["body", "bodyBase64", "priority", "delaySeconds"], limit: Self.messageLimit)
        let message = NewMessage(
            body: try body.messageBody(), delay: try body.seconds("delaySeconds", .delay),
            priority: try body.integer("priority", in: 1...16))
        do {
            guard let sent = try await store.send([message], to: queue).first else {
                throw StoreError(.unavailable, "the message was not stored")
            }
            return AdminJSON.sent(try sent.get())
        } catch let error as QueueError where error.code == .argumentInvalid {
            throw AdminError.badRequest(error.message.replacing("MessageBody", with: "body"))
        }
    }

    private func deleteMessages(_ call: AdminCall) async throws -> JSONValue {
        let queue = try address(call)
        let handles = try await AdminBody(call.request.body, allowed: ["receiptHandles"]).receiptHandles()
        let errors = try await store.delete(handles, from: queue)
        let failed = zip(handles, errors).compactMap { handle, error in
            error.map { error in
                JSONValue.members([
                    "receiptHandle": .string(handle), "code": .string(error.code.description),
                    "message": .string(error.message),
                ])
            }
        }
        return .members(["deleted": .integer(handles.count - failed.count), "failed": .array(failed)])
    }

    // MARK: Receiving

    /// Receives messages; whoever goes away ends the wait, and gets nothing.
    private func receive(_ call: AdminCall) async throws -> AdminAnswer {
        let queue = try address(call)
        let messages = try await call.request.body.consumeWithCancellationOnInboundClose { stream in
            let body = try await AdminBody(stream, allowed: ["count", "waitSeconds", "visibilityTimeoutSeconds"])
            let request = ReceiveRequest(
                count: try body.integer("count", .receiveCount) ?? 1, wait: try body.seconds("waitSeconds", .wait),
                visibility: try body.seconds("visibilityTimeoutSeconds", .visibility))
            let messages = try await self.messages(request, from: queue)
            guard Task.isCancelled, !messages.isEmpty else { return messages }
            try await store.giveBack(messages.map(\.handle), to: queue)
            throw CancellationError()
        }
        let json = JSONValue.members(["messages": .array(messages.map(AdminJSON.received))])
        let handles = messages.map(\.handle)
        guard !handles.isEmpty else { return AdminAnswer(json: json) }
        // Hidden until their time is over, should this fail as well.
        return AdminAnswer(json: json, onLoss: { try? await store.giveBack(handles, to: queue) })
    }

    /// Messages as soon as there are some; none when the time is over or the server shuts down.
    private func messages(_ request: ReceiveRequest, from queue: QueueAddress) async throws -> [ReceivedMessage] {
        return try await withThrowingTaskGroup(of: [ReceivedMessage]?.self) { group in
            group.addTask { try await store.receive(request, from: queue) }
            group.addTask {
                await hooks.untilShutdown()
                return nil
            }
            defer { group.cancelAll() }
            if let messages = try await group.next() ?? nil { return messages }
            group.cancelAll()
            do {
                // What it has got by now must not be lost.
                if let messages = try await group.next() ?? nil { return messages }
            } catch is CancellationError {}
            return []
        }
    }

    // MARK: Composing

    /// The POST of the event in a message as its callback would be sent now.
    ///
    /// An event that is known goes under its own id; any other message under one that is made of the message's, so that
    /// it stays the same whenever the message comes again.
    private func composeMessageRequest(_ call: AdminCall) async throws -> JSONValue {
        let queue = try address(call)
        let body = try await AdminBody(
            call.request.body, allowed: ["messageId", "body", "bodyBase64", "url"], limit: Self.messageLimit)
        let given = try body.string("url", AdminRule.url, AdminRule.url)
        let id = try body.string("messageId", MessageID.formRule) { MessageID($0.lowercased()) }
        guard let id else { throw AdminError.badRequest("messageId is needed: \(MessageID.formRule)") }
        let bytes = try body.messageBody()
        let detail = try await event(MessageText.decoded(bytes) ?? bytes, in: id, of: queue.account)
        let (url, signing) = try await configuredReceiver(of: detail)
        guard let url = given ?? url else {
            throw AdminError.badRequest("url is needed: no callback is configured for the event's application")
        }
        return request(of: detail.event, to: url, signing: signing)
    }

    /// The event with exactly these bytes, or one made of them.
    private func event(_ body: [UInt8], in message: MessageID, of account: AccountID) async throws -> EventDetail {
        let json = (try? JSONParser.parse(body)) ?? .null
        let type = json["EventType"]?.string.flatMap { EventType(rawValue: $0) }
        if let type, let time = json["EventTime"]?.string.flatMap({ Timestamp(parsing: $0) }) {
            var filter = EventFilter()
            filter.type = type
            filter.account = account
            filter.job = json["JobId"]?.string.flatMap { JobID($0) }
            // The time in the body is cut to seconds.
            filter.since = time - .seconds(1)
            filter.until = time + .seconds(2)
            if let found = try await event(body, matching: filter) { return found }
        }
        let event = Event(
            id: EventID(rawValue: message.rawValue), type: type ?? .uploadByURLComplete, account: account,
            app: .standard, job: JobID(rawValue: 0), run: 1, body: body, createdAt: hooks.wallClock())
        return EventDetail(event: event, deliveries: [])
    }

    private func event(_ body: [UInt8], matching filter: EventFilter) async throws -> EventDetail? {
        var cursor: EventID?
        for _ in 0..<20 {
            let page = try await store.events(matching: filter, before: cursor, limit: 500)
            if let found = page.items.first(where: { $0.event.body == body }) { return found }
            cursor = page.next.flatMap { EventID($0) }
            if cursor == nil { return nil }
        }
        return nil
    }
}
