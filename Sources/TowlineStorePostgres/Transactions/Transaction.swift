import TowlineCore
import TowlineQueue
import TowlineStore

/// What an operation works with inside one transaction: the connection, the moment, what it leaves to be done.
///
/// Lives on a connection's thread for as long as one transaction. An operation may run more than once: when the server
/// could not bring it in order with others, it is begun again with a new value of this class.
final class Transaction {
    let connection: PostgresConnection
    let settings: PostgresStoreConfiguration
    /// The server's time when the transaction began, with what tests add.
    private(set) var now = Timestamp(milliseconds: 0)
    /// What the transaction leaves to be done.
    var effects = CommitEffects()
    /// What it does to lanes; written last, in the one order in which everybody takes these rows.
    var lanes = LaneChanges()
    /// Endpoints that it has read.
    let endpoints = EndpointBook()
    /// Deliveries of replays that it has ended.
    var replayEnds = ReplayEnds()
    /// What the statements that let objects be removed gave.
    var sweeps: [PostgresPending] = []
    /// Rows that it adds, written together.
    var rows = NewRows()

    /// What it changes in queues.
    var queueChanges = QueueChanges()
    /// Queues that it has looked for; nil for those that are not there.
    var queues: [QueueAddress: StoredQueue?] = [:]

    /// Lanes that this node has met.
    let laneCache: LaneCache
    /// This node's part of the queues.
    let desk: QueueDesk

    private let session: PostgresSession
    private let turns: LaneTurns
    private var clock: PostgresPending?

    /// Begins a transaction: the first statements go with the operation's own.
    init(
        connection: PostgresConnection, session: PostgresSession, settings: PostgresStoreConfiguration,
        turns: LaneTurns, laneCache: LaneCache, desk: QueueDesk
    ) {
        self.connection = connection
        self.session = session
        self.settings = settings
        self.turns = turns
        self.laneCache = laneCache
        self.desk = desk
        connection.add(TransactionSQL.begin)
        clock = connection.add(TransactionSQL.clock)
    }

    /// Sends what waits and reads the clock; to be called before ``now`` is used.
    func start() throws {
        try connection.flush()
        guard let clock else { return }
        self.clock = nil
        guard let reading = try clock.result().first({ $0.integer(0) }) else {
            throw StoreError(.unavailable, "PostgreSQL does not tell the time")
        }
        now = Timestamp(milliseconds: reading) + settings.clockOffset()
    }

    /// A new identifier of the current moment.
    func newID<ID: TimeOrderedID>(_ type: ID.Type = ID.self) -> ID { ID(at: now, using: &session.random) }

    /// What tests add to the server's clock, for statements that look at it themselves.
    var offset: PostgresValue { .integer(settings.clockOffset().wholeMilliseconds) }

    /// The order of turns as this node knows it.
    var laneTurns: LaneTurns { turns }

    /// Writes what the operation has gathered and commits.
    func commit() throws {
        try writeQueueRows()
        try writeRows()
        try saveEndpoints()
        settleReplays()
        settleLanes()
        settleCounters()
        settleQueues()
        connection.add(TransactionSQL.commit)
        try connection.flush()
    }

    /// Undoes the transaction, as far as there is a connection to undo it on.
    func rollback() {
        connection.discard()
        if !connection.isBroken { _ = try? connection.run(TransactionSQL.rollback) }
    }

    private func settleCounters() {
        guard effects.counts != .init(repeating: 0) else { return }
        connection.add(
            TransactionSQL.count, .integer(session.shard), .integers((0..<16).map { effects.counts[$0] }))
    }
}

/// The statements around every transaction.
enum TransactionSQL {
    static let begin = SQL("BEGIN ISOLATION LEVEL READ COMMITTED")
    static let commit = SQL("COMMIT")
    static let rollback = SQL("ROLLBACK")
    static let clock = SQL("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
    static let count = SQL(
        """
        UPDATE count_shards c SET version = c.version + 1,
          counts = (SELECT array_agg(x.old + x.new ORDER BY x.slot)
            FROM unnest(c.counts, $2::bigint[]) WITH ORDINALITY x (old, new, slot))
        WHERE c.shard = $1 AND c.version >= (
          SELECT s.version FROM count_shards s WHERE s.shard = $1 ORDER BY s.version DESC LIMIT 1)
        """)
}
