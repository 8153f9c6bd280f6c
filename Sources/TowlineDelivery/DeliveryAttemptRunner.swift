import TowlineCore
import TowlineStore
import VODEvents

/// One attempt: signs the stored bytes for the moment, sends them and says what follows.
struct DeliveryAttemptRunner: Sendable {
    let claim: ClaimedDelivery
    let sender: any EventSender
    let configuration: DeliveryConfiguration
    let clock: any MonotonicClock
    let wallClock: @Sendable () -> Timestamp
    let random: @Sendable () -> Double

    /// Runs the attempt to its end.
    ///
    /// Never throws: what goes wrong is in the report.
    func run() async -> DeliveryReport {
        let startedAt = clock.elapsed
        var record = DeliveryAttemptRecord()
        let next = await next(record: &record)
        record.duration = clock.elapsed - startedAt
        return DeliveryReport(delivery: claim.id, lease: claim.lease, next: next, record: record)
    }

    private func next(record: inout DeliveryAttemptRecord) async -> DeliveryNext {
        let request = request
        record.requestHead = request.headers.map { header in
            // With URL and time known, the digest would let a thief of the database try keys against it.
            "\(header.name): \(header.name == "X-VOD-SIGNATURE" ? "(masked)" : header.value)"
        }.joined(separator: "\n")
        do {
            let answer = try await sender.send(request)
            record.address = answer.address
            record.httpStatus = answer.status
            record.responseHead = answer.head
            record.responseBody = answer.body
            if answer.status == 200 { return .delivered }
            return retryOrDie("the receiver answered \(answer.status); only 200 counts", isRetryable: true, &record)
        } catch let error as EventSendError {
            record.address = error.address
            return retryOrDie(error.cause, isRetryable: error.isRetryable, &record)
        } catch is CancellationError {
            return .released
        } catch {
            return retryOrDie("the attempt failed: \(type(of: error))", isRetryable: true, &record)
        }
    }

    private func retryOrDie(
        _ cause: String, isRetryable: Bool, _ record: inout DeliveryAttemptRecord
    ) -> DeliveryNext {
        record.cause = cause
        guard isRetryable else { return .dead(reason: cause) }
        guard let wait = configuration.policy.wait(after: claim.attempt, random: random()) else {
            return .dead(reason: "\(cause); this was attempt \(claim.attempt), the last (\(configuration.policy.name))")
        }
        return .retry(after: wait)
    }

    /// The POST of this attempt: the stored bytes, signed with the key of the moment (vod-api.md 5.1, 5.2).
    private var request: EventRequest {
        let url =
            switch claim.target {
            case .http(let url): url
            }
        let seconds = wallClock().milliseconds / 1000
        var headers: [EventRequest.Header] = [
            .init("Content-Type", "application/json"),
            .init("webhook-id", claim.event.id.description),
            .init("webhook-timestamp", String(seconds)),
        ]
        if let key = claim.signingKey {
            headers.append(.init("X-VOD-TIMESTAMP", String(seconds)))
            headers.append(
                .init("X-VOD-SIGNATURE", CallbackSignature.sign(url: url, timestamp: seconds, authKey: key)))
        }
        return EventRequest(
            url: url, headers: headers, body: claim.event.body, keptResponseBytes: configuration.keptResponseBytes,
            timeout: configuration.timeout)
    }
}
