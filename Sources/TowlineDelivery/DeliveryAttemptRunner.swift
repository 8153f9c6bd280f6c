import TowlineCore
import TowlineStore

/// Makes attempts: chooses the sender by the target, signs for the moment, sends the stored bytes and says what follows.
struct DeliveryAttemptRunner: Sendable {
    private let senders: EventSenders
    private let configuration: DeliveryConfiguration
    private let rule: OutcomeRule
    private let clock: any MonotonicClock
    private let wallClock: @Sendable () -> Timestamp
    private let random: @Sendable () -> Double

    init(
        senders: EventSenders, configuration: DeliveryConfiguration, clock: any MonotonicClock,
        wallClock: @escaping @Sendable () -> Timestamp, random: @escaping @Sendable () -> Double
    ) {
        self.senders = senders
        self.configuration = configuration
        self.clock = clock
        self.wallClock = wallClock
        self.random = random
        rule = OutcomeRule(durable: configuration.durablePolicy, maxRetryAfter: configuration.maxRetryAfter)
    }

    /// What attempts of a delivery run on best.
    func executor(for claim: ClaimedDelivery) -> (any TaskExecutor)? {
        switch claim.target {
        case .http(let url): senders.http.executor(for: url)
        case .queue: senders.queues.executor(for: "")
        case .remoteQueue(let endpoint, _): senders.remoteQueues.executor(for: endpoint)
        }
    }

    /// Runs one attempt to its end; what goes wrong is in the report.
    func run(_ claim: ClaimedDelivery) async -> DeliveryReport {
        let startedAt = clock.elapsed
        let exchange = await exchange(for: claim)
        var record = DeliveryAttemptRecord()
        record.address = exchange.address
        record.requestHead = exchange.requestHead
        if let answer = exchange.answer {
            record.httpStatus = answer.status
            record.responseHead = HeaderMask.text(answer.headers)
            record.responseBody = answer.body
        } else if case .queued(.stored(let message), _) = exchange.outcome {
            record.responseHead = "MessageId: \(message)"
        }
        let outcome = rule.outcome(of: exchange.outcome, for: claim, now: wallClock(), random: random())
        record.cause = outcome.cause
        record.duration = clock.elapsed - startedAt
        return DeliveryReport(
            delivery: claim.id, lease: claim.lease, next: outcome.next, signal: outcome.signal, record: record)
    }

    private func exchange(for claim: ClaimedDelivery) async -> EventExchange {
        switch claim.target {
        case .http(let url): await post(claim, to: url)
        case .queue(let name): await senders.queues.send(request(claim, endpoint: "", queue: name))
        case .remoteQueue(let endpoint, let name):
            await senders.remoteQueues.send(request(claim, endpoint: endpoint, queue: name))
        }
    }

    private func request(_ claim: ClaimedDelivery, endpoint: String, queue: String) -> QueueEventRequest {
        QueueEventRequest(
            account: claim.event.account, endpoint: endpoint, queue: queue, body: claim.event.body,
            keptResponseBytes: configuration.keptResponseBytes, timeout: configuration.timeout)
    }

    private func post(_ claim: ClaimedDelivery, to url: String) async -> EventExchange {
        do {
            let headers = try EventRequestComposer.headers(
                of: claim.event, to: url, signing: claim.signing, at: wallClock().milliseconds / 1000)
            return await senders.http.send(
                EventRequest(
                    url: url, headers: headers, body: claim.event.body,
                    keptResponseBytes: configuration.keptResponseBytes, timeout: configuration.timeout,
                    responseBodyTimeout: configuration.responseBodyTimeout))
        } catch {
            return EventExchange(.failed(cause: "the event cannot be signed: \(error)"))
        }
    }
}
