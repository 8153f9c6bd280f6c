import NIOCore
import NIOPosix
import Testing
import TowlineCore
import TowlineObjects
import TowlineTesting

@Suite("Objects on disk")
struct DiskObjectStoreTests {
    private let folder: TemporaryFolder
    private let store: DiskObjectStore
    private let key = ObjectKey("ab/one.mp4")

    init() throws {
        folder = try TemporaryFolder()
        store = try DiskObjectStore(root: folder.path + "/media", threads: .singleton)
    }

    @Test("an object has its name only after it is finished")
    func finish() async throws {
        let upload = try await store.beginUpload(key)
        try await upload.write(ByteBuffer(string: "hello "))
        try await upload.write(ByteBuffer(string: "world"))
        #expect(folder.contents("media/ab/one.mp4") == nil)
        try await upload.finish()
        #expect(folder.contents("media/ab/one.mp4") == Array("hello world".utf8))
        #expect(folder.files == ["media/ab/one.mp4"])
    }

    @Test("many megabytes arrive in order")
    func large() async throws {
        let upload = try await store.beginUpload(key)
        for number in 0..<40 {
            try await upload.write(ByteBuffer(repeating: UInt8(number), count: 1 << 20))
        }
        try await upload.finish()
        let bytes = try #require(folder.contents("media/ab/one.mp4"))
        #expect(bytes.count == 40 << 20)
        for number in 0..<40 {
            let first = number << 20
            let last = first + (1 << 20) - 1
            #expect(bytes[first] == UInt8(number))
            #expect(bytes[last] == UInt8(number))
        }
    }

    @Test("an aborted upload leaves nothing")
    func abort() async throws {
        let upload = try await store.beginUpload(key)
        try await upload.write(ByteBuffer(string: "half"))
        await upload.abort()
        #expect(folder.files.isEmpty)
    }

    @Test("an empty object is an object")
    func empty() async throws {
        let upload = try await store.beginUpload(key)
        try await upload.finish()
        #expect(folder.contents("media/ab/one.mp4") == [])
    }

    @Test("a deferred object can be read at once and be written again")
    func deferred() async throws {
        try await store.putDeferred(key, Array("old and longer".utf8))
        try await store.putDeferred(key, Array("new".utf8))
        try await store.syncDeferred()
        #expect(folder.contents("media/ab/one.mp4") == Array("new".utf8))
    }

    @Test("removing takes the object and what an unfinished upload left, and does not mind what is missing")
    func remove() async throws {
        let upload = try await store.beginUpload(key)
        try await upload.write(ByteBuffer(string: "half"))
        try await store.putDeferred(ObjectKey("cd/two.mp4"), [1])
        let keys = [key, ObjectKey("cd/two.mp4"), ObjectKey("ef/three.mp4")]
        // The write may still be on its way; finishing it first makes the outcome certain.
        try await upload.finish()
        #expect(try await store.remove(keys) == keys)
        #expect(folder.files.isEmpty)
    }

    @Test("a folder that cannot be made is an error with its path and reason")
    func unwritable() throws {
        let error = #expect(throws: ObjectStoreError.self) {
            try DiskObjectStore(root: "/proc/towline/media", threads: .singleton)
        }
        #expect(error?.message.contains("/proc/towline") == true)
    }

    // MARK: Going on with what another attempt left

    private let next = ObjectKey("ab/two.mp4")

    @Test("what was left is taken over under another key, cut to what counts, and goes on from there")
    func takeOver() async throws {
        let first = try await store.beginResumableUpload(key)
        try await first.write(ByteBuffer(string: "hello, this is too much"))
        #expect(try await first.sync(isLast: false) == nil)
        await first.leave()
        #expect(folder.files == ["media/ab/one.mp4.part"])
        let second = try #require(
            try await store.takeOver(
                [next, key], as: ObjectKey("ab/three.mp4"), prefix: StoredPrefix(bytes: 5, crc64: 0)))
        #expect(folder.files == ["media/ab/three.mp4.part"])
        #expect(try await second.read(at: 0, count: 100) == ByteBuffer(string: "hello"))
        try await second.write(ByteBuffer(string: " world"))
        try await second.finish()
        #expect(folder.contents("media/ab/three.mp4") == Array("hello world".utf8))
        #expect(folder.files == ["media/ab/three.mp4"])
    }

    @Test("a writer whose upload was taken over changes nothing, and removes nothing")
    func lateWriter() async throws {
        let late = try await store.beginResumableUpload(key)
        try await late.write(ByteBuffer(string: "hello"))
        #expect(try await late.sync(isLast: false) == nil)
        let second = try #require(try await store.takeOver([key], as: next, prefix: StoredPrefix(bytes: 5, crc64: 0)))
        await #expect(throws: ObjectStoreError.self) {
            try await late.write(ByteBuffer(string: "OTHER"))
            #expect(try await late.sync(isLast: false) == nil)
        }
        await #expect(throws: ObjectStoreError.self) { try await late.finish() }
        await late.abort()
        #expect(try await second.read(at: 0, count: 100) == ByteBuffer(string: "hello"))
        try await second.finish()
        #expect(folder.contents("media/ab/two.mp4") == Array("hello".utf8))
    }

    @Test("nothing is taken over where nothing, or too little, is left")
    func tooLittle() async throws {
        #expect(try await store.takeOver([key], as: next, prefix: StoredPrefix(bytes: 1, crc64: 0)) == nil)
        let first = try await store.beginResumableUpload(key)
        try await first.write(ByteBuffer(string: "hello"))
        await first.leave()
        #expect(try await store.takeOver([key], as: next, prefix: StoredPrefix(bytes: 6, crc64: 0)) == nil)
        #expect(folder.files.isEmpty)
        let second = try await store.beginResumableUpload(next)
        try await second.write(ByteBuffer(string: "new"))
        try await second.finish()
        #expect(folder.contents("media/ab/two.mp4") == Array("new".utf8))
        #expect(folder.files == ["media/ab/two.mp4"])
    }

    @Test("an upload that is begun again holds nothing of before")
    func restart() async throws {
        let upload = try await store.beginResumableUpload(key)
        try await upload.write(ByteBuffer(string: "a long beginning"))
        try await upload.restart()
        try await upload.write(ByteBuffer(string: "short"))
        try await upload.finish()
        #expect(folder.contents("media/ab/one.mp4") == Array("short".utf8))
    }

    @Test("an upload can be synced before anything is written and while more is written")
    func sync() async throws {
        let upload = try await store.beginResumableUpload(key)
        #expect(try await upload.sync(isLast: false) == nil)
        for number in 0..<8 {
            try await upload.write(ByteBuffer(repeating: UInt8(number), count: 1 << 16))
            async let synced = upload.sync(isLast: false)
            try await upload.write(ByteBuffer(repeating: UInt8(number), count: 1 << 16))
            #expect(try await synced == nil)
        }
        try await upload.finish()
        #expect(folder.contents("media/ab/one.mp4")?.count == 1 << 20)
    }
}
