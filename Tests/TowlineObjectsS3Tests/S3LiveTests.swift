import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing
import TowlineCore
import TowlineObjects
import TowlineOutbound

@testable import TowlineObjectsS3

/// Against a real store.
///
/// `TOWLINE_S3_TEST_URL` names it in the form of `objects.url`; the key is that of the variables that the tools of S3
/// share. Each test has keys of its own and removes them.
@Suite(
    "An S3-compatible store of others", .timeLimit(.minutes(5)), .serialized,
    .enabled(if: ProcessInfo.processInfo.environment["TOWLINE_S3_TEST_URL"] != nil))
struct S3LiveTests {
    private let environment = ProcessInfo.processInfo.environment
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private var location: S3Location {
        get throws { try S3Location(parsing: environment["TOWLINE_S3_TEST_URL"] ?? "") }
    }

    private var credentials: S3Credentials {
        S3Credentials(
            accessKeyID: environment["AWS_ACCESS_KEY_ID"] ?? "",
            secretAccessKey: environment["AWS_SECRET_ACCESS_KEY"] ?? "")
    }

    private static var now: Timestamp {
        Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    }

    private func key() -> ObjectKey { ObjectKey("live/\(UInt64.random(in: 0...UInt64.max)).mp4") }

    private func withStore(
        clockOffset: Duration = .zero, _ test: (S3ObjectStore, OutboundClient) async throws -> Void
    ) async throws {
        let client = OutboundClient(
            configuration: OutboundConfiguration(), policy: .development(), resolver: SystemResolver(), logger: logger,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        let store = S3ObjectStore(
            location: try location, credentials: credentials, caller: client,
            wallClock: { Self.now + clockOffset }, logger: logger)
        do {
            try await test(store, client)
        } catch {
            await client.shutdown()
            throw error
        }
        await client.shutdown()
    }

    private static func file(_ count: Int) -> [UInt8] {
        let block = (0..<65_537).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        var bytes: [UInt8] = []
        while bytes.count < count { bytes += block }
        return Array(bytes.prefix(count))
    }

    private static func prefix(_ bytes: some Collection<UInt8>) -> StoredPrefix {
        var digest = CRC64()
        digest.update(Array(bytes))
        return StoredPrefix(bytes: Int64(bytes.count), crc64: digest.value)
    }

    /// The bytes of an object; nil where there is none.
    private func bytes(of key: ObjectKey, _ client: OutboundClient) async throws -> [UInt8]? {
        let reader = S3Client(
            location: try location, credentials: credentials, caller: client, retry: S3RetryRule(),
            clock: SystemMonotonicClock(), wallClock: { Self.now }, random: { 0 }, logger: logger)
        let full = try location.key(key)
        guard let found = try await reader.head(full) else { return nil }
        guard found.bytes > 0 else { return [] }
        return Array(try await reader.bytes(of: found, 0..<found.bytes).readableBytesView)
    }

    @Test("a URL that carries its signature can be read by who has it, as the file that it names")
    func presigned() async throws {
        try await withStore { store, client in
            let key = key()
            let upload = try await store.beginUpload(key)
            try await upload.write(ByteBuffer(string: "hello"))
            try await upload.finish()
            let presigner = S3Presigner(location: try location, credentials: credentials)
            let url = try presigner.url(for: key, at: Self.now, lifetime: 60, fileName: "a b;\"ü.mp4")
            let response = try await client.execute(OutboundRequest(url: url))
            #expect(response.status == .ok)
            #expect(response.headers.first(name: "content-disposition")?.contains("a%20b%3B%22%C3%BC.mp4") == true)
            let body = try await response.collectBody(upTo: 100)
            #expect(body.bytes == ByteBuffer(string: "hello"))
            #expect(try await store.remove([key]) == [key])
        }
    }

    @Test("what is written can be read, until it is removed")
    func writeAndRead() async throws {
        try await withStore { store, client in
            try await store.checkReadiness()
            for count in [0, 100, (17 << 20) + 5] {
                let (key, file) = (key(), Self.file(count))
                let upload = try await store.beginUpload(key)
                try await upload.write(ByteBuffer(bytes: file))
                try await upload.finish()
                #expect(try await bytes(of: key, client) == file)
                #expect(try await store.remove([key]) == [key])
                #expect(try await bytes(of: key, client) == nil)
            }
        }
    }

    @Test("what is left is gone on with, whether it was flushed or not", arguments: [1 << 20, 6 << 20, 20 << 20])
    func goOn(count: Int) async throws {
        try await withStore { store, client in
            let (old, new, file) = (key(), key(), Self.file(30 << 20))
            let first = try await store.beginResumableUpload(old)
            try await first.write(ByteBuffer(bytes: file[..<count]))
            let left = try #require(try await first.sync(isLast: true))
            #expect(left == Self.prefix(file[..<count]))
            let second = try #require(try await store.takeOver([old], as: new, prefix: left))
            let beginning = try await second.read(at: 0, count: 1000)
            #expect(Array(beginning.readableBytesView) == Array(file[..<1000]))
            try await second.write(ByteBuffer(bytes: file[count...]))
            try await second.finish()
            #expect(try await bytes(of: new, client) == file)
            // The first one wakes, and changes nothing.
            try? await first.write(ByteBuffer(repeating: 0, count: 9 << 20))
            try? await first.finish()
            #expect(try await bytes(of: new, client) == file)
            let removed = try await store.remove([old, new])
            #expect(removed.count == 2)
        }
    }

    @Test("parts that a killed process left are gone on with")
    func kill() async throws {
        try await withStore { store, client in
            let (old, new, file) = (key(), key(), Self.file(28 << 20))
            let first = try await store.beginResumableUpload(old)
            try await first.write(ByteBuffer(bytes: file[..<(25 << 20)]))
            let recorded = try #require(try await first.sync(isLast: false))
            #expect(recorded == Self.prefix(file[..<(24 << 20)]))
            let second = try #require(try await store.takeOver([old], as: new, prefix: recorded))
            try await second.write(ByteBuffer(bytes: file[(24 << 20)...]))
            try await second.finish()
            #expect(try await bytes(of: new, client) == file)
            let removed = try await store.remove([old, new])
            #expect(removed.count == 2)
        }
    }

    @Test("an upload that is dropped leaves nothing, and cannot be gone on with")
    func abort() async throws {
        try await withStore { store, _ in
            let (old, file) = (key(), Self.file(20 << 20))
            let upload = try await store.beginResumableUpload(old)
            try await upload.write(ByteBuffer(bytes: file))
            let recorded = try #require(try await upload.sync(isLast: false))
            await upload.abort()
            #expect(try await store.takeOver([old], as: key(), prefix: recorded) == nil)
        }
    }

    @Test(
        "a clock that is hours off is no hindrance, where the store minds",
        arguments: [Duration.seconds(-7200), .seconds(7200)])
    func skew(offset: Duration) async throws {
        try await withStore(clockOffset: offset) { store, client in
            let key = key()
            let upload = try await store.beginUpload(key)
            try await upload.write(ByteBuffer(string: "hello"))
            try await upload.finish()
            #expect(try await bytes(of: key, client) == Array("hello".utf8))
            #expect(try await store.remove([key]) == [key])
        }
    }

    @Test("a wrong secret, an unknown key and a missing bucket are told apart")
    func denials() async throws {
        try await withStore { _, client in
            func message(_ location: S3Location, _ credentials: S3Credentials) async -> String {
                let store = S3ObjectStore(
                    location: location, credentials: credentials, caller: client, wallClock: { Self.now },
                    logger: logger)
                let error = await #expect(throws: ObjectStoreError.self) { try await store.checkReadiness() }
                #expect(error?.code == .forbidden)
                return error?.message ?? ""
            }
            let wrong = S3Credentials(accessKeyID: credentials.accessKeyID, secretAccessKey: "wrong")
            #expect(await message(try location, wrong).contains("is wrong, or something on the way"))
            let unknown = S3Credentials(accessKeyID: "TOWLINENOBODY", secretAccessKey: "wrong")
            #expect(await message(try location, unknown).contains("does not know the access key 'TOWLINENOBODY'"))
            let text = environment["TOWLINE_S3_TEST_URL"] ?? ""
            let bucket = try location.bucket
            let missing = try S3Location(
                parsing: text.replacingOccurrences(of: "s3://\(bucket)", with: "s3://missing-7q"))
            #expect(await message(missing, credentials).contains("there is no bucket 'missing-7q'"))
        }
    }
}
