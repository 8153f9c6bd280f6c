import Foundation
import Testing
import TowlineOutbound
import TowlineTesting

@testable import TowlineServer

@Suite("The file with header fields for origins")
struct SourceHeadersFileTests {
    private func load(_ bytes: [UInt8], mode: Int = 0o600) throws -> Int {
        let path = FileManager.default.temporaryDirectory.appending(path: "towline-\(UUID().uuidString).headers").path
        guard
            FileManager.default.createFile(
                atPath: path, contents: Data(bytes), attributes: [.posixPermissions: mode])
        else { throw CocoaError(.fileWriteUnknown) }
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try SourceHeadersFile.load(path).count
    }

    private func sentence(_ body: () throws -> Int) -> String {
        let error = #expect(throws: ServerError.self) { try body() }
        #expect(error?.exitCode == 2)
        return error?.description ?? ""
    }

    @Test("gives its rules")
    func good() throws {
        #expect(try load(Array("[a.example.com]\nlogin: me:hush\n".utf8)) == 1)
        #expect(try load([]) == 0)
    }

    @Test("is refused when others may read it", arguments: [0o640, 0o604, 0o620])
    func mode(mode: Int) {
        #expect(sentence { try load(Array("[a.example.com]\nX: hush".utf8), mode: mode) }.contains("0600"))
    }

    @Test("is named with the line that is wrong, without a value")
    func wrongLine() {
        let sentence = sentence { try load(Array("[a.example.com]\nHost: hush".utf8)) }
        #expect(sentence.contains("net.source-headers-file"))
        #expect(sentence.contains("line 2"))
        #expect(!sentence.contains("hush"))
    }

    @Test("is refused when it is missing, a folder, not UTF-8 or too large")
    func unreadable() {
        #expect(sentence { try SourceHeadersFile.load("/nonexistent/headers").count }.contains("cannot be read"))
        #expect(sentence { try SourceHeadersFile.load("/").count }.contains("cannot be read"))
        #expect(sentence { try load([0xff, 0xfe]) }.contains("UTF-8"))
        #expect(sentence { try load([UInt8](repeating: 0x0a, count: 1 << 20 + 1)) }.contains("1 MiB"))
    }
}
