import Testing
import TowlineCore

@Suite("Times and identifiers")
struct TimestampTests {
    @Test(
        "a time is written as the wire wants it",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (1_767_323_045_999, "2026-01-02T03:04:05Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"), (4_102_444_800_000, "2100-01-01T00:00:00Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00Z"),
        ])
    func description(milliseconds: Int, text: String) {
        #expect(Timestamp(milliseconds: Int64(milliseconds)).description == text)
    }

    @Test("differences and sums are to the millisecond")
    func arithmetic() {
        let start = Timestamp(milliseconds: 1000)
        #expect((start + .milliseconds(1500)).milliseconds == 2500)
        #expect((start - .seconds(2)).milliseconds == -1000)
        #expect(start + .seconds(3) - start == .seconds(3))
    }

    @Test("identifiers are 32 digits behind their prefix and read back")
    func identifiers() throws {
        var random = SystemRandomNumberGenerator()
        let now = Timestamp(milliseconds: 1_767_323_045_000)
        let event = EventID(at: now, using: &random)
        #expect(event.description.hasPrefix("evt_"))
        #expect(EventID(event.description) == event)
        #expect(EventID(bytes: event.bytes) == event)
        let job = JobID(at: now, using: &random)
        #expect(job.description.utf8.count == 32)
        #expect(JobID(job.description) == job)
        #expect(JobID(job.description.uppercased()) == nil)
        #expect(JobID(String(job.description.dropLast())) == nil)
        #expect(EventID(job.description) == nil)
    }

    @Test("identifiers sort by the time of their making")
    func order() {
        var random = SystemRandomNumberGenerator()
        let ids = (0..<50).map { JobID(at: Timestamp(milliseconds: 1_000_000 + Int64($0)), using: &random) }
        #expect(ids == ids.sorted())
        #expect(Set(ids).count == 50)
    }

    @Test("an attempt's key differs from every other attempt's of the same media item")
    func objectKeys() {
        var random = SystemRandomNumberGenerator()
        let media = MediaID(at: Timestamp(milliseconds: 5), using: &random)
        let keys = (0..<20).map { _ in
            ObjectKey(
                media: media, lease: LeaseToken(at: Timestamp(milliseconds: 6), using: &random), fileExtension: "mp4")
        }
        #expect(Set(keys).count == 20)
        #expect(keys[0].description.hasSuffix(".mp4"))
        #expect(keys[0].description.contains(media.description))
    }
}
