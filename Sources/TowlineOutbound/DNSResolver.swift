package import NIOCore
package import TowlineCore

/// Looks names up at given name servers, without the system's files and settings.
///
/// Asks for IPv4 and IPv6 addresses at once, by UDP and, where the answer is cut, by TCP. A question has a random id and
/// a port of its own; a message that does not belong to it is ignored. Servers are tried in turn, twice each. Nothing is
/// kept: every look-up asks. `localhost` and names below it are loopback by definition (RFC 6761) and are not asked for.
package struct DNSResolver: HostResolver {
    /// Most names that are asked for one look-up when aliases lead from answer to answer.
    private static let maximumAliases = 8

    private let servers: [DNSServer]
    private let group: any EventLoopGroup
    private let tryTimeout: TimeAmount

    /// Makes a resolver.
    ///
    /// - Parameters:
    ///   - servers: The servers in the order in which they are tried; without any, every look-up fails.
    ///   - eventLoopGroup: Runs the sockets.
    ///   - tryTimeout: How long one server may take before the next is tried.
    package init(servers: [DNSServer], eventLoopGroup: any EventLoopGroup, tryTimeout: Duration = .seconds(2)) {
        self.servers = servers
        group = eventLoopGroup
        self.tryTimeout = TimeAmount(tryTimeout)
    }

    package func resolve(_ name: String, within limit: Duration) async throws -> [IPAddress] {
        if name == "localhost" || name.hasSuffix(".localhost") {
            return [IPAddress(v4: 0x7f00_0001), IPAddress(v6High: 0, low: 1)]
        }
        return try await withTimeLimit(limit) {
            async let v4 = answer(name, .a)
            async let v6 = answer(name, .aaaa)
            return try Self.join(await v4, await v6)
        }
    }

    /// Joins what came for both families: addresses of one are enough, a failure counts only without any.
    private static func join(
        _ v4: Result<[IPAddress], ResolverError>,
        _ v6: Result<[IPAddress], ResolverError>
    ) throws -> [IPAddress] {
        let addresses = ((try? v4.get()) ?? []) + ((try? v6.get()) ?? [])
        guard addresses.isEmpty else { return addresses }
        for result in [v4, v6] {
            if case .failure(let error) = result, error != .notFound { throw error }
        }
        throw ResolverError.notFound
    }

    private func answer(_ name: String, _ type: DNSMessage.RecordType) async -> Result<[IPAddress], ResolverError> {
        var name = name
        for _ in 0..<Self.maximumAliases {
            switch await ask(name, type) {
            case .failure(let error): return .failure(error)
            case .success(let answer):
                guard answer.addresses.isEmpty, let alias = answer.alias else { return .success(answer.addresses) }
                name = alias
            }
        }
        return .failure(.failed("its aliases lead too far"))
    }

    /// Asks the servers in turn until one gives an answer.
    private func ask(
        _ name: String,
        _ type: DNSMessage.RecordType
    ) async -> Result<DNSMessage.Answer, ResolverError> {
        var failure = ResolverError.failed("the name servers do not answer")
        for server in servers + servers where !Task.isCancelled {
            let question = DNSMessage.Question(id: .random(in: 0...UInt16.max), name: name, type: type)
            let exchange = DNSExchange(question: question, server: server, group: group, limit: tryTimeout)
            do throws(DNSExchange.Failure) {
                return .success(try await exchange.run())
            } catch {
                switch error {
                case .refused(.noSuchName): return .failure(.notFound)
                case .refused: failure = .failed("the name server failed")
                case .unwritable: return .failure(.notFound)
                case .noAnswer: break
                }
            }
        }
        return .failure(failure)
    }
}
