import Synchronization
import TowlineCore
import TowlineDelivery

/// A receiver by script: each POST takes the next answer of its URL; the last one stays.
final class ScriptedSender: EventSender {
    enum Answer: Sendable {
        case status(Int, [EventHeader] = [])
        case failure(String)
        case unusable(String)
        /// Never answers; ends with the task.
        case hangs
    }

    private let answers: Mutex<[String: [Answer]]>
    private let received = Observed<[EventRequest]>([])

    init(_ answers: [String: [Answer]]) { self.answers = Mutex(answers) }

    var requests: [EventRequest] { received.value }

    /// Waits until so many requests have come.
    func waitForRequests(_ count: Int) async { await received.wait { $0.count >= count } }

    func send(_ request: EventRequest) async -> EventExchange {
        received.update { $0.append(request) }
        let answer = answers.withLock { answers -> Answer in
            guard let list = answers[request.url], let first = list.first else { return .status(404) }
            if list.count > 1 { answers[request.url] = Array(list.dropFirst()) }
            return first
        }
        switch answer {
        case .status(let status, let headers):
            return EventExchange(
                .answered(EventAnswer(status: status, headers: headers, body: Array("ok".utf8))),
                address: "203.0.113.9", requestHead: "POST / HTTP/1.1")
        case .failure(let cause): return EventExchange(.failed(cause: cause))
        case .unusable(let cause): return EventExchange(.unusable(cause: cause))
        case .hangs:
            try? await Task.sleep(for: .seconds(3600))
            return EventExchange(.cancelled)
        }
    }
}

extension EventRequest {
    func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }
}
