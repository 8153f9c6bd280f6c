/// One column of a table that is moved.
package struct MovedColumn: Sendable, Hashable {
    /// What the column holds.
    package enum Kind: Sendable, Hashable {
        case integer, boolean, text, blob, id
    }

    package let name: String
    package let kind: Kind

    /// Names a column.
    package init(name: String, kind: Kind) {
        self.name = name
        self.kind = kind
    }

    static func integer(_ name: String) -> MovedColumn { MovedColumn(name: name, kind: .integer) }
    static func boolean(_ name: String) -> MovedColumn { MovedColumn(name: name, kind: .boolean) }
    static func text(_ name: String) -> MovedColumn { MovedColumn(name: name, kind: .text) }
    static func blob(_ name: String) -> MovedColumn { MovedColumn(name: name, kind: .blob) }
    static func id(_ name: String) -> MovedColumn { MovedColumn(name: name, kind: .id) }
}

/// The tables that a move from SQLite to PostgreSQL carries over, in the order in which it does.
///
/// Columns have the names of the target. What is not here is built anew there or left behind: docs/proposals/0011-migrate.md
/// goes through every table of both sides. Leases are not carried: the source has none when it is read.
package enum MovedTable: String, Sendable, CaseIterable {
    case laneGroups = "lane_groups"
    case lanes
    case endpoints
    case accessKeys = "access_keys"
    case callbacks
    case jobs
    case runs
    case jobAttempts = "job_attempts"
    case media
    case objectIntents = "object_intents"
    case jobCheckpoints = "job_checkpoints"
    case events
    case deliveries
    case deliveryAttempts = "delivery_attempts"
    case replays
    case listeners
    case queues
    case queueMessages = "queue_messages"
    case nonces
    case sessions
    case counters

    /// Its name in the database.
    package var name: String { rawValue }

    /// Its columns, those of the key first.
    package var columns: [MovedColumn] { layout.columns }

    /// How many columns the key has.
    package var keyCount: Int { layout.key }

    private var layout: (key: Int, columns: [MovedColumn]) {
        switch self {
        case .laneGroups: (1, [.integer("id"), .integer("kind"), .text("key")])
        case .lanes:
            (1, [.integer("id"), .integer("kind"), .integer("group_id"), .text("account_id"), .text("key")])
        case .endpoints: (1, Self.endpointColumns)
        case .accessKeys:
            (
                1,
                [
                    .text("id"), .text("account_id"), .blob("sealed_secret"), .integer("created_at"),
                    .integer("revoked_at"),
                ]
            )
        case .callbacks:
            (
                2,
                [
                    .text("account_id"), .text("app"), .text("callback_type"), .text("callback_url"),
                    .text("event_types"), .text("auth_switch"), .blob("sealed_auth_key"), .text("mns_endpoint"),
                    .text("mns_queue_name"), .boolean("is_own_queue"), .integer("endpoint_group"),
                    .integer("changed_at"),
                ]
            )
        case .jobs: (1, Self.jobColumns)
        case .runs: (2, Self.runColumns)
        case .jobAttempts: (3, Self.jobAttemptColumns)
        case .media:
            (
                1,
                [
                    .id("id"), .text("account_id"), .text("app"), .integer("job"), .integer("run"), .text("object_key"),
                    .integer("bytes"), .integer("crc64"), .text("sha256"), .text("md5"), .integer("created_at"),
                ]
            )
        case .objectIntents:
            (
                1,
                [
                    .text("object_key"), .integer("job"), .boolean("kept"), .integer("sweep_at"),
                    .integer("created_at"),
                ]
            )
        case .jobCheckpoints:
            (
                1,
                [
                    .integer("job"), .integer("source"), .text("validator"), .integer("bytes_total"),
                    .integer("bytes"), .integer("crc64"), .integer("recorded_at"),
                ]
            )
        case .events:
            (
                1,
                [
                    .integer("seq"), .id("id"), .text("account_id"), .text("app"), .id("job"), .integer("run"),
                    .integer("type"), .blob("body"), .integer("created_at"),
                ]
            )
        case .deliveries: (1, Self.deliveryColumns)
        case .deliveryAttempts: (2, Self.deliveryAttemptColumns)
        case .replays: (1, Self.replayColumns)
        case .listeners:
            (
                1,
                [
                    .text("name"), .text("account_id"), .integer("acknowledged_seq"), .id("acknowledged_event"),
                    .integer("created_at"), .integer("seen_at"),
                ]
            )
        case .queues: (1, Self.queueColumns)
        case .queueMessages: (1, Self.messageColumns)
        case .nonces: (2, [.text("access_key_id"), .text("value"), .integer("expires_at")])
        case .sessions: (3, [.text("account_id"), .text("app"), .text("session_id"), .integer("expires_at")])
        case .counters: (1, [.integer("slot"), .integer("value")])
        }
    }

    private static let endpointColumns: [MovedColumn] = [
        .integer("group_id"), .id("id"), .integer("kind"), .text("account_id"), .text("url"), .integer("event_lane"),
        .integer("resend_lane"), .text("description"), .text("policy"), .integer("max_concurrency"),
        .integer("max_per_second"), .text("apps"), .text("event_types"), .blob("sealed_auth_key"),
        .blob("sealed_secret"), .blob("sealed_previous_secret"), .integer("previous_secret_until"),
        .integer("failures"), .integer("failing_since"), .text("last_cause"), .integer("pauses"),
        .integer("paused_until"), .integer("disabled_at"), .text("disabled_reason"), .blob("tend_from"),
        .integer("created_at"), .integer("removed_at"),
    ]
    private static let jobColumns: [MovedColumn] = [
        .integer("seq"), .id("id"), .text("account_id"), .text("app"), .id("media"), .integer("lane_id"),
        .integer("priority"), .text("origin"), .text("source_url"), .integer("source_hash"), .text("display_url"),
        .text("title"), .text("file_extension"), .text("metadata"), .text("user_data"), .text("extend"),
        .text("callback_url"), .blob("sealed_headers"), .integer("created_at"),
    ]
    private static let runColumns: [MovedColumn] = [
        .integer("job"), .integer("run"), .integer("lane_id"), .integer("level"), .boolean("superseded"),
        .integer("state"), .integer("waiting"), .integer("due"), .integer("attempts"), .integer("fruitless"),
        .integer("phase"), .integer("bytes_received"), .integer("bytes_total"), .integer("lease_length"),
        .text("node"), .integer("attempt_started_at"), .text("failure_code"), .text("failure_message"),
        .integer("expires_at"), .integer("started_at"), .integer("ended_at"),
    ]
    private static let jobAttemptColumns: [MovedColumn] = [
        .integer("job"), .integer("run"), .integer("number"), .text("node"), .integer("started_at"),
        .integer("duration_us"), .text("address"), .integer("http_status"), .integer("bytes_received"),
        .text("redirects"), .text("recording"), .text("failure_code"), .text("failure_message"),
    ]
    private static let deliveryColumns: [MovedColumn] = [
        .id("id"), .integer("event"), .text("account_id"), .integer("lane_id"), .integer("gates_job"),
        .integer("gates_run"), .text("policy"), .integer("origin"), .id("replay"), .integer("state"), .integer("due"),
        .integer("attempts"), .integer("records"), .integer("attempt_started_at"), .text("reason"),
        .integer("created_at"), .integer("ended_at"),
    ]
    private static let deliveryAttemptColumns: [MovedColumn] = [
        .id("delivery"), .integer("record"), .integer("number"), .integer("started_at"), .integer("duration_us"),
        .text("address"), .integer("http_status"), .text("request_head"), .text("response_head"),
        .blob("response_body"), .text("cause"),
    ]
    private static let replayColumns: [MovedColumn] = [
        .id("id"), .integer("state"), .text("request"), .integer("first_seq"), .integer("last_seq"),
        .integer("cursor"), .integer("step_at"), .integer("events_in_range"), .integer("events_seen"),
        .integer("created"), .integer("delivered"), .integer("dead"), .integer("created_at"), .integer("ended_at"),
    ]
    private static let queueColumns: [MovedColumn] = [
        .integer("id"), .text("account_id"), .text("name"), .integer("delay"), .integer("maximum_bytes"),
        .integer("retention"), .integer("visibility"), .integer("polling_wait"), .boolean("logging"),
        .text("dead_letters_to"), .integer("max_receives"), .integer("created_at"), .integer("modified_at"),
        .integer("shown"), .integer("received"), .integer("delayed"),
    ]
    /// Of a message that can be seen `visible_at`, `receive` and `revision` say nothing: they are NULL.
    private static let messageColumns: [MovedColumn] = [
        .integer("id"), .integer("queue"), .integer("enqueued_at"), .integer("priority"), .id("message_id"),
        .blob("digest"), .text("properties"), .blob("body"), .integer("hiding"), .integer("dequeue_count"),
        .integer("first_dequeued_at"), .integer("visible_at"), .integer("receive"), .integer("revision"),
    ]
}
