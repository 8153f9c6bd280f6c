import TowlineCore
import TowlineStore

/// What the operations of the writer work with: the connection, the moment, the caches.
///
/// Lives on the writer's thread.
final class WriteContext {
    let connection: SQLConnection
    let composer: EventComposer
    let deliveryPolicy: DeliveryPolicy.Name
    let healthRule: EndpointHealthRule
    let eventBodyEncoding: EventBodyEncoding
    let createsMissingQueues: Bool
    let sessionLifetime: Duration
    let secretBox: SecretBox
    /// The moment of the operation at hand.
    private(set) var now: Timestamp
    /// What the operation at hand leaves to be done.
    var effects = WriteEffects()
    let lanes: LaneBook
    let callbacks: CallbackCache
    let endpoints: EndpointBook
    let running = RunningDeliveries()
    /// Replays whose deliveries the operation at hand has ended.
    var replayEnds = ReplayEnds()
    /// What is known about the built-in queues.
    let queues: QueueBook

    private let clock: any StoreClock
    private var random: any RandomNumberGenerator

    /// A context for a connection.
    init(
        connection: SQLConnection, configuration: SQLiteStoreConfiguration, clock: any StoreClock,
        desk: MessageDesk
    ) {
        self.connection = connection
        self.clock = clock
        composer = configuration.composer
        deliveryPolicy = configuration.deliveryPolicy
        healthRule = configuration.healthRule
        eventBodyEncoding = configuration.eventBodyEncoding
        createsMissingQueues = configuration.createMissingQueues
        sessionLifetime = configuration.sessionLifetime
        secretBox = configuration.secretBox
        random = configuration.random
        now = clock.now()
        lanes = LaneBook()
        callbacks = CallbackCache()
        endpoints = EndpointBook()
        queues = QueueBook(desk: desk)
    }

    /// Runs one operation and returns its result with what it leaves to be done.
    func perform<T>(_ body: (WriteContext) throws -> T) throws -> (T, WriteEffects) {
        now = clock.now()
        effects = WriteEffects()
        replayEnds = ReplayEnds()
        endpoints.beginOperation()
        lanes.beginOperation()
        let result = try body(self)
        try settleEndpoints()
        try settleReplays()
        try settleLanes()
        return (result, effects)
    }

    /// Forgets what was read or made in a transaction that was undone.
    func forget() {
        lanes.forget()
        callbacks.forget()
        endpoints.forget()
        running.forget()
        queues.forget()
    }

    /// A new identifier of the current moment.
    func newID<ID: TimeOrderedID>(_ type: ID.Type = ID.self) -> ID { ID(at: now, using: &random) }

    /// Gives messages of the group to those who wait for them; the step before ``finishGroup(_:)``.
    func settleQueues(_ effects: inout WriteEffects) throws {
        guard !effects.queues.isEmpty else { return }
        now = clock.now()
        self.effects = WriteEffects()
        try serveWaiters(of: effects.queues)
        effects.merge(self.effects)
    }

    /// Writes the counters and the clock's floor; the last step before a commit.
    func finishGroup(_ effects: WriteEffects) throws {
        for slot in 0..<16 where effects.counts[slot] != 0 {
            try connection.run(Self.addToCounter, .integer(effects.counts[slot]), .integer(slot))
        }
        for effect in effects.queues where effect.counts != .zero { try count(effect) }
        try raiseFloor()
    }

    /// Writes down that the clock has come this far.
    func raiseFloor() throws { try connection.run(Self.setFloor, .time(now)) }

    private static let addToCounter = SQL("UPDATE counters SET value = value + ? WHERE id = ?")
    private static let setFloor = SQL("UPDATE meta SET value = ? WHERE name = 'clock_floor'")
}
