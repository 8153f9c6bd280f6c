package import Logging
import ServiceLifecycle
package import TowlineCore
package import TowlineObjects
package import TowlineStore

/// Claims jobs and runs their attempts until it is told to stop; then gives back at once what is not done.
package struct PullEngine: Service, CustomStringConvertible {
    /// The name that service groups log; without it they would spell out every stored property.
    package var description: String { "PullEngine" }

    private let store: any JobStore
    private let signals: StoreSignals
    private let objects: any ObjectStore
    private let fetcher: any SourceFetcher
    private let configuration: PullConfiguration
    private let running: RunningAttempts
    private let clock: any MonotonicClock
    private let random: @Sendable () -> Double
    private let logger: Logger
    private let loop: ClaimLoop
    private let slots: OriginSlots
    private let bandwidth: BandwidthLimit?
    private let started = Wakeup()

    /// An engine over a store, an object store and a source of bytes.
    package init(
        store: any JobStore, signals: StoreSignals, objects: any ObjectStore, fetcher: any SourceFetcher,
        configuration: PullConfiguration, running: RunningAttempts, clock: any MonotonicClock = SystemMonotonicClock(),
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }, logger: Logger
    ) {
        self.store = store
        self.signals = signals
        self.objects = objects
        self.fetcher = fetcher
        self.configuration = configuration
        self.running = running
        self.clock = clock
        self.random = random
        self.logger = logger
        slots = OriginSlots(limit: configuration.perOrigin)
        let limit = configuration.maxBytesPerSecond
        bandwidth = limit > 0 ? BandwidthLimit(bytesPerSecond: limit, now: clock.elapsed) : nil
        loop = ClaimLoop(clock: clock, grace: configuration.grace)
    }

    /// Runs until graceful shutdown or cancellation.
    package func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { helpers in
                helpers.addTask { for await _ in signals.listen(to: .jobsDue) { loop.ring() } }
                helpers.addTask { for await lease in signals.revokedLeases() { running.revoke(leases: [lease]) } }
                helpers.addTask { await beat() }
                await loop.run(running: { running.count }, claim: claim)
                helpers.cancelAll()
            }
        } onGracefulShutdown: {
            loop.stop()
        }
    }

    /// Fills the free slots and says how long to wait before asking again.
    private func claim(into attempts: inout DiscardingTaskGroup) async -> Duration {
        let room = room
        // What runs may come to a standstill without a word.
        guard room > 0 else { return configuration.stalledTime }
        do {
            let claims = try await store.claimJobs(
                JobClaimRequest(
                    node: configuration.node, limit: min(room, 100), perOrigin: configuration.perOrigin,
                    perAccount: configuration.perAccount, perOriginPerSecond: configuration.perOriginPerSecond,
                    lease: configuration.lease))
            for claim in claims.items { start(claim, in: &attempts) }
            return min(claims.nextDue ?? .seconds(30), .seconds(30))
        } catch {
            logger.error("jobs could not be claimed", metadata: ["error": "\(error)"])
            return .seconds(1)
        }
    }

    /// How many more may start: sources that send nothing for a while hold no slot that others could use.
    private var room: Int {
        let busy = running.busyCount(now: clock.elapsed, stalledAfter: configuration.stalledTime)
        let most = configuration.concurrency * (1 + configuration.stalledFactor)
        return min(configuration.concurrency - busy, most - running.count)
    }

    private func start(_ claim: ClaimedJob, in attempts: inout DiscardingTaskGroup) {
        let progress = AttemptProgress(job: claim.job.id, lease: claim.lease, startedAt: clock.elapsed)
        let attempt = PullAttempt(
            claim: claim, fetcher: fetcher, store: store, objects: objects, configuration: configuration,
            clock: clock, progress: progress, slots: slots, bandwidth: bandwidth, random: random)
        let work = Task { await attempt.run() }
        running.add(progress, stop: { work.cancel() })
        slots.enter(claim.job.request.origin)
        started.ring()
        attempts.addTask {
            let report = await withTaskCancellationHandler {
                await work.value
            } onCancel: {
                work.cancel()
            }
            await finish(claim, report: report, isRevoked: progress.isRevoked)
            running.remove(claim.lease)
            slots.leave(claim.job.request.origin)
            loop.ring()
        }
    }

    private func finish(_ claim: ClaimedJob, report: JobAttemptReport, isRevoked: Bool) async {
        do {
            // What may be kept for the next attempt is removed through its intent row alone, when the store lets it go.
            let leavesNothing = report.leftover == .nothing
            let verdicts = isRevoked && leavesNothing ? [.leaseLost] : try await store.finish([report])
            if verdicts.first == .leaseLost, leavesNothing { _ = try await objects.remove([claim.objectKey]) }
            if verdicts.first == .recorded, case .failed(let failure) = report.result {
                logger.notice(
                    "a run failed",
                    metadata: [
                        "job.id": "\(claim.job.id)", "attempt": "\(claim.job.attempts)",
                        "code": "\(failure.code.rawValue)",
                        "reason": "\(failure.message)",
                    ])
            }
        } catch {
            // The lease ends by itself or at the next start, and the job runs again.
            logger.error(
                "an attempt's end could not be recorded",
                metadata: ["job.id": "\(claim.job.id)", "attempt": "\(claim.job.attempts)", "error": "\(error)"])
        }
    }

    /// Renews leases every third of their length and records progress once a second, while anything runs.
    ///
    /// A store that is out of reach may answer late or never; the leases run out meanwhile.
    private func beat() async {
        var renewedAt = clock.elapsed
        while !Task.isCancelled {
            if running.count == 0 { await started.wait(atMost: nil, clock: clock) }
            guard (try? await clock.sleep(for: .seconds(1))) != nil else { return }
            renewedAt = await withTaskGroup(of: Duration?.self) { [renewedAt] group in
                group.addTask { await report(renewedAt: renewedAt) }
                group.addTask {
                    while (try? await clock.sleep(for: .seconds(1))) != nil { fence() }
                    return nil
                }
                var reported: Duration?
                while reported == nil, let result = await group.next() { reported = result }
                group.cancelAll()
                return reported ?? renewedAt
            }
        }
    }

    /// Records what has changed, renews leases when it is time, and says when they were renewed last.
    private func report(renewedAt: Duration) async -> Duration {
        var renewedAt = renewedAt
        do {
            let now = clock.elapsed
            let all = running.all
            let changes = all.filter { now - $0.startedAt >= .seconds(1) }.compactMap { $0.takeChange() }
            if !changes.isEmpty { try await store.recordProgress(changes) }
            guard now - renewedAt >= configuration.lease / 3, !all.isEmpty else { return renewedAt }
            renewedAt = now
            let leases = all.map { (job: $0.job, token: $0.lease) }
            running.revoke(leases: try await store.renewJobs(leases, lease: configuration.lease))
            for attempt in all { attempt.hold(since: now) }
        } catch {
            logger.error("leases could not be renewed", metadata: ["error": "\(error)"])
            fence()
        }
        return renewedAt
    }

    /// Stops attempts whose leases could not be renewed in time: others take their jobs, and what an attempt still wrote
    /// a lease's length later would be named by no intent row any more.
    private func fence() {
        let now = clock.elapsed
        let lapsed = running.all.filter { now - $0.heldSince >= configuration.lease && !$0.isRevoked }
        guard !lapsed.isEmpty else { return }
        logger.error("leases ended before they could be renewed", metadata: ["count": "\(lapsed.count)"])
        running.revoke(leases: Set(lapsed.map(\.lease)))
    }
}
