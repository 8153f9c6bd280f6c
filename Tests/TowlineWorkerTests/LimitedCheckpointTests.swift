import Testing
import TowlineObjects
import TowlineStore

@testable import TowlineWorker

@Suite("What is written down of a checkpoint")
struct LimitedCheckpointTests {
    private let checkpoint = TransferCheckpoint(
        version: SourceVersion(validator: "\"v1\"", total: 100), bytes: 50, crc64: 7)

    @Test("all of it, where the store made all of it durable")
    func all() {
        #expect(checkpoint.limited(to: nil) == checkpoint)
    }

    @Test("as much as is durable, with the digest of that; nothing, where nothing is")
    func less() {
        let limited = checkpoint.limited(to: StoredPrefix(bytes: 40, crc64: 9))
        #expect(limited == TransferCheckpoint(version: checkpoint.version, bytes: 40, crc64: 9))
        #expect(checkpoint.limited(to: StoredPrefix(bytes: 0, crc64: 0)) == nil)
    }
}
