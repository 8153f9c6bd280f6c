import Synchronization

@testable import TowlineClient
@testable import TowlineCommands

/// A server with one listener: keeps its place, signs requests with a counter and writes down what was asked of it.
final class FakeListener: Sendable {
    private struct State {
        var events: [String]
        var acknowledged = 0
        var isOpen = false
        var signatures = 0
        var log: [String] = []
        /// Answers to the next calls whose target or body contains a word, in place of the usual ones.
        var failures: [(word: String, reply: FakeReply)] = []
    }

    private let state: Mutex<State>
    /// Whether the account has a callback of its own.
    private let hasCallback: Bool

    init(events: [String], hasCallback: Bool = true) {
        state = Mutex(State(events: events))
        self.hasCallback = hasCallback
    }

    /// What happened, in order; handlers may add to it.
    var log: [String] { state.withLock { $0.log } }

    /// How many events are acknowledged.
    var acknowledged: Int { state.withLock { $0.acknowledged } }

    func note(_ entry: String) { state.withLock { $0.log.append(entry) } }

    /// Answers the next call whose target contains a word in another way.
    func fail(_ word: String, with reply: FakeReply, times: Int = 1) {
        state.withLock { state in
            for _ in 0..<times { state.failures.append((word, reply)) }
        }
    }

    static func id(_ name: String) -> String { "evt_\(name)" }

    /// An event whose name begins with `file` has the type FileUploadComplete, with `bad` it is a failure.
    static func json(_ name: String) -> String {
        let type = name.hasPrefix("file") ? "FileUploadComplete" : "UploadByURLComplete"
        let rest =
            name.hasPrefix("bad")
            ? #""Status":"fail","ErrorCode":"URLInvalidError""# : #""Status":"success","VideoId":"v-\#(name)""#
        return
            #"{"id":"evt_\#(name)","type":"\#(type)","account":"1","appId":"app-1","job":"j-\#(name)","run":1,"#
            + #""createdAt":"2026-01-02T03:04:05Z","body":{"EventType":"\#(type)",\#(rest)}}"#
    }

    @Sendable func answer(_ request: FakeRequest) -> FakeReply {
        state.withLock { state in
            if let index = state.failures.firstIndex(where: { request.target.contains($0.word) }) {
                return state.failures.remove(at: index).reply
            }
            let parts = request.target.split(separator: "?", maxSplits: 1)
            let path = parts[0].split(separator: "/").dropFirst(2).map(String.init)
            switch (request.method, path.first, path.count) {
            case ("GET", "listeners", 1):
                return .json(#"{"listeners":[\#(state.isOpen ? #"{"name":"here"}"# : "")]}"#)
            case ("POST", "listeners", 2):
                state.isOpen = true
                let last =
                    state.acknowledged == 0 ? "" : #","acknowledged":"evt_\#(state.events[state.acknowledged - 1])""#
                return .json(#"{"name":"\#(path[1])"\#(last)}"#)
            case ("GET", "listeners", 3):
                let events = state.events.dropFirst(state.acknowledged).prefix(20).map(Self.json)
                return .json(#"{"events":[\#(events.joined(separator: ","))]}"#)
            case ("POST", "listeners", 3):
                let id = String(request.body.split(separator: "\"")[3])
                state.log.append("acknowledge \(id)")
                state.acknowledged = (state.events.firstIndex { Self.id($0) == id } ?? -1) + 1
                return .json("{}")
            case ("GET", "events", 3):
                return sign(path[1], query: parts.count > 1 ? String(parts[1]) : nil, &state)
            default: return .refusal(404, "there is no \(request.target)")
            }
        }
    }

    /// The body is Base64 of `{"n": 1}`, with a blank that a rewritten body would lose.
    private func sign(_ id: String, query: String?, _ state: inout State) -> FakeReply {
        guard hasCallback || query != nil else { return .refusal(400, "url is missing: no callback is configured") }
        state.signatures += 1
        state.log.append("sign \(id)\(query.map { " \($0)" } ?? "")")
        return .json(
            #"{"url":"http://hook/x","headers":[["Content-Type","application/json"],["Host","hook"],"#
                + #"["Content-Length","8"],["webhook-id","\#(id)"],["X-VOD-SIGNATURE","s\#(state.signatures)"]],"#
                + #""body":"eyJuIjogMX0="}"#)
    }
}

/// A local handler that answers by a script; the last answer stays.
final class ScriptedHandler: Sendable {
    private let replies: Mutex<[FakeReply]>
    private let listener: FakeListener

    init(_ replies: [FakeReply], of listener: FakeListener) {
        self.replies = Mutex(replies)
        self.listener = listener
    }

    @Sendable func answer(_ request: FakeRequest) -> FakeReply {
        listener.note("post \(request.headers["webhook-id"] ?? "") \(request.headers["x-vod-signature"] ?? "")")
        return replies.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
    }
}
