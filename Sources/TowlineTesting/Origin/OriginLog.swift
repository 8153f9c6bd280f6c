package import NIOCore
import Synchronization

/// What happened at a scripted origin, for tests to look at and to wait for.
package struct OriginRecord: Sendable {
    /// How many connections were accepted.
    package var accepted = 0
    /// The numbers of the connections that have ended, in the order of their ends.
    package var ended: [Int] = []
    /// The numbers of the connections that the client closed before the script did.
    package var closedByClient: [Int] = []
    /// Bytes that the system has taken from the scripts: more than what the client has read.
    package var sentBytes = 0
    /// Every request whose head came, in order.
    package var requests: [OriginRequest] = []
}

/// One request that came to a scripted origin.
package struct OriginRequest: Sendable {
    /// The number of its connection, from 0.
    package let connection: Int
    /// The head as it came, with its empty line.
    package let head: String
    /// The body; empty until it was read.
    package var body = ByteBuffer()

    /// Makes a request from its head.
    package init(connection: Int, head: String) {
        self.connection = connection
        self.head = head
    }

    /// The method of the request line.
    package var method: String { requestLine.first.map(String.init) ?? "" }

    /// The path and query of the request line.
    package var target: String { requestLine.dropFirst().first.map(String.init) ?? "" }

    /// The path without the query.
    package var path: String { String(target.prefix { $0 != "?" }) }

    /// The value of the first field of a name, or `nil`.
    package func header(_ name: String) -> String? {
        for line in head.split(separator: "\r\n").dropFirst() {
            guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name.lowercased() else {
                continue
            }
            return String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        return nil
    }

    private var requestLine: [Substring] {
        head.prefix { $0 != "\r\n" }.split(separator: " ")
    }
}

/// Collects what happens and lets tests wait for it; the state is under a lock.
final class OriginLog: Sendable {
    private struct Waiter {
        let condition: @Sendable (OriginRecord) -> Bool
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var record = OriginRecord()
        var nextWaiter = 0
        var waiters: [Int: Waiter] = [:]
    }

    private let state = Mutex(State())

    var record: OriginRecord { state.withLock { $0.record } }

    /// Changes the record and wakes who waited for the change.
    func update<Value: Sendable>(_ change: (inout OriginRecord) -> Value) -> Value {
        let (value, ready) = state.withLock { state in
            let value = change(&state.record)
            let record = state.record
            let ready = state.waiters.filter { $0.value.condition(record) }
            for number in ready.keys { state.waiters[number] = nil }
            return (value, ready.values)
        }
        for waiter in ready { waiter.continuation.resume() }
        return value
    }

    /// Waits until the record fulfils a condition or the task is cancelled.
    func wait(until condition: @escaping @Sendable (OriginRecord) -> Bool) async {
        let number = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    if condition(state.record) || Task.isCancelled { return true }
                    state.waiters[number] = Waiter(condition: condition, continuation: continuation)
                    return false
                }
                if goesOn { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: number) }?.continuation.resume()
        }
    }
}
