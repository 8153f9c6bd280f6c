import TowlineClient
import TowlineCore

/// One run of `towline listen --queue`.
struct QueueListenRun<Time: Clock>: Sendable where Time.Duration == Duration {
    let plan: ListenPlan
    let queue: QueueReference
    let admin: AdminClient
    /// Calls the local handler.
    let handler: HTTPCaller
    let console: Console
    let clock: Time

    /// What became of a message.
    private enum Outcome {
        /// It was printed, or the handler took it.
        case handled
        /// The handler did not take it.
        case refused
        /// Nobody reads the output any more.
        case unseen
    }

    /// Messages to receive at once when they are printed only.
    private static var batch: Int { 16 }
    /// How long the server waits for a message.
    private static var waitSeconds: Int { 25 }
    /// An empty answer should not come sooner; a server that stops gives such.
    private static var shortestWait: Duration { .milliseconds(500) }

    /// Receives until a signal comes or the plan is done, and says how many messages were handled.
    ///
    /// - Throws: ``CommandFailure``, or what the server refuses.
    func run() async throws {
        let (count, isInterrupted) = try await Signals.cancelling { try await listen() }
        if isInterrupted { console.endEcho() }
        console.note("queue \(queue.name): \(count) message\(count == 1 ? "" : "s") handled")
    }

    /// Receives until the task is cancelled or the plan is done.
    ///
    /// - Returns: The number of messages that were handled.
    func listen() async throws -> Int {
        try await open()
        var count = 0
        do {
            while try await handleNext(&count) {}
        } catch is CancellationError {
            return count
        }
        return count
    }

    private var patience: ServerPatience<Time> { ServerPatience(console: console, clock: clock) }

    private func open() async throws {
        let state = AdminQueue(try await admin.queue(queue))
        var words = "queue \(queue.name)"
        if let account = queue.account { words += " of account \(account)" }
        if let forwarding = plan.forwarding { words += ", forwarding to \(forwarding.url.masked)" }
        console.note("\(words): \(state.active) message\(state.active == 1 ? "" : "s") to be received")
    }

    /// How long messages stay hidden: as long as handling one may take, with time to spare.
    private var visibilitySeconds: Int {
        guard let forwarding = plan.forwarding else { return 60 }
        // 5 seconds for an answer and one until the next attempt.
        return min(30 + 6 * forwarding.attempts, 43_200)
    }

    /// Handles the next messages; false when the plan is done.
    private func handleNext(_ count: inout Int) async throws -> Bool {
        let asked = clock.now
        let most = plan.forwarding == nil ? Self.batch : 1
        let order = ReceiveOrder(
            count: min(most, plan.limit.map { $0 - count } ?? most), waitSeconds: Self.waitSeconds,
            visibilitySeconds: visibilitySeconds)
        var waiting = try await patience.waiting { try await admin.receive(order, from: queue) }.map {
            AdminMessage($0)
        }
        if waiting.isEmpty, asked.duration(to: clock.now) < Self.shortestWait {
            try await clock.sleep(for: Self.shortestWait)
        }
        do {
            while let message = waiting.first {
                try Task.checkCancellation()
                guard !message.id.isEmpty, !message.handle.isEmpty else { throw admin.notTowline(status: 200) }
                let outcome = try await handle(message)
                guard outcome != .unseen else {
                    await release(waiting)
                    return false
                }
                waiting.removeFirst()
                guard outcome == .handled else { continue }
                count += 1
                try await delete(message)
            }
        } catch {
            await release(waiting)
            throw error
        }
        return plan.limit.map { count < $0 } ?? true
    }

    /// Prints or forwards a message.
    ///
    /// - Throws: ``CommandFailure`` when the message is to come again.
    private func handle(_ message: AdminMessage) async throws -> Outcome {
        if !plan.isJSON { console.print(ListenReport.line(of: message, style: console.style)) }
        var attempts: [ForwardAttempt] = []
        if let forwarding = plan.forwarding {
            let forwarder = EventForwarder(
                forwarding: forwarding, handler: handler, clock: clock, patience: patience)
            let compose: EventForwarder<Time>.Composer = { [admin, queue] url in
                try await admin.request(of: message.json, in: queue, signedFor: url)
            }
            attempts = try await forwarder.forward(compose) { attempt in
                if !plan.isJSON { console.print(ListenReport.line(of: attempt, style: console.style)) }
            }
        }
        if plan.isJSON {
            let json = ListenReport.json(of: message)
            console.print(
                plan.forwarding.map { ListenReport.json(of: json, attempts: attempts, to: $0.url.masked) } ?? json)
        }
        if let loss = console.out.loss() {
            if let failure = loss.failure { throw failure }
            return .unseen
        }
        guard let forwarding = plan.forwarding, attempts.last?.isSuccess != true else { return .handled }
        let text = ListenReport.undelivered("message \(message.id)", attempts: attempts)
        guard !forwarding.isStoppingOnFailure else {
            throw CommandFailure(.failed, "not brought: \(text); it stays in the queue and comes again")
        }
        console.note("undelivered: \(text); it stays in the queue and comes again")
        return .refused
    }

    /// Deletes a message, even when the command is ending: what was handled need not come again.
    private func delete(_ message: AdminMessage) async throws {
        do {
            let call = Task { try await admin.deleteMessages([message.handle], from: queue) }
            if let reason = try await call.value.first {
                console.note("message \(message.id) was handled and not deleted, so it may come again: \(reason)")
            }
        } catch let error as AdminClientError where error.isOutage {
            // The first call may have deleted it, so that this one finds nothing.
            try await patience.waiting { _ = try await admin.deleteMessages([message.handle], from: queue) }
        }
    }

    /// Lets messages be received again at once, even when the command is ending; without it they come after their time.
    private func release(_ messages: [AdminMessage]) async {
        let handles = messages.map(\.handle).filter { !$0.isEmpty }
        guard !handles.isEmpty else { return }
        await Task { try? await admin.releaseMessages(handles, to: queue) }.value
    }
}
