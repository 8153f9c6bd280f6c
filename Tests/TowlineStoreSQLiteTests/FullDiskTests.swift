import Foundation
import Testing
import TowlineCore
import TowlineStore
import TowlineStoreSQLite

private let smallDisk = ProcessInfo.processInfo.environment["TOWLINE_SMALL_DISK"]

/// Runs on a disk that really is full: give a folder on a file system of a few MiB, such as a tmpfs, in
/// `TOWLINE_SMALL_DISK`.
@Suite("a disk that is full", .serialized, .enabled(if: smallDisk != nil))
struct FullDiskTests {
    @Test("submissions are refused with one sentence, and what was accepted ends when there is space again")
    func fillUp() async throws {
        let folder = try TestFolder(in: try #require(smallDisk))
        let ballast = folder.path + "/ballast"
        try Data(count: 3 << 20).write(to: URL(fileURLWithPath: ballast))
        let store = try await folder.open()
        var accepted: Set<JobID> = []
        var refusals = 0
        while refusals < 20 {
            do {
                accepted.formUnion(try await store.accept(20).map(\.id))
            } catch let error as StoreError {
                #expect(error.code == .full, "\(error)")
                refusals += 1
            }
        }
        #expect(!accepted.isEmpty)
        #expect(try await store.jobCounts()[.pending] == accepted.count)

        try FileManager.default.removeItem(atPath: ballast)
        try await store.checkReadiness()
        var ended: Set<JobID> = []
        while true {
            let claims = try await store.claim(50)
            if claims.isEmpty { break }
            for claim in claims where ended.count < 20 {
                try await store.finish(claim)
                ended.insert(claim.job.id)
            }
            if ended.count >= 20 { break }
        }
        #expect(accepted.isSuperset(of: ended))
        await store.close()
        let reopened = try await folder.open()
        #expect(try await reopened.jobCounts().values.reduce(0, +) == accepted.count)
        await reopened.close()
    }
}
