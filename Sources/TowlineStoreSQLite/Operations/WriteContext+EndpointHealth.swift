import TowlineCore
import TowlineStore

extension WriteContext {
    /// Takes in what an attempt told about an endpoint; a success at a healthy one changes nothing and costs nothing.
    func note(_ signal: EndpointSignal, begun: Timestamp, at endpoint: StoredEndpoint) {
        var health = endpoint.health
        if case .success = signal, health.failures == 0, health.pauses == 0 { return }
        guard health.note(signal, begun: begun, at: now, rule: healthRule) else { return }
        endpoints.willChange(endpoint)
        if health.isDisabled, !endpoint.health.isDisabled { beginHolding(endpoint) }
        endpoint.health = health
    }

    /// Starts the bounded task that opens the gates of jobs whose callback waits at an endpoint that becomes disabled.
    ///
    /// Only callbacks gate jobs.
    func beginHolding(_ endpoint: StoredEndpoint) {
        guard endpoint.kind == .callback else { return }
        endpoint.tending = TendingMark(since: now, from: Timestamp(milliseconds: 0))
        effects.signal(.upkeepDue)
    }

    /// Writes the rows of endpoints whose health the operation has changed; where a pause has ended early, their
    /// lanes need not wait for its end.
    func settleEndpoints() throws {
        for (endpoint, pausedUntil) in endpoints.changed {
            try save(endpoint)
            guard let pausedUntil, pausedUntil > now, endpoint.health.pausedUntil == nil else { continue }
            let hastened = try connection.change(
                EndpointHealthSQL.hastenLanes, .time(now), .integer(lanes.nextTurn()), .integer(endpoint.group))
            if hastened > 0 { effects.signal(.deliveriesDue) }
        }
    }

    /// Writes an endpoint's health and how far it is tended.
    func save(_ endpoint: StoredEndpoint) throws {
        let health = endpoint.health
        try connection.run(
            EndpointHealthSQL.save, .integer(endpoint.group), .integer(health.failures), .time(health.failingSince),
            .text(health.lastCause), .integer(health.pauses), .time(health.pausedUntil), .time(health.disabledAt),
            .text(health.disabledReason), .blob(endpoint.tending?.bytes))
    }
}

/// The statements about the health of endpoints.
enum EndpointHealthSQL {
    static let save = SQL(
        """
        UPDATE endpoints SET failures = ?2, failing_since = ?3, last_cause = ?4, pauses = ?5, paused_until = ?6,
          disabled_at = ?7, disabled_reason = ?8, tend_from = ?9
        WHERE group_id = ?1
        """)
    static let hastenLanes = SQL(
        "UPDATE lanes SET ready_at = ?1, turn = ?2 WHERE group_id = ?3 AND kind = 1 AND +ready_at > ?1")
}
