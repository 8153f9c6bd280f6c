import Synchronization
import TowlineCore
import TowlineDelivery

/// A receiver by script: each POST takes the next answer of its URL; the last one stays.
final class ScriptedSender: EventSender {
    enum Answer: Sendable {
        case status(Int)
        case failure(EventSendError)
        /// Never answers; ends with the task.
        case hangs
    }

    private let answers: Mutex<[String: [Answer]]>
    private let received = Mutex<[EventRequest]>([])

    init(_ answers: [String: [Answer]]) { self.answers = Mutex(answers) }

    var requests: [EventRequest] { received.withLock { $0 } }

    func send(_ request: EventRequest) async throws -> EventAnswer {
        received.withLock { $0.append(request) }
        let answer = answers.withLock { answers -> Answer in
            guard let list = answers[request.url], let first = list.first else { return .status(404) }
            if list.count > 1 { answers[request.url] = Array(list.dropFirst()) }
            return first
        }
        switch answer {
        case .status(let status): return EventAnswer(status: status, address: "203.0.113.9", body: Array("ok".utf8))
        case .failure(let error): throw error
        case .hangs:
            try await Task.sleep(for: .seconds(3600))
            throw CancellationError()
        }
    }
}

extension EventRequest {
    func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }
}
