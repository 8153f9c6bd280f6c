package import TowlineCore
package import TowlineStore

/// A kind of store that the suite can make and whose time it can move.
package protocol StoreUnderTest: Sendable {
    /// A new, empty store with ``StoreSuite/composer`` and the delivery policy `exact`.
    func make() async throws -> any Store

    /// Moves the clock of the stores that this value made forward.
    func advance(by duration: Duration)
}

/// What every store must do, whatever it is made of: the contracts of `TowlineStore` as named cases.
///
/// A test target runs each case against its own ``StoreUnderTest``:
///
///     @Test(arguments: StoreSuite.allCases) func conforms(_ storeCase: StoreSuite.Case) async throws {
///         try await storeCase.run(MyStores())
///     }
package enum StoreSuite {
    /// What stores under test compose events with.
    package static let composer = EventComposer(publicURL: "https://towline.test")

    /// One sentence about stores, and the code that checks it.
    package struct Case: Sendable, CustomStringConvertible {
        /// The sentence.
        package let description: String
        private let body: @Sendable (StoreTrial) async throws -> Void

        /// Names a check.
        init(_ description: String, _ body: @escaping @Sendable (StoreTrial) async throws -> Void) {
            self.description = description
            self.body = body
        }

        /// Makes a store and checks it; the store is closed whatever happens.
        ///
        /// - Throws: ``SuiteFailure`` when the store does not do what the sentence says.
        package func run(_ subject: any StoreUnderTest) async throws {
            let store = try await subject.make()
            do {
                try await body(StoreTrial(store: store, subject: subject))
            } catch {
                await store.close()
                throw error
            }
            await store.close()
        }
    }

    /// Every case.
    package static let allCases: [Case] =
        acceptCases + listCases + claimCases + laneCases + leaseCases + finishCases + gateCases + objectCases
        + checkpointCases + fairnessCases + politenessCases + expiryCases + requestCases
        + controlCases + deliveryCases + deliveryLaneCases + accountCases + signalCases + upkeepCases
        + eventCases + deliveryListCases + redeliveryCases + listenerCases
        + replayCases + replayPaceCases + replayCancelCases
        + endpointCases + subscriptionCases + endpointKeyCases + endpointHealthCases + endpointLimitCases + holdingCases
}

/// A store that does not keep its contract.
package struct SuiteFailure: Error, CustomStringConvertible {
    package let description: String

    /// Says what is wrong and where it was noticed.
    init(_ message: String, file: StaticString, line: UInt) {
        description = "\(message) (\(file):\(line))"
    }
}

/// One store with the means to use it in a case.
struct StoreTrial: Sendable {
    let store: any Store
    let subject: any StoreUnderTest
    let account = AccountID("1000000000000001")
    let otherAccount = AccountID("1000000000000002")
    let node = NodeID("node-a")

    /// Moves the store's clock.
    func advance(by duration: Duration) { subject.advance(by: duration) }

    /// A request for a file of an origin.
    func request(
        _ name: String = "a.mp4", origin: String = "https://origin.test:443", priority: Int = 8,
        configure: (inout PullRequest) -> Void = { _ in }
    ) -> PullRequest {
        var metadata = MediaMetadata()
        metadata.title = name
        metadata.fileExtension = "mp4"
        let url = "\(origin)/\(name)"
        var request = PullRequest(
            sourceURL: url, displayURL: url, origin: origin, metadata: metadata, priority: priority)
        configure(&request)
        return request
    }

    /// Accepts requests of an account, at most twenty a call.
    @discardableResult
    func accept(_ requests: [PullRequest], account: AccountID? = nil) async throws -> [Job] {
        var jobs: [Job] = []
        var rest = requests[...]
        while !rest.isEmpty {
            let call = JobSubmission(account: account ?? self.account, requests: Array(rest.prefix(20)))
            jobs += try await store.accept(call)
            rest = rest.dropFirst(20)
        }
        return jobs
    }

    /// Accepts a number of jobs of one origin.
    @discardableResult
    func accept(
        _ count: Int, origin: String = "https://origin.test:443", account: AccountID? = nil, priority: Int = 8
    ) async throws -> [Job] {
        try await accept(
            (0..<count).map { request("\($0).mp4", origin: origin, priority: priority) }, account: account)
    }

    /// Claims jobs.
    func claim(
        _ limit: Int = 100, perOrigin: Int = 1000, lease: Duration = .seconds(30)
    ) async throws -> Claims<ClaimedJob> {
        try await store.claimJobs(JobClaimRequest(node: node, limit: limit, perOrigin: perOrigin, lease: lease))
    }

    /// Claims the one job that must be due.
    func claimOne(
        perOrigin: Int = 1000, lease: Duration = .seconds(30), file: StaticString = #fileID, line: UInt = #line
    ) async throws -> ClaimedJob {
        let claims = try await claim(1, perOrigin: perOrigin, lease: lease)
        return try unwrap(claims.items.first, "no job was due", file: file, line: line)
    }

