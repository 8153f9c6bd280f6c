import Dispatch
import Testing
import TowlineCore
import TowlineStore
import TowlineStorePostgres
import TowlineTesting

/// Fails one statement of all that are sent.
private final class Fault: Sendable {
    private let left = Shared<Int?>(nil)

    /// Fails the statement after so many.
    func arm(after count: Int) { left.withLock { $0 = count } }

    /// Disarms it.
    ///
    /// - Returns: Whether the fault was still to come.
    func disarm() -> Bool {
        left.withLock { left -> Bool in
            defer { left = nil }
            return left != nil
        }
    }

    /// To be called with every statement.
    func pass(_ sql: String) throws {
        let fails = left.withLock { left -> Bool in
            guard let count = left, !sql.hasPrefix("ROLLBACK"), !sql.contains("pg_notify") else { return false }
            left = count > 0 ? count - 1 : nil
            return count == 0
        }
        if fails { throw StoreError(.unavailable, "injected") }
    }
}

@Suite("faults of PostgreSQL", .enabled(if: PostgresServer.isAvailable, "no PostgreSQL server"))
struct FaultTests {
    @Test("whatever statement fails, a call has happened or not, and everything goes on afterwards")
    func everyStatement() async throws {
        let fault = Fault()
        let store = try await PostgresStore.make { $0.intercept = { try fault.pass($0) } }
        try await store.sendEvents()
        var accepted: Set<JobID> = []
        for number in 0..<400 {
            fault.arm(after: number)
            var failed = false
            do {
                let jobs = try await store.accept(1)
                accepted.formUnion(jobs.map(\.id))
                for claim in try await store.claim(10, lease: .seconds(600)) { try await store.finish(claim) }
                let claims = try await store.claimDeliveries(
                    DeliveryClaimRequest(node: NodeID("n"), limit: 10, perEndpoint: 100, lease: .seconds(600))
                ).items
                _ = try await store.recordDeliveries(
                    claims.map {
                        DeliveryReport(
                            delivery: $0.id, lease: $0.lease, next: .delivered, signal: .success,
                            record: DeliveryAttemptRecord())
                    })
            } catch let error as StoreError where error.message == "injected" {
                failed = true
            }
            if fault.disarm(), !failed { break }
        }
        // What was claimed and not finished by a call that failed has its lease; everything else has ended.
        while true {
            let claims = try await store.claim(100)
            if claims.isEmpty { break }
            for claim in claims { try await store.finish(claim) }
        }
        let counts = try await store.jobCounts()
        let jobs = try await store.jobs(Array(accepted), account: nil)
        #expect(jobs.count == accepted.count)
        #expect(counts.values.reduce(0, +) >= accepted.count)
        for job in jobs where job.state != .pulling {
            #expect(try await store.jobDetail(job.id)?.events.count == 2, "job \(job.id) is \(job.state)")
        }
        await store.close()
    }

