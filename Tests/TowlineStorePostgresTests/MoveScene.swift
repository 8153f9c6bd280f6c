import TowlineCore
import TowlineQueue
import TowlineStore
import TowlineStorePostgres
import TowlineStoreSQLite
import TowlineTesting

/// A SQLite store with something in every table, stopped, that is to be moved.
struct MoveScene {
    static let orders = QueueAddress(account: .standard, name: QueueName(stored: "orders"))
    static let dead = QueueAddress(account: .standard, name: QueueName(stored: "dead"))
    static let purged = QueueAddress(account: .standard, name: QueueName(stored: "purged"))

    let folder: TemporaryFolder
    /// The handle of a message that was received and not deleted.
    let handle: String
    /// What the stopped store answered.
    let answers: [String]

    /// The database file.
    var path: String { folder.path + "/towline.db" }

    /// Makes the store, opens it once more so that what was running is taken back, and stops it.
    init() async throws {
        let folder = try TemporaryFolder()
        self.folder = folder
        let store = try await Self.open(folder)
        do {
            try await Self.makeJobs(store)
            try await Self.makeDeliveries(store)
            handle = try await Self.makeMessages(store)
            try await Self.makeRest(store)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
        let again = try await Self.open(folder)
        answers = try await Self.answers(of: again)
        await again.close()
    }

    /// Opens the store as a node would.
    static func open(_ folder: TemporaryFolder, key: UInt8 = 7) async throws -> SQLiteStore {
        let configuration = SQLiteStoreConfiguration(
            path: folder.path + "/towline.db", lockPath: folder.path + "/towline.db.lock",
            secretBox: try SecretBox(key: [UInt8](repeating: key, count: 32)), composer: StoreSuite.composer)
        return try await SQLiteStore.open(configuration, logger: quiet)
    }

    /// Moves the store into a database.
    @discardableResult
    func move(
        to url: String, pageRows: Int = 1000, key: UInt8 = 7, patience: Duration = .seconds(30),
        configure: (inout PostgresStoreConfiguration) -> Void = { _ in }, report: (StoreMove.Step) -> Void = { _ in }
    ) throws -> [MovedCount] {
        var settings = try configuration(url: url)
        settings.secretBox = try SecretBox(key: [UInt8](repeating: key, count: 32))
        configure(&settings)
        return try SQLiteMoveSource.read(path: path, lockPath: path + ".lock", pageRows: pageRows) { source in
            let origin = MoveOrigin(
                name: "sqlite:\(path)", identity: source.identity, clockFloor: source.clockFloor,
                lastQueue: source.lastQueue)
            let target = try PostgresMoveTarget(settings, origin: origin)
            if case .finished(let counts, _) = try target.state() { return counts }
            try target.lock(patience: patience)
            if case .empty = try target.state() { try target.begin() }
            return try withoutActuallyEscaping(report) { report in
                try StoreMove(from: source, to: target, report: report).run()
            }
        }
    }

    // MARK: What is in it

    private static func makeJobs(_ store: SQLiteStore) async throws {
        var callback = CallbackConfiguration(account: .standard, app: .standard)
        callback.callbackURL = "https://receiver.test/hook"
        callback.eventTypeList = "ALL"
        callback.authSwitch = "on"
        callback.authKey = "auth-key-in-clear"
        try await store.setCallback(callback, nonce: RequestNonce(accessKeyID: "key", value: "n1"))
        var options = EndpointOptions()
        options.description = "all of it"
        options.maxConcurrency = 3
        _ = try await store.createSubscription(
            account: .standard, url: "https://all.test/", options: options, authKey: "own-key",
            webhookSecret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        let results: [JobAttemptResult] = [
            .stored(bytes: 5, small: nil), .failed(JobFailure(.urlInvalid, "404")),
            .retry(JobFailure(.sourceUnavailable, "reset"), after: .seconds(3600), madeProgress: false),
            .retry(JobFailure(.sourceUnavailable, "reset"), after: .zero, madeProgress: true), .released,
        ]
        for number in 0..<10 {
            var wanted = request("\(number).mp4", origin: "https://origin-\(number % 3).test:443")
            wanted.userData = "user \u{0}data ’\(number)"
            wanted.priority = number + 1
            wanted.headers = [SourceHeader("Authorization", "Bearer \(number)")]
            _ = try await store.accept(
                JobSubmission(
                    account: number % 4 == 3 ? AccountID("1000000000000002") : .standard,
                    sessionID: "session-\(number)",
                    nonce: RequestNonce(accessKeyID: "key", value: "job-\(number)"), requests: [wanted]))
        }
        let claims = try await store.claimJobs(
            JobClaimRequest(node: NodeID("a"), limit: 7, perOrigin: 100, lease: .seconds(30))
        ).items
        for (claim, result) in zip(claims, results) {
            var record = JobAttemptRecord()
            record.address = "192.0.2.1"
            record.bytesReceived = 3
            let checkpoint = TransferCheckpoint(
                version: SourceVersion(validator: "\"v1\"", total: 100), bytes: 3, crc64: .max - 5)
            var report = JobAttemptReport(job: claim.job.id, lease: claim.lease, result: result, record: record)
            if case .retry(_, .zero, _) = result { report.leftover = .checkpoint(checkpoint) }
            _ = try await store.finish([report])
        }
        let cancelled = try await store.jobs(matching: JobFilter(state: .pending), limit: 1).items
        _ = try await store.cancel(
            cancelled.map(\.id), account: nil, onlyPending: false, failure: JobFailure(.cancelled, "x"), nonce: nil)
        let failed = try await store.jobs(matching: JobFilter(state: .failed), limit: 1).items
        for job in failed { _ = try await store.retry(job.id) }
    }

    private static func makeDeliveries(_ store: SQLiteStore) async throws {
        // One claim stays open: its process is gone when the store is opened again.
        let claims = try await store.claimDeliveries(
            DeliveryClaimRequest(node: NodeID("a"), limit: 4, perEndpoint: 100, lease: .seconds(30))
        ).items
        let next: [DeliveryNext] = [.delivered, .dead(reason: "410"), .retry(after: .seconds(7200))]
        for (claim, next) in zip(claims, next) {
            var record = DeliveryAttemptRecord()
            record.httpStatus = 500
            record.requestHead = "POST /"
            record.responseBody = [0, 255, 3]
            record.cause = next == .delivered ? nil : "500"
            _ = try await store.recordDeliveries([
                DeliveryReport(
                    delivery: claim.id, lease: claim.lease, next: next, signal: .observed(cause: "500"), record: record)
            ])
        }
        let event = try await store.events(matching: EventFilter(), before: nil, limit: 1).items
        if let event = event.first { _ = try await store.redeliver(event.event.id, to: nil) }
        _ = try await store.startReplay(ReplayRequest(filter: EventFilter()))
        _ = try await store.stepReplays()
        _ = try await store.startReplay(ReplayRequest(filter: EventFilter(), perSecond: 1))
        let disabled = try await store.createSubscription(
            account: .standard, url: "https://down.test/", options: EndpointOptions(), authKey: nil, webhookSecret: nil)
        _ = try await store.disableEndpoint(disabled.id, reason: "maintenance")
        let removed = try await store.createSubscription(
            account: .standard, url: "https://gone.test/", options: EndpointOptions(), authKey: nil, webhookSecret: nil)
        try await store.removeSubscription(removed.id)
    }

    private static func makeMessages(_ store: SQLiteStore) async throws -> String {
        for queue in [orders, dead, purged] {
            _ = try await store.createQueue(queue, attributes: QueueAttributeChanges())
        }
        try await store.setDeadLetters(DeadLetterPolicy(maxReceives: 3, target: dead.name), of: orders)
        let messages = (0..<6).map { NewMessage(body: Array("message \($0)".utf8), priority: $0 % 2 == 0 ? 1 : 8) }
        _ = try await store.send(messages, to: orders)
        _ = try await store.send([NewMessage(body: [0, 1, 255], delay: .seconds(3600))], to: orders)
        _ = try await store.send(messages, to: purged)
        _ = try await store.purgeQueue(purged)
        let back = try await store.receive(ReceiveRequest(count: 1, wait: .zero), from: orders)
        try await store.giveBack(back.map(\.handle), to: orders)
        let received = try await store.receive(
            ReceiveRequest(count: 1, wait: .zero, visibility: .seconds(3600)), from: orders)
        return received.first?.handle ?? ""
    }

    private static func makeRest(_ store: SQLiteStore) async throws {
        try await store.createKey(AccessKey(id: "live", secret: "secret-in-clear", account: .standard))
        try await store.createKey(AccessKey(id: "old", secret: "another", account: AccountID("2")))
        try await store.revokeKey("old")
        _ = try await store.openListener("from-start", account: nil, start: .beginning)
        _ = try await store.openListener("half", account: .standard, start: .beginning)
        let events = try await store.events(for: "half", limit: 2)
        if let last = events.last { try await store.acknowledge(last.id, by: "half") }
        _ = try await store.openListener("later", account: nil, start: .now)
        var queueCallback = CallbackConfiguration(account: AccountID("1000000000000002"), app: .standard)
        queueCallback.callbackType = "MNS"
        queueCallback.mnsEndpoint = "https://towline.test/"
        queueCallback.mnsQueueName = "orders"
        queueCallback.isOwnQueue = true
        queueCallback.eventTypeList = "ALL"
        try await store.setCallback(queueCallback, nonce: nil)
    }

    // MARK: Questions

    /// What a store answers to every question that does not depend on the moment.
    static func answers(of store: any Store) async throws -> [String] {
        var answers: [String] = []
        // PostgreSQL keeps no NUL characters in text: they are shown as what they are, as for rows that are made there.
        func note(_ name: String, _ value: Any) {
            answers.append("\(name): \(String(reflecting: value).replacing("\\0", with: "\u{FFFD}"))")
        }
        for job in try await store.jobs(matching: JobFilter(), limit: 100).items {
            if let detail = try await store.jobDetail(job.id) { note("job", detail) }
        }
        note("jobs", try await store.jobCounts().map { "\($0.key) \($0.value)" }.sorted())
        for event in try await store.events(matching: EventFilter(), before: nil, limit: 100).items {
            note("event", event)
        }
        for delivery in try await store.deliveries(matching: DeliveryFilter(), limit: 200).items {
            if let detail = try await store.delivery(delivery.id) { note("delivery", detail) }
        }
        note("deliveries", try await store.deliveryCounts().map { "\($0.key) \($0.value)" }.sorted())
        for endpoint in try await store.endpoints(matching: EndpointFilter(), limit: 100).items {
            if let detail = try await store.endpoint(endpoint.id) { note("endpoint", detail) }
            if let signing = try await store.signing(of: endpoint.id, app: .standard) { note("signing", signing) }
        }
        for key in try await store.listKeys() {
            note("key", key)
            if let known = try await store.key(key.id) { note("secret", known) }
        }
        for account in [AccountID.standard, AccountID("1000000000000002")] {
            if let callback = try await store.callback(account: account, app: .standard) { note("callback", callback) }
        }
        for replay in try await store.replays(limit: 100) { note("replay", replay) }
        for listener in try await store.listeners() {
            note("listener", listener)
            note("follows", try await store.events(for: listener.name, limit: 100))
        }
        for queue in try await store.queues(of: .standard, prefix: "", after: nil, limit: 100).items {
            note("queue", queue)
            note("messages", try await store.peek(16, in: queue.address))
        }
        note("abandoned", try await store.abandonedObjects(limit: 100).keys.map(\.description).sorted())
        return answers
    }
}
