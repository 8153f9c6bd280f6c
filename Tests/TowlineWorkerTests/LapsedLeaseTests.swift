import NIOPosix
import ServiceLifecycle
import ServiceLifecycleTestKit
import Testing
import TowlineCore
import TowlineObjects
import TowlineStore
import TowlineStoreSQLite
import TowlineTesting
import TowlineWorker

@Suite("Leases that nobody can renew", .timeLimit(.minutes(5)))
struct LapsedLeaseTests {
    @Test(
        "an attempt ends with its lease when the store is out of reach, and leaves nothing",
        arguments: CutOffStore.Manner.allCases
    )
    func lapse(manner: CutOffStore.Manner) async throws {
        let test = try await TestStore()
        let job = try await test.accept("a.mp4")
        let store = CutOffStore(test.store, manner: manner)
        let clock = ManualClock()
        let running = RunningAttempts()
        var configuration = PullConfiguration(node: NodeID("test"))
        configuration.grace = .zero
        configuration.lease = .seconds(3)
        let engine = PullEngine(
            store: store, signals: test.store.signals,
            objects: try DiskObjectStore(root: test.folder.path + "/media", threads: .singleton),
            fetcher: ScriptedFetcher(["https://media.example.com/a.mp4": [.hangs([1, 2, 3])]]),
            configuration: configuration, running: running, clock: clock, random: { 0 }, logger: .silent)
        try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await engine.run() }
                while (running.progress(of: job.id)?.bytesReceived ?? 0) < 3 { await Task.yield() }
                store.cut()
                while running.count > 0 {
                    clock.advance(by: .seconds(1))
                    await Task.yield()
                }
                trigger.triggerGracefulShutdown()
                try await group.waitForAll()
            }
        }
        #expect(store.lateReports.isEmpty)
        let left = try #require(try await test.store.jobs([job.id], account: nil).first)
        #expect(left.state == .pulling, "only the end of the lease gives the job to others")
        #expect(test.folder.files.filter { $0.hasPrefix("media/") }.isEmpty)
    }
}
