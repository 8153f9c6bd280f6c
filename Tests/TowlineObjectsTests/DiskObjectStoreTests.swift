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
}
