import Synchronization
import TowlineCore

@testable import TowlineClient
@testable import TowlineCommands

/// A server with one queue, `events`: hides what was received until it is released, and writes down what was asked of it.
final class FakeQueue: Sendable {
    private struct State {
        var messages: [(name: String, body: String)]
        var hidden: Set<String> = []
        var receives: [String: Int] = [:]
        var signatures = 0
        var log: [String] = []
        var orders: [String] = []
        /// Answers to the next calls whose target contains a word, in place of the usual ones.
        var failures: [(word: String, reply: FakeReply)] = []
    }

    private let state: Mutex<State>

    /// A queue with events of these names; see ``FakeListener/json(_:)``.
    init(_ names: [String]) {
        state = Mutex(State(messages: names.map { ($0, Self.event($0)) }))
    }

    /// A queue with any bodies.
    init(bodies: [(name: String, body: String)]) { state = Mutex(State(messages: bodies)) }

    /// What happened, in order; handlers may add to it.
    var log: [String] { state.withLock { $0.log } }

    /// The bodies of the receives.
    var orders: [String] { state.withLock { $0.orders } }

    /// The names of the messages that were not deleted.
    var left: [String] { state.withLock { $0.messages.map(\.name) } }

    func note(_ entry: String) { state.withLock { $0.log.append(entry) } }

    /// The time of what is hidden is over.
    func showAll() { state.withLock { $0.hidden = [] } }

    /// Answers the next calls whose target contains a word in another way.
    func fail(_ word: String, with reply: FakeReply, times: Int = 1) {
        state.withLock { state in
            for _ in 0..<times { state.failures.append((word, reply)) }
        }
    }

    /// The body of an event of some name.
    static func event(_ name: String) -> String {
        let rest = name.hasPrefix("bad") ? #""Status":"fail","ErrorCode":"URLInvalidError""# : #""Status":"success""#
        return #"{"EventTime":"2026-01-02T03:04:05Z","EventType":"UploadByURLComplete",\#(rest),"JobId":"j-\#(name)"}"#
    }

    @Sendable func answer(_ request: FakeRequest) -> FakeReply {
        state.withLock { state in
            if let index = state.failures.firstIndex(where: { request.target.contains($0.word) }) {
                return state.failures.remove(at: index).reply
            }
            let path = request.target.split(separator: "?")[0].split(separator: "/").dropFirst(2).map(String.init)
            guard path.count > 1, path[0] == "queues", path[1] == "events" else {
                return .refusal(404, "there is no queue \(path.count > 1 ? path[1] : "")")
            }
            let body = (try? JSONParser.parse(request.body)) ?? .null
            let handles = body["receiptHandles"]?.elements?.compactMap(\.string) ?? []
            switch path.count > 2 ? path[2] : "" {
            case "":
                return .json(#"{"name":"events","activeMessages":\#(state.messages.count)}"#)
            case "receive":
                state.orders.append(request.body)
                return Self.receive(Int(body["count"]?.integerValue ?? 1), &state)
            case "delete":
                state.log += handles.map { "delete \($0)" }
                let known = handles.filter { handle in state.messages.contains { "h-\($0.name)" == handle } }
                state.messages.removeAll { handles.contains("h-\($0.name)") }
                let failed = handles.filter { !known.contains($0) }.map { _ in #"{"message":"the message is gone"}"# }
                return .json(#"{"deleted":\#(known.count),"failed":[\#(failed.joined(separator: ","))]}"#)
            case "release":
                state.log += handles.map { "release \($0)" }
                state.hidden.subtract(handles)
                return .json("{}")
            case "request":
                return Self.sign(body, &state)
            default: return .refusal(404, "there is no \(request.target)")
            }
        }
    }

    private static func receive(_ count: Int, _ state: inout State) -> FakeReply {
        let given = state.messages.filter { !state.hidden.contains("h-\($0.name)") }.prefix(count)
        let list = given.map { message in
            state.hidden.insert("h-\(message.name)")
            state.receives[message.name, default: 0] += 1
            return JSONValue.members([
                "id": .string("M-\(message.name)"), "body": .string("raw-\(message.name)"),
                "decodedBody": .string(message.body), "dequeueCount": .integer(state.receives[message.name] ?? 1),
                "enqueuedAt": .string("2026-01-02T03:04:04Z"), "receiptHandle": .string("h-\(message.name)"),
            ])
        }
        return .json(JSONValue.members(["messages": .array(list)]).compactText)
    }

    /// Refuses to sign without a URL, as for an account without a callback over HTTP.
    private static func sign(_ body: JSONValue, _ state: inout State) -> FakeReply {
        guard let url = body["url"]?.string else { return .refusal(400, "url is needed") }
        let id = body["messageId"]?.string ?? ""
        state.signatures += 1
        state.log.append("sign \(id) \(body["body"]?.string ?? "")")
        return .json(
            #"{"url":"\#(url)","headers":[["Content-Type","application/json"],["webhook-id","\#(id)"],"#
                + #"["X-VOD-SIGNATURE","s\#(state.signatures)"]],"body":"eyJuIjogMX0="}"#)
    }
}

extension ScriptedHandler {
    /// A handler that answers by a script and tells a queue.
    static func answering(
        _ replies: [FakeReply], of queue: FakeQueue
    ) -> @Sendable (FakeRequest) -> FakeReply {
        let rest = Replies(replies)
        return { request in
            queue.note("post \(request.headers["webhook-id"] ?? "") \(request.headers["x-vod-signature"] ?? "")")
            return rest.next()
        }
    }

    private final class Replies: Sendable {
        private let replies: Mutex<[FakeReply]>
        init(_ replies: [FakeReply]) { self.replies = Mutex(replies) }
        /// The last answer stays.
        func next() -> FakeReply { replies.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] } }
    }
}
