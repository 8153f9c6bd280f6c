import Foundation
package import TowlineCore

/// Looks names up as the system does: `getaddrinfo`, with its files and servers.
///
/// Look-ups run on threads of their own, one per name at a time. A look-up cannot be stopped; a caller whose time is over
/// leaves it, and its answer serves the next.
package final class SystemResolver: HostResolver {
    private let table: LookupTable
    private let threads: LookupThreads
    private let lookUp: @Sendable (String) -> Result<[IPAddress], ResolverError>

    /// Makes a resolver.
    ///
    /// - Parameters:
    ///   - maximumThreads: Most look-ups at once.
    ///   - reuse: How long a good answer is given to further callers; it is judged anew each time.
    package convenience init(maximumThreads: Int = 16, reuse: Duration = .seconds(1)) {
        self.init(maximumThreads: maximumThreads, reuse: reuse, lookUp: Self.addresses(of:))
    }

    /// Makes a resolver whose blocking look-up is given, for tests.
    init(
        maximumThreads: Int,
        reuse: Duration,
        lookUp: @escaping @Sendable (String) -> Result<[IPAddress], ResolverError>
    ) {
        table = LookupTable(reuse: reuse)
        threads = LookupThreads(maximum: maximumThreads)
        self.lookUp = lookUp
    }

    package func resolve(_ name: String, within limit: Duration) async throws -> [IPAddress] {
        try await withTimeLimit(limit) { [self] in
            try await wait(for: name)
        }
    }

    private func wait(for name: String) async throws -> [IPAddress] {
        let caller = table.newCaller()
        defer { table.forget(caller) }
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: LookupTable.Waiter) in
                if case .start = table.join(name, caller: caller, waiter: waiter) { start(name) }
            }
        } onCancel: {
            table.leave(name, caller: caller)
        }
        guard let answer else { throw CancellationError() }
        return try answer.get()
    }

    private func start(_ name: String) {
        threads.run { [table, lookUp] in
            guard table.isWanted(name) else { return }
            table.finish(name, lookUp(name))
        }
    }

    /// Asks the system; blocks.
    private static func addresses(of name: String) -> Result<[IPAddress], ResolverError> {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(name, nil, &hints, &list)
        guard code == 0 else { return .failure(error(for: code)) }
        defer { freeaddrinfo(list) }
        var addresses: [IPAddress] = []
        var next = list
        while let entry = next?.pointee {
            if let address = address(of: entry) { addresses.append(address) }
            next = entry.ai_next
        }
        return addresses.isEmpty ? .failure(.notFound) : .success(addresses)
    }

    private static func address(of entry: addrinfo) -> IPAddress? {
        guard let pointer = UnsafeRawPointer(entry.ai_addr) else { return nil }
        let bytes = UnsafeRawBufferPointer(start: pointer, count: Int(entry.ai_addrlen))
        // Where the address lies in `sockaddr_in` and `sockaddr_in6`. Their fields cannot be named here: several
        // modules bring these types along, and optimised builds differ from others in whose they are.
        switch entry.ai_family {
        case AF_INET where bytes.count >= 8: return IPAddress(bytes: Array(bytes[4..<8]))
        case AF_INET6 where bytes.count >= 24: return IPAddress(bytes: Array(bytes[8..<24]))
        default: return nil
        }
    }

    private static func error(for code: Int32) -> ResolverError {
        /// `EAI_NODATA` and `EAI_ADDRFAMILY`, which not every system's headers show.
        let noAddress: Set<Int32> = [EAI_NONAME, -5, -9]
        if noAddress.contains(code) { return .notFound }
        return .failed(code == EAI_AGAIN ? "the name servers do not answer for now" : "the look-up failed")
    }
}

/// Runs an operation that ends early when cancelled, for at most a given time.
///
/// - Throws: ``ResolverError/timedOut`` when the time is over, else what the operation throws.
func withTimeLimit<Value: Sendable>(
    _ limit: Duration,
    _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await operation() }
        group.addTask {
            try await ContinuousClock().sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let value = first else {
            if Task.isCancelled { throw CancellationError() }
            throw ResolverError.timedOut
        }
        return value
    }
}
