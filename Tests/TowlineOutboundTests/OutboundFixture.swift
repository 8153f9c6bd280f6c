import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing
import TowlineCore
import TowlineOutbound
import TowlineTesting

/// Answers look-ups from lists: each look-up of a name takes the next list, the last one stays.
final class ScriptedResolver: HostResolver {
    private struct State {
        var answers: [String: [[IPAddress]]]
        var lookUps: [String] = []
    }

    private let state: Mutex<State>

    init(_ answers: [String: [[String]]]) {
        state = Mutex(State(answers: answers.mapValues { $0.map { $0.compactMap { IPAddress(parsing: $0) } } }))
    }

    /// Every name that was asked for, in order.
    var lookUps: [String] { state.withLock { $0.lookUps } }

    func resolve(_ name: String, within limit: Duration) async throws -> [IPAddress] {
        try state.withLock { state in
            state.lookUps.append(name)
            guard var lists = state.answers[name], let first = lists.first else { throw ResolverError.notFound }
            if lists.count > 1 {
                lists.removeFirst()
                state.answers[name] = lists
            }
            return first
        }
    }
}

/// Runs a test with a client and shuts it down afterwards.
///
/// - Parameters:
///   - policy: `nil` for one that opens 127.0.0.1 to 127.0.0.3 and nothing else that is not public.
///   - names: What names resolve to, look-up by look-up.
///   - group: Runs the connections.
///   - change: Changes the limits.
///   - test: Gets the client. No origin listens on 127.0.0.3.
/// - Throws: What the test throws.
func withClient(
    policy: AddressPolicy? = nil,
    names: [String: [[String]]] = [:],
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    change: (inout OutboundConfiguration) -> Void = { _ in },
    _ test: (OutboundClient) async throws -> Void
) async throws {
    try await withClient(policy: policy, resolver: ScriptedResolver(names), group: group, change: change, test)
}

/// Runs a test with a client whose resolver is given.
func withClient(
    policy: AddressPolicy? = nil,
    resolver: any HostResolver,
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    change: (inout OutboundConfiguration) -> Void = { _ in },
    _ test: (OutboundClient) async throws -> Void
) async throws {
    var configuration = OutboundConfiguration()
    // A busy machine must not look like a slow network.
    configuration.connectTimeout = .seconds(60)
    configuration.firstByteTimeout = .seconds(120)
    configuration.idleTimeout = .seconds(120)
    configuration.idleConnectionLifetime = .seconds(60)
    change(&configuration)
    let loopback = (1...3).map { CIDR(IPAddress(v4: 0x7f00_0000 + $0), prefixLength: 32) }
    let client = OutboundClient(
        configuration: configuration,
        policy: policy ?? AddressPolicy(allow: loopback),
        resolver: resolver,
        logger: Logger(label: "test"),
        eventLoopGroup: group
    )
    do {
        try await test(client)
    } catch {
        await client.shutdown()
        throw error
    }
    await client.shutdown()
}

extension OutboundResponse {
    /// The whole body as text.
    func text() async throws(OutboundError) -> String {
        String(buffer: try await collectBody(upTo: 64 << 20).bytes)
    }
}

/// A URL of a test.
func url(_ text: String) throws -> HTTPURL {
    try HTTPURL(parsing: text)
}

/// Calls an origin whose connections run the steps, and reads the whole body.
func call(
    _ steps: [ScriptedOrigin.Step],
    method: HTTPMethod = .GET,
    totalTimeout: Duration? = nil,
    connects: Bool = true,
    change: (inout OutboundConfiguration) -> Void = { _ in }
) async throws -> (result: Result<String, OutboundError>, record: OriginRecord) {
    let origin = try await ScriptedOrigin.start { _ in steps }
    var result: Result<String, OutboundError>?
    try await withClient(change: change) { client in
        let request = OutboundRequest(url: try origin.url("/f"), method: method, totalTimeout: totalTimeout)
        do throws(OutboundError) {
            result = .success(try await client.execute(request).text())
        } catch {
            result = .failure(error)
        }
    }
    if connects { await origin.wait { $0.accepted > 0 && $0.ended.count == $0.accepted } }
    let record = origin.record
    await origin.stop()
    return (try #require(result), record)
}
