import Synchronization
import TowlineCore
import TowlineStore

/// A store of jobs that can be cut off: leases are not renewed then, and reports do not arrive.
final class CutOffStore: JobStore {
    enum Manner: Sendable, CaseIterable {
        /// Calls fail at once.
        case refusing
        /// Calls say nothing until their task is cancelled.
        case silent
    }

    private let store: any JobStore
    private let manner: Manner
    private let isCut = Mutex(false)
    private let late = Mutex<[JobAttemptReport]>([])

    init(_ store: any JobStore, manner: Manner) {
        self.store = store
        self.manner = manner
    }

    /// Reports that did not arrive.
    var lateReports: [JobAttemptReport] { late.withLock { $0 } }

    func cut() { isCut.withLock { $0 = true } }

    private func reach() async throws {
        guard isCut.withLock({ $0 }) else { return }
        if manner == .silent { try await Task.sleep(for: .seconds(3600)) }
        throw StoreError(.unavailable, "cut off by a test")
    }

    func renewJobs(_ leases: [(job: JobID, token: LeaseToken)], lease: Duration) async throws -> Set<LeaseToken> {
        try await reach()
        return try await store.renewJobs(leases, lease: lease)
    }

    func recordProgress(_ notes: [JobProgress]) async throws {
        try await reach()
        try await store.recordProgress(notes)
    }

    func finish(_ reports: [JobAttemptReport]) async throws -> [LeaseVerdict] {
        if isCut.withLock({ $0 }) { late.withLock { $0 += reports } }
        try await reach()
        return try await store.finish(reports)
    }

    func recordCheckpoints(_ notes: [CheckpointNote]) async throws -> [LeaseVerdict] {
        try await store.recordCheckpoints(notes)
    }

    func accept(_ submission: JobSubmission) async throws -> [Job] { try await store.accept(submission) }

    func claimJobs(_ request: JobClaimRequest) async throws -> Claims<ClaimedJob> { try await store.claimJobs(request) }

    func cancel(
        _ jobs: [JobID], account: AccountID?, onlyPending: Bool, failure: JobFailure, nonce: RequestNonce?
    ) async throws -> [JobID] {
        try await store.cancel(jobs, account: account, onlyPending: onlyPending, failure: failure, nonce: nonce)
    }

    func expireJobs(limit: Int) async throws -> Int { try await store.expireJobs(limit: limit) }

    func retry(_ job: JobID) async throws -> Job { try await store.retry(job) }

    func jobs(_ ids: [JobID], account: AccountID?) async throws -> [Job] {
        try await store.jobs(ids, account: account)
    }

    func jobs(sourceURL: String, account: AccountID, limit: Int) async throws -> [Job] {
        try await store.jobs(sourceURL: sourceURL, account: account, limit: limit)
    }

    func jobs(matching filter: JobFilter, limit: Int) async throws -> Page<Job> {
        try await store.jobs(matching: filter, limit: limit)
    }

    func jobDetail(_ id: JobID) async throws -> JobDetail? { try await store.jobDetail(id) }

    func jobCounts() async throws -> [JobState: Int] { try await store.jobCounts() }
}
