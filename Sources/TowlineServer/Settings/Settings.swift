/// Everything a user can set, checked and typed.
///
/// ``SettingsLoader`` makes it from flags, environment, file and defaults; ``SettingsKey/table`` describes each
/// setting with its bounds. Sizes are in bytes. Paths are as the user wrote them: a relative one starts at the
/// working directory.
package struct Settings: Sendable, Equatable {
    /// Whose defaults hold.
    package enum Mode: String, Sendable, CaseIterable {
        /// `towline dev` and `towline demo`.
        case dev
        /// `towline serve` and what judges by its settings.
        case serve
    }

    /// What a node can do.
    package enum Role: String, Sendable, CaseIterable {
        /// Answers the VOD actions and serves signed media.
        case api
        /// Pulls files.
        case pull
        /// Brings events to callbacks.
        case deliver
        /// Serves the built-in queue.
        case queue
        /// Serves the console and the admin API.
        case console
    }

    /// The importance of a log message, least important first.
    package enum LogLevel: String, Sendable, CaseIterable {
        /// Each step.
        case trace
        /// What helps to find a fault.
        case debug
        /// What an operator may want to know.
        case info
        /// What an operator should notice.
        case notice
        /// What may become a fault.
        case warning
        /// What failed.
        case error
        /// What ends the process.
        case critical
    }

    /// How a log line is written.
    package enum LogFormat: String, Sendable, CaseIterable {
        /// For people.
        case text
        /// One JSON object a line.
        case json
    }

    /// The networks in which `dev` allows sources and callbacks: loopback and the private ones.
    package static let devNetworks = [
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7",
    ]

    /// Whose defaults hold.
    package var mode: Mode
    /// The listener of the VOD actions.
    package var api: API
    /// The listener of the console and the admin API.
    package var admin: Admin
    /// The node's own folder.
    package var data: DataFolder
    /// `secrets.key-file`: path of the key that encrypts stored secrets.
    package var secretsKeyFile: String
    /// `store.url`.
    package var store: Store
    /// `store.connections`: connections to PostgreSQL on which this node writes.
    package var storeConnections: Int
    /// `objects.url`.
    package var objects: Objects
    /// Who asks for the bucket of `objects.url`; `nil` where nobody is named.
    package var objectsKey: ObjectsKey?
    /// `objects.part-memory-bytes`.
    package var objectsPartMemoryBytes: Int
    /// `roles`: at least one.
    package var roles: Set<Role>
    /// `node.id`: 1 to 64 letters, digits, dots, hyphens and underscores.
    package var nodeID: String
    /// `shutdown.timeout-seconds`: how long what is under way may take after SIGTERM.
    package var shutdownTimeout: Duration
    /// `lease.seconds`: at least three seconds.
    package var lease: Duration
    /// What pulls may take.
    package var pull: Pull
    /// What outgoing connections may reach.
    package var net: Net
    /// How callbacks are brought.
    package var delivery: Delivery
    /// How the built-in queues work, and how events get into queues.
    package var queue: Queue
    /// Calls a second for each account.
    package var limits: Limits
    /// What is logged.
    package var log: Log
}
