import TowlineCore
import TowlineStore

/// Makes attempts: signs the stored bytes for the moment, sends them and says what follows.
struct DeliveryAttemptRunner: Sendable {
    private let sender: any EventSender
    private let configuration: DeliveryConfiguration
    private let rule: OutcomeRule
    private let clock: any MonotonicClock
    private let wallClock: @Sendable () -> Timestamp
    private let random: @Sendable () -> Double

    init(
        sender: any EventSender, configuration: DeliveryConfiguration, clock: any MonotonicClock,
        wallClock: @escaping @Sendable () -> Timestamp, random: @escaping @Sendable () -> Double
    ) {
        self.sender = sender
        self.configuration = configuration
        self.clock = clock
        self.wallClock = wallClock
        self.random = random
        rule = OutcomeRule(durable: configuration.durablePolicy, maxRetryAfter: configuration.maxRetryAfter)
    }

    /// What attempts of a delivery run on best.
    func executor(for claim: ClaimedDelivery) -> (any TaskExecutor)? { sender.executor(for: claim.target.text) }

    /// Runs one attempt to its end; what goes wrong is in the report.
    func run(_ claim: ClaimedDelivery) async -> DeliveryReport {
        let startedAt = clock.elapsed
        let exchange = await exchange(for: claim)
        var record = DeliveryAttemptRecord()
        record.address = exchange.address
        record.requestHead = exchange.requestHead
        if case .answered(let answer) = exchange.outcome {
            record.httpStatus = answer.status
            record.responseHead = HeaderMask.text(answer.headers)
            record.responseBody = answer.body
        }
        let outcome = rule.outcome(of: exchange.outcome, for: claim, now: wallClock(), random: random())
        record.cause = outcome.cause
        record.duration = clock.elapsed - startedAt
        return DeliveryReport(
            delivery: claim.id, lease: claim.lease, next: outcome.next, signal: outcome.signal, record: record)
    }

    private func exchange(for claim: ClaimedDelivery) async -> EventExchange {
        let url = claim.target.text
        do {
            let headers = try EventRequestComposer.headers(
                of: claim.event, to: url, signing: claim.signing, at: wallClock().milliseconds / 1000)
            return await sender.send(
                EventRequest(
                    url: url, headers: headers, body: claim.event.body,
                    keptResponseBytes: configuration.keptResponseBytes, timeout: configuration.timeout,
                    responseBodyTimeout: configuration.responseBodyTimeout))
        } catch {
            return EventExchange(.failed(cause: "the event cannot be signed: \(error)"))
        }
    }
}
