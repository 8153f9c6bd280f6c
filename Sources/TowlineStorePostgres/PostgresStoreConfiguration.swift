package import TowlineCore
package import TowlineStore

/// What a ``PostgresStore`` is opened with.
package struct PostgresStoreConfiguration: Sendable {
    /// Where the database is: `postgres://user:password@host:port/name?sslmode=verify-full…`, as libpq reads it.
    ///
    /// What it says wins over the defaults of ``settings``, so that certificates, time limits and the search path are
    /// the operator's.
    package var url: String
    /// Seals what must not lie in clear in the database.
    package var secretBox: SecretBox
    /// Writes the bodies of events.
    package var composer: EventComposer
    /// The policy of new deliveries to endpoints without one of their own.
    package var deliveryPolicy = DeliveryPolicy.Name.exact
    /// When endpoints are paused and disabled.
    package var healthRule = EndpointHealthRule()
    /// What measures how long receivers of messages wait.
    package var waitClock: any MonotonicClock = SystemMonotonicClock()
    /// Most receivers that wait for messages at once; more are answered at once (`queue.max-waiting-receives`).
    package var maxWaitingReceives = 10_000
    /// How an event stands in the message of a built-in queue (`queue.body-encoding`).
    package var eventBodyEncoding = EventBodyEncoding.base64
    /// Whether an event makes the built-in queue that it is for and that is missing (`queue.create-missing`).
    package var createMissingQueues = false
    /// How long a session id is remembered (design section 6).
    package var sessionLifetime: Duration = .seconds(600)
    /// Connections that write, at least 1.
    package var writers = 6
    /// Connections that answer questions, at least 1.
    package var readers = 2
    /// Most calls that wait for a connection; more are refused.
    package var maxWaiting = 4096
    /// Most rows that one transaction of gathered calls touches, by what the calls say they cost; at least 1.
    package var maxGroup = 256
    /// How long making a connection may take, in whole seconds.
    package var connectTimeout: Duration = .seconds(5)
    /// How long one statement may take.
    package var statementTimeout: Duration = .seconds(15)
    /// How long a statement waits for a row that another transaction holds.
    package var lockTimeout: Duration = .seconds(5)
    /// When an object is looked for once more whose writer was not heard of: a node that stands still for longer than two
    /// leases may write it when it wakes, and be killed before it reports.
    package var lookAgainAfter: Duration = .seconds(86_400)
    /// How often everything is looked at though no notification came.
    package var safetyPoll: Duration = .seconds(5)
    /// What tests add to the server's clock.
    package var clockOffset: @Sendable () -> Duration = { .zero }
    /// Called with each statement's text before it is sent, on the thread that sends it; what it throws is the
    /// statement's failure.
    ///
    /// Tests inject faults here.
    package var intercept: (@Sendable (String) throws -> Void)?

    /// A configuration with the defaults of everything that has one.
    package init(url: String, secretBox: SecretBox, composer: EventComposer) {
        self.url = url
        self.secretBox = secretBox
        self.composer = composer
    }

    /// Limits of the server for each session, where the URL or the role sets none.
    var session: [(String, String)] {
        let statement = "\(statementTimeout.wholeMilliseconds)"
        return [
            ("statement_timeout", statement), ("lock_timeout", "\(lockTimeout.wholeMilliseconds)"),
            // A node that stops within a transaction must not hold its rows for long.
            ("idle_in_transaction_session_timeout", statement),
        ]
    }

    /// Key words and values for libpq; the URL comes last and wins.
    var settings: [(String, String)] {
        [
            ("application_name", "towline"),
            ("client_encoding", "UTF8"),
            ("connect_timeout", "\(max(1, connectTimeout.components.seconds))"),
            ("keepalives", "1"), ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "\((statementTimeout + .seconds(5)).wholeMilliseconds)"),
            ("target_session_attrs", "any"),
            ("dbname", url),
        ]
    }
}
