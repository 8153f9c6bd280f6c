import Foundation
import Synchronization
import Testing
import TowlineCore

@testable import TowlineOutbound

@Suite("the system's resolver", .timeLimit(.minutes(5)))
struct SystemResolverTests {
    /// A look-up that waits until it is let go, and counts.
    private final class Gate: Sendable {
        let semaphore = DispatchSemaphore(value: 0)
        private let counts = Mutex((started: 0, signals: [CheckedContinuation<Void, Never>]()))

        var started: Int { counts.withLock { $0.started } }

        func lookUp(_ name: String) -> Result<[IPAddress], ResolverError> {
            let waiters = counts.withLock { counts in
                counts.started += 1
                defer { counts.signals = [] }
                return counts.signals
            }
            for waiter in waiters { waiter.resume() }
            semaphore.wait()
            return .success([IPAddress(v4: 0x0808_0808)])
        }

        func waitForStart() async {
            await withCheckedContinuation { continuation in
                let isReady = counts.withLock { counts in
                    if counts.started > 0 { return true }
                    counts.signals.append(continuation)
                    return false
                }
                if isReady { continuation.resume() }
            }
        }
    }

    @Test("localhost is a loopback address")
    func localhost() async throws {
        let addresses = try await SystemResolver().resolve("localhost", within: .seconds(10))
        #expect(!addresses.isEmpty)
        #expect(addresses.allSatisfy { AddressPolicy.standard.judge($0).rule == "loopback" })
    }

    @Test("a name that cannot exist is not found or fails, and names no host in its text")
    func missing() async throws {
        let error = await #expect(throws: ResolverError.self) {
            try await SystemResolver().resolve("no-such-name.invalid", within: .seconds(20))
        }
        #expect(error != .timedOut)
    }

    @Test("callers that ask for the same name at once share one look-up")
    func coalescing() async throws {
        let gate = Gate()
        let resolver = SystemResolver(maximumThreads: 4, reuse: .zero, lookUp: gate.lookUp)
        let answers = try await withThrowingTaskGroup(of: [IPAddress].self) { group in
            for _ in 0..<20 { group.addTask { try await resolver.resolve("a.test", within: .seconds(30)) } }
            await gate.waitForStart()
            // Those that come after the end of the first look-up start another.
            for _ in 0..<20 { gate.semaphore.signal() }
            return try await group.reduce(into: [[IPAddress]]()) { $0.append($1) }
        }
        #expect(answers.count == 20)
        #expect(gate.started < 20)
    }

    @Test("a look-up that takes too long ends for its caller, and cancelling ends it too")
    func timeLimit() async throws {
        let gate = Gate()
        let resolver = SystemResolver(maximumThreads: 1, reuse: .zero, lookUp: gate.lookUp)
        let late = await #expect(throws: ResolverError.self) {
            try await resolver.resolve("a.test", within: .milliseconds(20))
        }
        #expect(late == .timedOut)
        let call = Task { try await resolver.resolve("a.test", within: .seconds(30)) }
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
        gate.semaphore.signal()
    }

    @Test("a slow name delays no other while threads are left")
    func slowNeighbour() async throws {
        let gate = Gate()
        let resolver = SystemResolver(maximumThreads: 2, reuse: .zero) { name in
            name == "slow.test" ? gate.lookUp(name) : .success([IPAddress(v4: 0x0101_0101)])
        }
        let slow = Task { try await resolver.resolve("slow.test", within: .seconds(30)) }
        await gate.waitForStart()
        #expect(try await resolver.resolve("fast.test", within: .seconds(30)) == [IPAddress(v4: 0x0101_0101)])
        gate.semaphore.signal()
        #expect(try await slow.value == [IPAddress(v4: 0x0808_0808)])
    }

    @Test("a good answer is given to further callers for a moment, a bad one is not")
    func reuse() async throws {
        let count = Mutex(0)
        let resolver = SystemResolver(maximumThreads: 1, reuse: .seconds(3_600)) { name in
            count.withLock { $0 += 1 }
            return name == "bad.test" ? .failure(.notFound) : .success([IPAddress(v4: 1)])
        }
        for _ in 0..<3 { _ = try await resolver.resolve("a.test", within: .seconds(30)) }
        #expect(count.withLock { $0 } == 1)
        for _ in 0..<3 { _ = try? await resolver.resolve("bad.test", within: .seconds(30)) }
        #expect(count.withLock { $0 } == 4)
    }
}