    /// Objects that may be removed.
    func abandoned(limit: Int = 10) async throws -> [ObjectKey] {
        try await store.abandonedObjects(limit: limit).keys
    }

    /// Forgets objects that were named just now.
    func forget(_ keys: [ObjectKey]) async throws {
        let time = try await store.abandonedObjects(limit: 1).time
        try await store.forgetObjects(keys, asOf: time)
    }

    /// Reports an attempt's end.
    @discardableResult
    func finish(
        _ claim: ClaimedJob, _ result: JobAttemptResult, leaving leftover: AttemptLeftover = .nothing,
        digests: ContentDigests? = nil
    ) async throws -> LeaseVerdict {
        let report = JobAttemptReport(
            job: claim.job.id, lease: claim.lease, result: result, record: JobAttemptRecord(), leftover: leftover,
            digests: digests)
        return try await store.finish([report])[0]
    }

    /// Records how far an attempt is.
    func record(_ checkpoint: TransferCheckpoint?, of claim: ClaimedJob) async throws -> LeaseVerdict {
        let note = CheckpointNote(job: claim.job.id, lease: claim.lease, checkpoint: checkpoint)
        return try await store.recordCheckpoints([note])[0]
    }

    /// Accepts a job and brings its only run to an end.
    func finishedJob(_ result: JobAttemptResult = .stored(bytes: 7, small: nil)) async throws -> Job {
        let job = try await accept(1)[0]
        try await finish(try await claimOne(), result)
        return try await read(job.id)
    }

    /// The job as stored now.
    func read(_ id: JobID, file: StaticString = #fileID, line: UInt = #line) async throws -> Job {
        let jobs = try await store.jobs([id], account: nil)
        return try unwrap(jobs.first, "the job is missing", file: file, line: line)
    }

    /// The job with its history as stored now.
    func detail(_ id: JobID, file: StaticString = #fileID, line: UInt = #line) async throws -> JobDetail {
        try unwrap(try await store.jobDetail(id), "the job is missing", file: file, line: line)
    }

    /// Stores a configuration that sends all events somewhere.
    func setCallback(
        url: String = "https://receiver.test/hook", events: String = "ALL", key: String? = nil,
        account: AccountID? = nil
    ) async throws {
        var configuration = CallbackConfiguration(account: account ?? self.account, app: .standard)
        configuration.callbackURL = url
        configuration.eventTypeList = events
        configuration.authSwitch = key == nil ? "off" : "on"
        configuration.authKey = key ?? ""
        try await store.setCallback(configuration, nonce: nil)
    }

    /// Claims deliveries.
    func claimDeliveries(
        _ limit: Int = 100, perEndpoint: Int = 1000, perSecond: Int = 0, lease: Duration = .seconds(30)
    ) async throws -> Claims<ClaimedDelivery> {
        try await store.claimDeliveries(
            DeliveryClaimRequest(
                node: node, limit: limit, perEndpoint: perEndpoint, perSecond: perSecond, lease: lease))
    }

    /// Reports an attempt of a delivery.
    @discardableResult
    func report(
        _ claim: ClaimedDelivery, _ next: DeliveryNext, signal: EndpointSignal = .none,
        record: DeliveryAttemptRecord = DeliveryAttemptRecord()
    ) async throws -> LeaseVerdict {
        let report = DeliveryReport(
            delivery: claim.id, lease: claim.lease, next: next, signal: signal, record: record)
        return try await store.recordDeliveries([report])[0]
    }
}

/// Fails unless a condition holds.
func expect(
    _ condition: Bool, _ message: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) throws {
    guard condition else { throw SuiteFailure(message(), file: file, line: line) }
}

/// Fails unless two values are equal.
func expectEqual<Value: Equatable>(
    _ found: Value, _ expected: Value, _ what: String, file: StaticString = #fileID, line: UInt = #line
) throws {
    guard found == expected else {
        throw SuiteFailure("\(what): found \(found), expected \(expected)", file: file, line: line)
    }
}

/// The value, or a failure where there is none.
func unwrap<Value>(
    _ value: Value?, _ message: String, file: StaticString = #fileID, line: UInt = #line
) throws -> Value {
    guard let value else { throw SuiteFailure(message, file: file, line: line) }
    return value
}

/// Fails unless a call throws a ``StoreError`` with a code.
func expectError(
    _ code: StoreError.Code, _ what: String, file: StaticString = #fileID, line: UInt = #line,
    _ body: () async throws -> Void
) async throws {
    do {
        try await body()
    } catch let error as StoreError where error.code == code {
        return
    } catch {
        throw SuiteFailure("\(what): threw \(error) instead of \(code)", file: file, line: line)
    }
    throw SuiteFailure("\(what): did not throw \(code)", file: file, line: line)
}
