import TowlineCore
import TowlineStore

/// An event and where it goes.
struct EventAndEndpoint: Hashable {
    let event: EventID
    let endpoint: EndpointID

    /// Pairs an event with an endpoint.
    init(_ event: EventID, _ endpoint: EndpointID) {
        self.event = event
        self.endpoint = endpoint
    }
}

extension Delivery {
    /// The delivery's event and endpoint.
    var pair: EventAndEndpoint { EventAndEndpoint(event, endpoint) }
}

extension StoreTrial {
    /// Does steps until no replay runs, moving the clock where a step has to wait; gives one of the replays.
    @discardableResult
    func run(_ id: ReplayID, file: StaticString = #fileID, line: UInt = #line) async throws -> Replay {
        for _ in 0..<10_000 {
            guard let wait = try await store.stepReplays() else {
                return try unwrap(try await store.replay(id), "the replay is missing", file: file, line: line)
            }
            if wait > .zero { advance(by: wait) }
        }
        throw SuiteFailure("a replay does not come to its end", file: file, line: line)
    }

    /// Claims and delivers everything that is due; gives what was claimed.
    func deliverAll() async throws -> [ClaimedDelivery] {
        var all: [ClaimedDelivery] = []
        while true {
            let claims = try await claimDeliveries().items
            if claims.isEmpty { return all }
            for claim in claims { try await report(claim, .delivered) }
            all += claims
        }
    }

    /// Events of two accounts and applications for several endpoints, in every state that lasts.
    func replayScene() async throws {
        try await setCallback(events: "UploadByURLComplete")
        _ = try await subscribe("https://all.test/")
        try await setCallback(url: "https://foreign.test/", account: otherAccount)
        try await finish(2, account: otherAccount)
        try await finish(4)
        advance(by: .seconds(100))
        let call = JobSubmission(account: account, app: AppID("app-2"), requests: [request("b.mp4"), request("c.mp4")])
        for _ in try await store.accept(call) {
            try await finish(try await claimOne(), .failed(JobFailure(.urlInvalid, "404")))
        }
        advance(by: .seconds(100))
        try await finish(3)
        for (number, claim) in try await claimDeliveries(1000).items.enumerated() {
            try await report(claim, number % 3 == 0 ? .dead(reason: "x") : .delivered)
        }
        try await finish(1)
    }

    /// One request of each kind over the events of ``replayScene()``.
    func replayRequests() async throws -> [(name: String, request: ReplayRequest)] {
        let all = try await events(limit: 100)
        let job = try unwrap(all.last { $0.event.account == account }, "no event").event.job
        let middle = try unwrap(all.first { $0.event.app == AppID("app-2") }, "no event").event.createdAt
        let subscription = try await endpoint("https://all.test/").id
        func request(_ configure: (inout EventFilter) -> Void) -> ReplayRequest {
            var filter = EventFilter()
            configure(&filter)
            return ReplayRequest(filter: filter)
        }
        var requests: [(name: String, request: ReplayRequest)] = [
            ("state pending", request { $0.state = .pending }),
            ("state dead", request { $0.state = .dead }),
            ("state delivered at one endpoint", request { ($0.state, $0.endpoint) = (.delivered, subscription) }),
            ("nothing", request { _ in }),
            ("type", request { $0.type = .fileUploadComplete }),
            ("job", request { $0.job = job }),
            ("account", request { $0.account = otherAccount }),
            ("application", request { $0.app = AppID("app-2") }),
            ("endpoint", request { $0.endpoint = subscription }),
            ("since", request { $0.since = middle }),
            ("until", request { $0.until = middle }),
            (
                "a time and a type",
                request { ($0.since, $0.until, $0.type) = (middle, middle + .seconds(1), .uploadByURLComplete) }
            ),
        ]
        var everything = ReplayRequest(filter: EventFilter(), destination: subscription, perSecond: 500)
        requests.append(("destination", everything))
        everything.filter.account = account
        everything.filter.app = .standard
        everything.filter.type = .uploadByURLComplete
        everything.filter.state = .delivered
        everything.filter.endpoint = try await endpoint().id
        everything.filter.job = job
        everything.filter.since = Timestamp(milliseconds: 5)
        everything.filter.until = middle
        requests.append(("everything at once", everything))
        return requests
    }

    /// Runs a replay and fails when more of its deliveries become due within any second than it may make, or when they
    /// come later than they must.
    func checkRate(
        _ request: ReplayRequest, perSecond: Int, file: StaticString = #fileID, line: UInt = #line
    ) async throws {
        let replay = try await run(try await store.startReplay(request).id, file: file, line: line)
        let due = try await deliveries(DeliveryFilter(replay: replay.id)).compactMap(\.dueAt).sorted()
        try expectEqual(due.count, replay.created, "deliveries that wait", file: file, line: line)
        try expect(due.count > perSecond, "too few deliveries for a rate", file: file, line: line)
        for (first, last) in zip(due, due.dropFirst(perSecond)) {
            try expect(
                last - first >= .seconds(1), "\(perSecond + 1) deliveries are due within \(last - first)", file: file,
                line: line)
        }
        let apart = Set(due).count
        let batch = max(1, perSecond / 10)
        try expect(
            apart >= due.count / batch, "\(due.count) deliveries are due at \(apart) moments", file: file, line: line)
    }
}
