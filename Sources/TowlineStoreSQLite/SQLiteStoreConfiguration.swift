package import TowlineCore
package import TowlineStore

/// What an ``SQLiteStore`` is opened with.
package struct SQLiteStoreConfiguration: Sendable {
    /// The database file; its folder exists already.
    package var path: String
    /// The file whose lock keeps a second process away; made where it is missing.
    package var lockPath: String
    /// Seals what must not lie in clear in the database file.
    package var secretBox: SecretBox
    /// Writes the bodies of events.
    package var composer: EventComposer
    /// The policy of new deliveries to endpoints without one of their own.
    package var deliveryPolicy = DeliveryPolicy.Name.exact
    /// When endpoints are paused and disabled.
    package var healthRule = EndpointHealthRule()
    /// Where stored times come from before the floor of the last commit is applied.
    package var clock: any StoreClock = MonotonicStoreClock()
    /// What measures how long receivers of messages wait.
    package var waitClock: any MonotonicClock = SystemMonotonicClock()
    /// Most receivers that wait for messages at once; more are answered at once (`queue.max-waiting-receives`).
    package var maxWaitingReceives = 10_000
    /// How an event stands in the message of a built-in queue (`queue.body-encoding`).
    package var eventBodyEncoding = EventBodyEncoding.base64
    /// Whether an event makes the built-in queue that it is for and that is missing (`queue.create-missing`).
    package var createMissingQueues = false
    /// What identifiers and lease tokens are made of.
    package var random: any RandomNumberGenerator & Sendable = BufferedRandom()
    /// How long a session id is remembered (design section 6).
    package var sessionLifetime: Duration = .seconds(600)
    /// Most rows that one group of operations may touch, by what the operations say they cost; at least 1.
    package var maxGroup = 256
    /// Connections that read at the same time; at least 1.
    package var maxReaders = 3
    /// Write-ahead log above this many pages of 4 KiB is brought into the database between two groups.
    package var checkpointPages = 2000
    /// Called once when the database file can no longer be trusted to keep what is written, as after a failed fsync.
    ///
    /// The process should end: opening the store again recovers.
    package var onFatal: @Sendable (StoreError) -> Void = { _ in }
    /// Called with each statement's text before it runs, on the thread that runs it; what it throws is the statement's
    /// failure.
    ///
    /// Tests inject faults here.
    package var intercept: (@Sendable (String) throws -> Void)?

    /// A configuration with the defaults of everything that has one.
    package init(path: String, lockPath: String, secretBox: SecretBox, composer: EventComposer) {
        self.path = path
        self.lockPath = lockPath
        self.secretBox = secretBox
        self.composer = composer
    }
}
