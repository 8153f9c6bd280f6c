import TowlineClient
import TowlineCore

/// How far a listener is.
struct ListenPlace: Sendable, Hashable {
    /// The last event that the server knows as handled.
    var acknowledged: String?
    /// The event that is being handled.
    var pending: String?
    /// Events that were handled by this command.
    var handled = 0

    /// What a person should know at the end.
    func farewell(_ name: String) -> String {
        if let pending { return "listener \(name) goes on with \(pending), which is not acknowledged" }
        if let acknowledged { return "listener \(name) goes on after \(acknowledged)" }
        return "listener \(name) has acknowledged nothing yet"
    }
}

/// One run of `towline listen`.
struct ListenRun<Time: Clock>: Sendable where Time.Duration == Duration {
    let plan: ListenPlan
    let admin: AdminClient
    /// Calls the local handler.
    let handler: HTTPCaller
    let console: Console
    let clock: Time

    /// Events to fetch at once: few, since one may have many kilobytes.
    private static var batch: Int { 20 }
    /// How long the server waits for an event.
    private static var wait: Duration { .seconds(25) }
    /// An empty answer should not come sooner; a server that stops gives such.
    private static var shortestWait: Duration { .milliseconds(500) }

    /// Listens until a signal comes or the plan is done, and says where the listener goes on.
    ///
    /// - Throws: ``CommandFailure``, or what the server refuses.
    func run() async throws {
        let (place, isInterrupted) = try await Signals.cancelling { try await listen() }
        if isInterrupted { console.endEcho() }
        console.note(place.farewell(plan.name))
    }

    /// Listens until the task is cancelled or the plan is done.
    func listen() async throws -> ListenPlace {
        var place = try await open()
        do {
            while try await handleNext(&place) {}
        } catch is CancellationError {
            return place
        }
        return place
    }

    private var patience: ServerPatience<Time> { ServerPatience(console: console, clock: clock) }

    // MARK: Begin

    private func open() async throws -> ListenPlace {
        let wasKnown = try await admin.listeners().contains { $0["name"]?.string == plan.name }
        let listener = try await admin.openListener(plan.name, from: plan.start, account: plan.account)
        let account = listener["account"]?.string
        if let wanted = plan.account, wanted != account {
            throw CommandFailure(
                .usage,
                "the listener \(plan.name) reads events of \(account.map { "account \($0)" } ?? "every account"); "
                    + "give another --name")
        }
        let place = ListenPlace(acknowledged: listener["acknowledged"]?.string)
        var words = "listener \(plan.name)"
        if let account { words += " for account \(account)" }
        if let forwarding = plan.forwarding { words += ", forwarding to \(forwarding.url.masked)" }
        words += ": " + (wasKnown ? resumption(place) : beginning)
        console.note(words)
        return place
    }

    private var beginning: String {
        switch plan.start {
        case "now": "begins with the next event"
        case "beginning": "begins with the oldest event"
        default: "begins after \(plan.start)"
        }
    }

    private func resumption(_ place: ListenPlace) -> String {
        let place = place.acknowledged.map { "goes on after \($0)" } ?? "goes on with the oldest event"
        return plan.isStartChosen ? place + " (--from is for new names)" : place
    }

    // MARK: Go on

    /// Handles the next events; false when the plan is done.
    private func handleNext(_ place: inout ListenPlace) async throws -> Bool {
        let asked = clock.now
        let events = try await patience.waiting {
            try await admin.events(for: plan.name, limit: Self.batch, wait: Self.wait)
        }
        if events.isEmpty, asked.duration(to: clock.now) < Self.shortestWait {
            try await clock.sleep(for: Self.shortestWait)
        }
        var passed: String?
        for json in events {
            try Task.checkCancellation()
            let event = AdminEvent(json)
            guard !event.id.isEmpty else { throw admin.notTowline(status: 200) }
            guard plan.includes(event.type) else {
                passed = event.id
                continue
            }
            passed = nil
            place.pending = event.id
            guard try await handle(event, json) else { return false }
            place.handled += 1
            try await acknowledge(event.id, &place)
            if let limit = plan.limit, place.handled >= limit { return false }
        }
        if let passed { try await acknowledge(passed, &place) }
        return true
    }

    /// Prints or forwards an event.
    ///
    /// - Returns: False when nobody reads the output any more.
    /// - Throws: ``CommandFailure`` when the event is not to be acknowledged.
    private func handle(_ event: AdminEvent, _ json: JSONValue) async throws -> Bool {
        if !plan.isJSON { console.print(ListenReport.line(of: event, style: console.style)) }
        var attempts: [ForwardAttempt] = []
        if let forwarding = plan.forwarding {
            let forwarder = EventForwarder(
                forwarding: forwarding, handler: handler, clock: clock, patience: patience)
            let compose: EventForwarder<Time>.Composer = { [admin] url in
                try await admin.request(of: event.id, signedFor: url)
            }
            attempts = try await forwarder.forward(compose) { attempt in
                if !plan.isJSON { console.print(ListenReport.line(of: attempt, style: console.style)) }
            }
        }
        if plan.isJSON {
            console.print(
                plan.forwarding.map { ListenReport.json(of: json, attempts: attempts, to: $0.url.masked) } ?? json)
        }
        if let forwarding = plan.forwarding, attempts.last?.isSuccess != true {
            let text = ListenReport.undelivered(event, attempts: attempts)
            guard !forwarding.isStoppingOnFailure else {
                throw CommandFailure(.failed, "not brought: \(text); it is not acknowledged and comes again")
            }
            console.note("undelivered: \(text)")
        }
        guard let loss = console.out.loss() else { return true }
        if let failure = loss.failure { throw failure }
        return false
    }

    /// Tells the server that an event was handled, even when the command is ending: what was handled need not come again.
    private func acknowledge(_ event: String, _ place: inout ListenPlace) async throws {
        do {
            let call = Task { try await admin.acknowledge(event, by: plan.name) }
            try await call.value
        } catch let error as AdminClientError where error.isOutage {
            try await patience.waiting { try await admin.acknowledge(event, by: plan.name) }
        }
        place.acknowledged = event
        place.pending = nil
    }
}
