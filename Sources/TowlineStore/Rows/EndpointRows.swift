package import TowlineCore

/// How endpoints are read: the same columns, in the same order, in every query that gives a whole endpoint.
package enum EndpointRows {
    /// Columns of a query over `endpoints p`.
    package static let columns = """
        p.group_id, p.id, p.kind, p.account_id, p.url, p.description, p.policy, p.max_concurrency, p.max_per_second, \
        p.apps, p.event_types, p.failures, p.failing_since, p.last_cause, p.pauses, p.paused_until, p.disabled_at, \
        p.disabled_reason, p.created_at, p.removed_at, p.sealed_auth_key, p.sealed_secret, p.sealed_previous_secret, \
        p.previous_secret_until, p.tend_from
        """

    /// Reads ``columns`` for a caller.
    package static func endpoint(_ row: borrowing some StoredRow & ~Copyable, at now: Timestamp) throws -> Endpoint {
        Endpoint(
            id: try row.id(1), kind: try EndpointKind(number: row.int(2)), account: AccountID(row.text(3)),
            target: CallbackTarget(text: row.text(4)), options: try options(row), health: health(row),
            hasAuthKey: !row.isNull(20),
            webhookSecrets: (row.isNull(21) ? 0 : 1) + (row.optionalTime(23).map { $0 > now } == true ? 1 : 0),
            createdAt: row.time(18), removedAt: row.optionalTime(19))
    }

    /// What an operator has chosen, of ``columns``.
    package static func options(_ row: borrowing some StoredRow & ~Copyable) throws -> EndpointOptions {
        var options = EndpointOptions()
        options.description = row.text(5)
        options.policy = try row.optionalText(6).map { try DeliveryRows.policy($0) }
        options.maxConcurrency = row.optionalInt(7)
        options.maxPerSecond = row.optionalInt(8)
        options.apps = try list(row.optionalText(9)).map { AppID($0) }
        options.eventTypes = try list(row.optionalText(10)).map { name in
            guard let type = EventType(rawValue: name) else {
                throw StoreError(.corrupted, "the database holds \(name), which is no event type")
            }
            return type
        }
        return options
    }

    /// How the endpoint fares, of ``columns``.
    package static func health(_ row: borrowing some StoredRow & ~Copyable) -> EndpointHealth {
        var health = EndpointHealth()
        health.failures = row.int(11)
        health.failingSince = row.optionalTime(12)
        health.lastCause = row.optionalText(13)
        health.pauses = row.int(14)
        health.pausedUntil = row.optionalTime(15)
        health.disabledAt = row.optionalTime(16)
        health.disabledReason = row.optionalText(17)
        return health
    }

    /// The key of a subscription's `X-VOD-*` pair, of ``columns``, opened.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` when it does not open.
    package static func authKey(
        _ row: borrowing some StoredRow & ~Copyable, id: EndpointID, secretBox: SecretBox
    ) throws -> String? {
        try row.optionalBlob(20).map { try secretBox.open($0, for: authKeyPurpose(id)) }
    }

    /// The webhook secrets, of ``columns``, opened.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` when one does not open.
    package static func secrets(
        _ row: borrowing some StoredRow & ~Copyable, id: EndpointID, secretBox: SecretBox
    ) throws -> WebhookSecrets {
        let purpose = secretPurpose(id)
        return WebhookSecrets(
            current: try row.optionalBlob(21).map { try secretBox.open($0, for: purpose) },
            previous: try row.optionalBlob(22).map { try secretBox.open($0, for: purpose) },
            previousUntil: row.optionalTime(23))
    }

    /// A filter's names as a column holds them: NULL for none, which lets everything through.
    package static func column(_ names: [String]) -> String? {
        names.isEmpty ? nil : JSONValue.array(names.map { .string($0) }).compactText
    }

    /// A filter's names from their column.
    ///
    /// - Throws: ``StoreError`` with code `corrupted`: a filter that cannot be read must not let everything through.
    private static func list(_ text: String?) throws -> [String] {
        guard let text else { return [] }
        let names = (try? JSONParser.parse(text))?.elements?.compactMap(\.string) ?? []
        guard !names.isEmpty else { throw StoreError(.corrupted, "the database holds a filter that cannot be read") }
        return names
    }

    /// What the sealed key of an endpoint's `X-VOD-*` pair is bound to.
    package static func authKeyPurpose(_ id: EndpointID) -> String { "endpoint-auth-key:\(id)" }

    /// What the sealed webhook secrets of an endpoint are bound to.
    package static func secretPurpose(_ id: EndpointID) -> String { "endpoint-secret:\(id)" }
}

extension EndpointKind: StoredAsNumber {
    package var number: Int {
        switch self {
        case .callback: 0
        case .subscription: 1
        }
    }
}