    @Test("connections that were cut are made anew, and no call notices")
    func cut() async throws {
        let server = try PostgresServer.shared()
        let name = "cut-\(UInt32.random(in: .min ... .max))"
        let url = try server.makeSchema() + "&application_name=\(name)"
        let store = try await PostgresStore.open(url: url)
        try await store.accept(1)
        _ = try await store.jobCounts()
        let ended = try server.run(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '\(name)'")
        #expect(Int(ended.filter(\.isNumber)) ?? 0 >= 2)
        try await store.accept(1)
        #expect(try await store.jobCounts()[.pending] == 2)
        #expect(try await store.claim().count == 2)
        try await store.checkReadiness()
        await store.close()
        await expectStoreError(.unavailable) { try await store.checkReadiness() }
        await expectStoreError(.unavailable) { _ = try await store.accept(1) }
    }

    @Test("lanes that a fail-over has lost are made anew, and what is accepted afterwards is claimed")
    func failOver() async throws {
        let server = try PostgresServer.shared()
        let name = "over-\(UInt32.random(in: .min ... .max))"
        let url = try server.makeSchema()
        let store = try await PostgresStore.open(url: url + "&application_name=\(name)")
        try await store.accept(1)
        // A standby that was behind has none of this, and the numbers are given to other lanes.
        try server.run(
            """
            TRUNCATE jobs, runs, lanes, lane_states, lane_groups, group_states, lane_accounts,
              account_states RESTART IDENTITY;
            SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '\(name)'
            """, schema: String(url.split(separator: "%3D").last ?? ""))
        let jobs = try await store.accept(1, origin: "https://other.test:443") + (try await store.accept(1))
        let claims = try await store.claim(10, perOrigin: 1)
        #expect(Set(claims.map(\.job.id)) == Set(jobs.map(\.id)))
        #expect(Set(claims.map(\.job.request.origin)).count == 2)
        await store.close()
    }

    @Test("a server that is gone makes calls fail and readiness false; when it is back nothing accepted is missing")
    func restart() async throws {
        let server = try PostgresServer(options: "-c synchronous_commit=on")
        let store = try await PostgresStore.open(url: try server.makeSchema())
        let kept = try await store.accept(20)
        try server.crash()
        await expectStoreError(.unavailable) { try await store.checkReadiness() }
        await expectStoreError(.unavailable) { _ = try await store.accept(1) }
        try server.restart()
        // Everybody is woken when there is a connection again.
        for await _ in store.signals.listen(to: .upkeepDue) where (try? await store.checkReadiness()) != nil { break }
        #expect(Set(try await store.claim().map(\.job.id)) == Set(kept.map(\.id)))
        await store.close()
    }

    @Test("when the connection is lost during a commit, the call says that its outcome is not known")
    func lostCommit() async throws {
        let isArmed = Shared(false)
        let store = try await PostgresStore.make { configuration in
            configuration.intercept = { sql in
                if sql == "COMMIT", isArmed.withLock({ $0 }) { throw PostgresInjected.connectionLost }
            }
        }
        isArmed.withLock { $0 = true }
        let sentence = await expectStoreError(.unavailable) { _ = try await store.accept(1) }
        #expect(sentence.contains("not known"))
        isArmed.withLock { $0 = false }
        try await store.accept(1)
        await store.close()
    }

    @Test("more calls than may wait are refused at once")
    func full() async throws {
        let gate = DispatchSemaphore(value: 0)
        let held = AsyncStream.makeStream(of: Void.self)
        let store = try await PostgresStore.make { configuration in
            configuration.maxWaiting = 2
            configuration.writers = 1
            configuration.intercept = { sql in
                guard sql.hasPrefix("INSERT INTO access_keys") else { return }
                held.continuation.yield()
                gate.wait()
            }
        }
        async let first: Void = store.createKey(AccessKey(id: "a", secret: "s", account: .standard))
        for await _ in held.stream { break }
        async let second: Void = store.revokeKey("a")
        async let third: Void = store.revokeKey("a")
        while store.waitingCalls < 2 { await Task.yield() }
        let sentence = await expectStoreError(.unavailable) { try await store.revokeKey("a") }
        #expect(sentence.contains("wait"))
        gate.signal()
        try await first
        try await second
        try await third
        await store.close()
    }

    @Test("a server that is read-only is said to be so, and accepts nothing")
    func readOnly() async throws {
        let server = try PostgresServer.shared()
        let url = try server.makeSchema()
        await (try await PostgresStore.open(url: url)).close()
        let store = try await PostgresStore.open(url: url)
        let limited = url + "%20-cdefault_transaction_read_only%3Don"
        await expectStoreError(.unavailable) { _ = try await PostgresStore.open(url: limited) }
        try await store.accept(1)
        await store.close()
    }

    @Test("a server that is not there gives one sentence for the operator")
    func absent() async throws {
        let sentence = await expectStoreError(.unavailable) {
            _ = try await PostgresStore.open(url: "postgres://postgres@/postgres?host=/tmp/towline-no-such-folder")
        }
        #expect(sentence.contains("PostgreSQL"))
        #expect(!sentence.contains("\n"))
    }

    @Test("a transaction that another is in the way of is run again")
    func serialization() async throws {
        let once = Shared(3)
        let store = try await PostgresStore.make { configuration in
            configuration.intercept = { sql in
                guard sql.hasPrefix("INSERT INTO jobs") else { return }
                let fails = once.withLock { left -> Bool in
                    left -= 1
                    return left >= 0
                }
                if fails { throw PostgresInjected.serialization }
            }
        }
        #expect(try await store.accept(1).count == 1)
        #expect(try await store.claim().count == 1)
        await store.close()
    }
}
