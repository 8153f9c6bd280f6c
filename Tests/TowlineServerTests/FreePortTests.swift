import NIOPosix
import Testing

@testable import TowlineServer

@Suite("Free ports")
struct FreePortTests {
    @Test("are not those that are spoken for")
    func besides() async throws {
        let address = Settings.HostPort(host: "127.0.0.1", port: 0)
        let group = MultiThreadedEventLoopGroup.singleton
        let first = try await FreePort.resolve(address, setting: "api.listen", group: group)
        var choices = [first, first, try await FreePort.resolve(address, setting: "", besides: first, group: group)]
        let last = choices[2]
        let second = try await FreePort.resolve(
            address, setting: "admin.listen", besides: first, group: group, choose: { choices.removeFirst() })
        #expect(second == last)
        #expect(second != first)
    }
}
