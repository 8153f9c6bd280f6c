import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing
import TowlineCore
import TowlineObjects
import TowlineOutbound
import TowlineTesting

@testable import TowlineObjectsS3

@Suite("Objects in a bucket that fails", .timeLimit(.minutes(2)))
struct S3StoreTests {
    private let key = ObjectKey("ab/one.mp4")
    private let next = ObjectKey("ab/two.mp4")
    private static let now: Int64 = 1_800_000_000

    /// Runs a test with a store over a bucket.
    private func withStore(
        _ plan: @escaping FakeS3.Plan = { _, _ in nil }, clock: NoWaitClock = NoWaitClock(),
        budget: PartBudget = PartBudget(), query: String = "",
        _ test: (S3ObjectStore, FakeS3) async throws -> Void
    ) async throws {
        let fake = try await FakeS3.start(plan)
        let client = OutboundClient(
            configuration: OutboundConfiguration(), policy: .development(), resolver: NoResolver(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        let store = S3ObjectStore(
            location: try S3Location(parsing: fake.url + query),
            credentials: S3Credentials(accessKeyID: "id", secretAccessKey: "secret"), caller: client, budget: budget,
            clock: clock, wallClock: { Timestamp(milliseconds: Self.now * 1000) }, random: { 0.5 },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        do {
            try await test(store, fake)
        } catch {
            await client.shutdown()
            await fake.stop()
            throw error
        }
        await client.shutdown()
        await fake.stop()
    }

    private struct NoResolver: HostResolver {
        func resolve(_ name: String, within limit: Duration) async throws -> [IPAddress] { [] }
    }

    /// A file that looks different at the beginning of every part: a prime number of bytes over and over.
    private static func file(_ count: Int) -> [UInt8] {
        var state: UInt64 = 7
        let block = (0..<65_537).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + block.count)
        while bytes.count < count { bytes += block }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    private static func crc(_ bytes: some Collection<UInt8>) -> UInt64 {
        var digest = CRC64()
        digest.update(Array(bytes))
        return digest.value
    }

    private func write(_ bytes: ArraySlice<UInt8>, to upload: any ObjectUpload) async throws {
        var rest = bytes
        while !rest.isEmpty {
            try await upload.write(ByteBuffer(bytes: rest.prefix(700_000)))
            rest = rest.dropFirst(700_000)
        }
    }

    // MARK: Whole objects

    @Test(
        "an object has the bytes that were written, in one call or in parts",
        arguments: [(0, 0), (1, 0), (8 << 20, 0), (8 << 20 + 1, 2), (20 << 20, 3)])
    func sizes(count: Int, parts: Int) async throws {
        let file = Self.file(count)
        for query in ["", "&checksum=sha256"] {
            try await withStore(query: query) { store, fake in
                let upload = try await store.beginUpload(key)
                try await write(file[...], to: upload)
                try await upload.finish()
                #expect(fake.now.objects["in/ab/one.mp4"]?.bytes == file)
                #expect(fake.count("PUT", "partNumber") == parts)
                #expect(fake.now.uploads.isEmpty)
            }
        }
    }

    @Test("what a store says in passing is tried again, with waits that grow, and nothing is wrong afterwards")
    func passing() async throws {
        let file = Self.file(20 << 20)
        let clock = NoWaitClock()
        let faults: [Int: FakeS3.Fault] = [
            1: .answer(503, "SlowDown"), 2: .cut, 4: .answer(500, "InternalError"), 5: .cut, 8: .obeyedAndCut,
        ]
        try await withStore({ _, number in faults[number] }, clock: clock) { store, fake in
            let upload = try await store.beginUpload(key)
            try await write(file[...], to: upload)
            try await upload.finish()
            #expect(fake.now.objects["in/ab/one.mp4"]?.bytes == file)
            #expect(fake.now.uploads.isEmpty)
        }
        #expect(clock.waits.contains(.milliseconds(100)) && clock.waits.contains(.milliseconds(200)))
    }

    @Test("a completion that says 200 and then that it failed is tried again")
    func acceptedError() async throws {
        let file = Self.file(9 << 20)
        let isFirst = Mutex(true)
        try await withStore({ request, _ in
            guard request.method == "POST", request.target.contains("uploadId") else { return nil }
            return isFirst.withLock { isFirst in
                defer { isFirst = false }
                return isFirst ? .accepted("InternalError") : nil
            }
        }) { store, fake in
            let upload = try await store.beginUpload(key)
            try await write(file[...], to: upload)
            try await upload.finish()
            #expect(fake.now.objects["in/ab/one.mp4"]?.bytes == file)
            #expect(fake.count("POST", "uploadId") == 2)
        }
    }

    @Test("a completion whose answer was lost is found to be done")
    func lostAnswer() async throws {
        let file = Self.file(9 << 20)
        let isFirst = Mutex(true)
        try await withStore({ request, _ in
            guard request.method == "POST", request.target.contains("uploadId") else { return nil }
            return isFirst.withLock { isFirst in
                defer { isFirst = false }
                return isFirst ? .obeyedAndCut : nil
            }
        }) { store, fake in
            let upload = try await store.beginUpload(key)
            try await write(file[...], to: upload)
            try await upload.finish()
            #expect(fake.now.objects["in/ab/one.mp4"]?.bytes == file)
            #expect(fake.count("POST", "uploadId") == 2 && fake.count("HEAD") == 1)
        }
    }

    @Test("tries have an end, and what failed leaves nothing once it is dropped")
    func exhausted() async throws {
        let file = Self.file(9 << 20)
        let clock = NoWaitClock()
        try await withStore(
            { request, _ in
                request.target.contains("partNumber=2") ? .answer(503, "SlowDown") : nil
            }, clock: clock
        ) { store, fake in
            let upload = try await store.beginUpload(key)
            try await write(file[...], to: upload)
            let error = await #expect(throws: ObjectStoreError.self) { try await upload.finish() }
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains("writing part 2: the object store answered 503 (SlowDown)") == true)
            #expect(fake.count("PUT", "partNumber=2") == 6)
            await upload.abort()
            #expect(fake.now.uploads.isEmpty && fake.now.objects.isEmpty)
        }
        #expect(clock.waits == [100, 200, 400, 800, 1600].map { .milliseconds($0) })
    }

    @Test("a clock that is wrong is learned from the store once, for all calls that follow")
    func skew() async throws {
        let late = "Fri, 15 Jan 2027 09:00:00 GMT"
        try await withStore({ request, _ in
            request.header("x-amz-date") == "20270115T080000Z"
                ? .answer(403, "RequestTimeTooSkewed", fields: [("Date", late)]) : nil
        }) { store, fake in
            for _ in 0..<2 {
                let upload = try await store.beginUpload(key)
                try await upload.write(ByteBuffer(string: "x"))
                try await upload.finish()
            }
            #expect(fake.count("PUT") == 3)
        }
        try await withStore({ _, _ in .answer(403, "RequestTimeTooSkewed", fields: [("Date", late)]) }) { store, fake in
            let error = await #expect(throws: ObjectStoreError.self) { try await store.checkReadiness() }
            #expect(error?.message.contains("set both by NTP") == true)
            #expect(fake.now.log.count == 2)
        }
    }

    @Test(
        "each denial is said clearly, once",
        arguments: [
            (403, "AccessDenied", [], ObjectStoreError.Code.forbidden, "the access key 'id' may not do this"),
            (403, "InvalidAccessKeyId", [], .forbidden, "does not know the access key 'id'"),
            (403, "SignatureDoesNotMatch", [], .forbidden, "the secret of the access key 'id' is wrong"),
            (400, "ExpiredToken", [], .forbidden, "the session token of the access key 'id'"),
            (404, "NoSuchBucket", [], .forbidden, "there is no bucket 'media'"),
            (301, "PermanentRedirect", [("x-amz-bucket-region", "eu-2")], .forbidden, "is in the region 'eu-2'"),
            (403, "QuotaExceeded", [], .full, "(QuotaExceeded)"),
            (507, "", [], .full, "answered 507"),
            (400, "InvalidRequest", [], .unavailable, "answered 400 (InvalidRequest): no <reason>"),
        ] as [(Int, String, [(String, String)], ObjectStoreError.Code, String)])
    func denials(
        status: Int, code: String, fields: [(String, String)], kind: ObjectStoreError.Code, sentence: String
    ) async throws {
        try await withStore({ _, _ in .answer(status, code, fields: fields) }) { store, fake in
            let upload = try await store.beginUpload(key)
            try await upload.write(ByteBuffer(string: "x"))
            let error = await #expect(throws: ObjectStoreError.self) { try await upload.finish() }
            #expect(error?.code == kind)
            #expect(error?.message.contains(sentence) == true, "\(error?.message ?? "")")
            #expect(error?.message.contains("secret") == (code == "SignatureDoesNotMatch"))
            #expect(fake.now.log.count == 1)
        }
    }

    @Test("many uploads at once share the memory, and all end")
    func manyUploads() async throws {
        let file = Self.file((17 << 20) + 5)
        let budget = PartBudget(bytes: PartBudget.leastBytes)
        try await withStore(budget: budget) { store, fake in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        let upload = try await store.beginUpload(ObjectKey("\(number)"))
                        try await write(file[...], to: upload)
                        try await upload.finish()
                    }
                }
                try await group.waitForAll()
            }
            #expect(fake.now.objects.values.count { $0.bytes == file } == 8)
        }
        #expect(budget.mostBytes <= PartBudget.leastBytes)
        #expect(budget.piecesInUse == 0)
    }

    // MARK: Going on with what was left

    @Test("a checkpoint is what the store has acknowledged, at the end of a part")
    func checkpoint() async throws {
        let file = Self.file(20 << 20)
        try await withStore { store, _ in
            let upload = try await store.beginResumableUpload(key)
            #expect(try await upload.sync(isLast: false) == StoredPrefix(bytes: 0, crc64: 0))
            try await write(file[...], to: upload)
            let prefix = try await upload.sync(isLast: false)
            #expect(prefix == StoredPrefix(bytes: 16 << 20, crc64: Self.crc(file.prefix(16 << 20))))
            #expect(
                try await upload.sync(isLast: true) == StoredPrefix(bytes: 20 << 20, crc64: Self.crc(file)))
            await upload.leave()
        }
    }

    @Test(
        "what was left is gone on with under another key, from any length, and is the same file in the end",
        arguments: [1, 3 << 20, 5 << 20, 8 << 20, (8 << 20) + 1, 16 << 20, (17 << 20) + 3])
    func takeOver(count: Int) async throws {
        let file = Self.file(25 << 20)
        try await withStore { store, fake in
            let first = try await store.beginResumableUpload(key)
            try await write(file[..<count], to: first)
            let left = try #require(try await first.sync(isLast: true))
            #expect(left == StoredPrefix(bytes: Int64(count), crc64: Self.crc(file[..<count])))
            await first.leave()
            let second = try #require(try await store.takeOver([next, key], as: next, prefix: left))
            #expect(second.isVerified)
            let beginning = try await second.read(at: 0, count: 100)
            #expect(Array(beginning.readableBytesView) == Array(file[..<min(100, count)]))
            #expect(try await second.sync(isLast: false) == left)
            try await write(file[count...], to: second)
            try await second.finish()
            #expect(fake.now.objects["in/ab/two.mp4"]?.bytes == file)
            #expect(try await store.remove([key]) == [key])
            #expect(fake.now.objects.keys.sorted() == ["in/ab/two.mp4"])
            #expect(fake.now.uploads.isEmpty)
        }
    }

    @Test("a kill leaves parts, of which those that were written down are gone on with; a later kill changes nothing")
    func kill() async throws {
        let file = Self.file(30 << 20)
        try await withStore { store, fake in
            let first = try await store.beginResumableUpload(key)
            try await write(file.prefix(26 << 20), to: first)
            let recorded = try #require(try await first.sync(isLast: false))
            #expect(recorded.bytes == 24 << 20)
            // The first process is gone without a word; the second as well, when it had taken over.
            _ = try #require(try await store.takeOver([key], as: next, prefix: recorded))
            let third = ObjectKey("ab/three.mp4")
            let upload = try #require(try await store.takeOver([next, key], as: third, prefix: recorded))
            try await write(file.dropFirst(24 << 20), to: upload)
            try await upload.finish()
            #expect(fake.now.objects["in/ab/three.mp4"]?.bytes == file)
            // The first one wakes: whatever it does fails, and changes nothing.
            await #expect(throws: ObjectStoreError.self) {
                try await write(file.dropFirst(26 << 20), to: first)
                try await first.finish()
            }
            #expect(fake.now.objects["in/ab/three.mp4"]?.bytes == file)
            let removed = try await store.remove([key, next])
            #expect(Set(removed) == [key, next])
            #expect(fake.now.objects.keys.sorted() == ["in/ab/three.mp4"])
            #expect(fake.now.uploads.isEmpty)
        }
    }

    @Test("what is not there, is too little, or cannot be told apart is not gone on with")
    func nothingLeft() async throws {
        let file = Self.file(17 << 20)
        try await withStore { store, fake in
            let prefix = StoredPrefix(bytes: 16 << 20, crc64: Self.crc(file.prefix(16 << 20)))
            #expect(try await store.takeOver([key], as: next, prefix: prefix) == nil)
            let first = try await store.beginResumableUpload(key)
            try await write(file.prefix(9 << 20), to: first)
            _ = try await first.sync(isLast: false)
            #expect(try await store.takeOver([key], as: next, prefix: prefix) == nil)
            for _ in 0..<2 {
                let upload = try await store.beginResumableUpload(key)
                try await write(file[...], to: upload)
                _ = try await upload.sync(isLast: false)
            }
            #expect(try await store.takeOver([key], as: next, prefix: prefix) == nil)
            #expect(try await store.remove([key]) == [key])
            #expect(fake.now.uploads.isEmpty)
        }
    }

    @Test("an object that changes while it is copied, or a store that cannot copy, means: from the beginning")
    func changed() async throws {
        let file = Self.file(9 << 20)
        for fault in [FakeS3.Fault.answer(412, "PreconditionFailed"), .answer(501, "NotImplemented")] {
            try await withStore({ request, _ in request.header("x-amz-copy-source") == nil ? nil : fault }) {
                store, fake in
                let first = try await store.beginResumableUpload(key)
                try await write(file[...], to: first)
                let left = try #require(try await first.sync(isLast: true))
                #expect(try await store.takeOver([key], as: next, prefix: left) == nil)
                #expect(fake.now.uploads.isEmpty)
            }
        }
    }

    @Test("an upload that is begun again holds nothing of before, here and in the bucket")
    func restart() async throws {
        let file = Self.file(18 << 20)
        try await withStore { store, fake in
            let upload = try await store.beginResumableUpload(key)
            try await write(file[...], to: upload)
            try await upload.restart()
            #expect(fake.now.uploads.isEmpty)
            try await upload.write(ByteBuffer(string: "short"))
            try await upload.finish()
            #expect(fake.now.objects["in/ab/one.mp4"]?.bytes == Array("short".utf8))
        }
    }

    @Test("what cannot be removed is not said to be")
    func removal() async throws {
        try await withStore({ request, _ in request.target.contains("two") ? .answer(403, "AccessDenied") : nil }) {
            store, _ in
            let removed = try await store.remove([key, next])
            #expect(removed == [key])
            let error = await #expect(throws: ObjectStoreError.self) { try await store.remove([next]) }
            #expect(error?.code == .forbidden)
        }
    }
}
