import TowlineCore

extension SettingsKey {
    /// Every setting, in the order in which documents list them; settings of one group stand together.
    package static let table: [SettingsKey] =
        apiKeys + adminKeys + storageKeys + nodeKeys + pullKeys + netKeys + deliveryKeys + queueKeys + limitKeys
        + logKeys

    /// Finds a setting by its name.
    ///
    /// - Parameter name: A dotted name such as `pull.concurrency`.
    /// - Returns: The setting, or `nil` when there is none of that name.
    package static func named(_ name: String) -> SettingsKey? {
        table.first { $0.name == name }
    }

    private static let apiKeys: [SettingsKey] = [
        SettingsKey(
            "api.listen", .listen, default: "127.0.0.1:8787",
            "Where the VOD actions are served, at `/`, and the queues, at `/queues`; port 0 takes a free one."
        ),
        SettingsKey(
            "api.public-url", .webURL, default: .derived("`http://` or, with TLS, `https://` and `api.listen`"),
            "What `FileUrl`, `QueueURL` and `Location` are built from, and what counts as Towline's own address."
        ),
        SettingsKey(
            "api.tls-certificate", .path, default: .unset,
            "PEM file with the certificate chain of the API; goes with `api.tls-key`; reloaded when it changes."
        ),
        SettingsKey(
            "api.tls-key", .path, default: .unset,
            "PEM file with the private key of the API; goes with `api.tls-certificate`; reloaded when it changes."
        ),
        SettingsKey(
            "api.max-target-bytes", .bytes(8 * kibi...4 * mebi), default: "512 KiB",
            "Longest request target and header section that the API accepts; new SDKs put 20 URLs into the query."
        ),
        SettingsKey(
            "api.max-body-bytes", .bytes(64 * kibi...64 * mebi), default: "2 MiB",
            "Longest request body that the API accepts."
        ),
        SettingsKey(
            "api.request-timeout-seconds", .seconds(1...600), default: "30",
            "How long a request may take to arrive, from its first line to the end of its body; also how long a new "
                + "connection may wait for its first."
        ),
        SettingsKey(
            "api.idle-timeout-seconds", .seconds(1...3_600), default: "600",
            "How long a connection may stay open without a request; some queue clients do not notice when it is closed."
        ),
    ]

    private static let adminKeys: [SettingsKey] = [
        SettingsKey(
            "admin.listen", .listen, default: "127.0.0.1:8788",
            "Where the admin API, `/healthz` and `/readyz` are served; port 0 takes a free one."
        ),
        SettingsKey(
            "admin.token", .token, default: .unset, isSecret: true,
            "What callers of the admin API must show; without it only loopback may connect."
        ),
        SettingsKey(
            "admin.ready-timeout-seconds", .seconds(1...60), default: "5",
            "How long `/readyz` waits for the store and the object store before it says 503."
        ),
    ]

    private static let storageKeys: [SettingsKey] = [
        SettingsKey(
            "data.dir", .path, default: "./towline-data", dev: .derived("a temporary folder, removed at exit"),
            flagAliases: ["data"],
            "Folder of everything that this node keeps; made when missing."
        ),
        SettingsKey(
            "secrets.key-file", .path, default: .derived("`<data.dir>/secret.key`"),
            "File with the key that encrypts stored secrets; made with mode 0600 when missing; the same on all nodes."
        ),
        SettingsKey(
            "store.url", .storeURL, default: .derived("`sqlite:<data.dir>/towline.db`"), isSecret: true,
            "Where jobs, events, deliveries and keys are kept: a file of this node, or a PostgreSQL database that nodes share."
        ),
        SettingsKey(
            "store.connections", .integer(1...100), default: "6",
            "Connections to PostgreSQL on which this node writes; two for reading and one for wake-ups come on top."
        ),
        SettingsKey(
            "objects.url", .objectsURL, default: .derived("`file:<data.dir>/media`"),
            "Where pulled files are kept."
        ),
        SettingsKey(
            "objects.access-key-id", .token, default: .derived("`AWS_ACCESS_KEY_ID`, with `AWS_SESSION_TOKEN`"),
            "Access key of the bucket of `objects.url`; goes with `objects.access-key-secret`."
        ),
        SettingsKey(
            "objects.access-key-secret", .token, default: .derived("`AWS_SECRET_ACCESS_KEY`"), isSecret: true,
            "Secret of `objects.access-key-id`."
        ),
        SettingsKey(
            "objects.part-memory-bytes", .bytes(16 << 20...64 << 30), default: "32 MiB",
            "Memory that the parts of all uploads into a bucket share; half of it is the largest part."
        ),
    ]

    private static let nodeKeys: [SettingsKey] = [
        SettingsKey(
            "roles", .choices(Settings.Role.allCases.map(\.rawValue)), default: "api,pull,deliver,queue,console",
            "What this node does."
        ),
        SettingsKey(
            "node.id", .nodeName, default: .derived("the host name and a random part"),
            "What this node is called in leases, attempts and logs; different on every node."
        ),
        SettingsKey(
            "shutdown.timeout-seconds", .seconds(1...600), default: "10",
            "How long a node may take to end after SIGTERM: a fifth of it for transfers under way, three fifths for "
                + "deliveries. What is not done then is given back."
        ),
        SettingsKey(
            "lease.seconds", .seconds(3...3_600), default: "30",
            "How long a node may hold a job without a sign of life; renewed every third of it."
        ),
    ]

    private static let pullKeys: [SettingsKey] = [
        SettingsKey(
            "pull.concurrency", .integer(1...10_000), default: "64",
            "Transfers at once on this node; those that wait for silent sources do not count, up to three times as many."
        ),
        SettingsKey(
            "pull.per-origin", .integer(1...10_000), default: "8",
            "Transfers at once against one origin."
        ),
        SettingsKey(
            "pull.per-account", .integer(0...100_000), default: "0",
            "Transfers at once of one account, over all nodes; 0 sets no limit. Accounts take turns in any case."
        ),
        SettingsKey(
            "pull.per-origin-per-second", .rate(0...10_000), default: "0",
            "Transfers that may begin in a second against one origin, over all nodes; 0 sets no limit."
        ),
        SettingsKey(
            "pull.max-retry-after-seconds", .seconds(0...86_400), default: "3600",
            "Longest wait that is accepted from an origin's `Retry-After`; all of its jobs wait, and hold no slot."
        ),
        SettingsKey(
            "pull.max-bytes-per-second", .bytes(0...tebi), default: "0",
            "What all transfers of this node may receive in a second; 0 sets no limit."
        ),
        SettingsKey(
            "pull.transfer-max-bytes-per-second", .bytes(0...tebi), default: "0",
            "What one transfer may receive in a second, over all of its connections; 0 sets no limit."
        ),
        SettingsKey(
            "pull.expire-waiting-seconds", .seconds(0...2_592_000), default: "0",
            "How long a job may wait for its turn unless its caller says otherwise (`TowlineExpireSeconds`); 0 for ever."
        ),
        SettingsKey(
            "pull.max-connections", .integer(1...16), default: "16",
            "Connections of one large transfer, if they pay and pull.per-origin leaves room; 1 for one at a time."
        ),
        SettingsKey(
            "pull.max-bytes", .bytes(1...64 * tebi), default: "20 GiB",
            "Largest file that is pulled; a larger one fails its job."
        ),
        SettingsKey(
            "pull.retries", .integer(1...100), default: "5",
            "Attempts in all, only for causes that can pass; progress resets the count."
        ),
        SettingsKey(
            "pull.connect-timeout-seconds", .seconds(0.1...600), default: "10",
            "Longest wait for a connection to one address."
        ),
        SettingsKey(
            "pull.first-byte-timeout-seconds", .seconds(0.1...3_600), default: "30",
            "Longest wait for the head of the answer after the request was sent."
        ),
        SettingsKey(
            "pull.idle-timeout-seconds", .seconds(0.1...3_600), default: "30",
            "Longest pause within a body."
        ),
        SettingsKey(
            "pull.dns-timeout-seconds", .seconds(0.1...600), default: "10",
            "Longest wait for a name's addresses."
        ),
        SettingsKey(
            "pull.min-bytes-per-second", .bytes(0...gibi), default: "1000",
            "Slowest rate, measured over 60 s, at which a transfer goes on; 0 accepts any."
        ),
        SettingsKey(
            "pull.max-redirects", .integer(0...20), default: "10",
            "Redirects that one attempt follows."
        ),
        SettingsKey(
            "pull.total-timeout-seconds", .seconds(1...2_592_000), default: "86400",
            "Longest time that one run of a job may take, waits included."
        ),
        SettingsKey(
            "pull.small-object-bytes", .bytes(0...4 * mebi), default: "256 KiB",
            "Files up to this size are made durable by the database's own commit; 0 gives each file a sync of its own."
        ),
        SettingsKey(
            "pull.checkpoint-bytes", .bytes(0...64 * gibi), default: "64 MiB",
            "How much of a transfer is read again at most after the process was killed; 0 for no checkpoints on the way."
        ),
        SettingsKey(
            "pull.checkpoint-seconds", .seconds(1...3_600), default: "30",
            "After how long a slow transfer is written down although less has come."
        ),
        SettingsKey(
            "pull.read-buffer-bytes", .bytes(4 * mebi...64 * gibi), default: "32 MiB",
            "Memory that the read buffers of all transfers share."
        ),
    ]

    private static let netKeys: [SettingsKey] = [
        SettingsKey(
            "net.source.allow", .networks, default: "", dev: .text(Settings.devNetworks.joined(separator: ",")),
            "Networks that sources may be in although the built-in policy blocks them; "
                + "link-local and metadata addresses stay blocked."
        ),
        SettingsKey(
            "net.callback.allow", .networks, default: "", dev: .text(Settings.devNetworks.joined(separator: ",")),
            "Networks that callbacks may be in although the built-in policy blocks them; "
                + "link-local and metadata addresses stay blocked."
        ),
        SettingsKey(
            "net.deny", .networks, default: "",
            "Networks that are blocked for sources and callbacks although the built-in policy allows them."
        ),
        SettingsKey(
            "net.dns-servers", .nameServers, default: .derived("the system's"),
            "Name servers to ask, each an address with or without a port."
        ),
        SettingsKey(
            "net.ca-file", .path, default: .unset,
            "PEM file with certificate authorities to trust beside the system's."
        ),
        SettingsKey(
            "net.source-headers-file", .path, default: .unset,
            "File, for its owner alone, with header fields and logins for origins: lines `[files.example.com]` and, "
                + "below, `Name: value` or `login: user:password`."
        ),
        SettingsKey(
            "net.proxy", .proxy, default: .unset, isSecret: true,
            "HTTP proxy for sources; it is asked by CONNECT for addresses that were resolved and judged here. Callbacks "
                + "go without."
        ),
        SettingsKey(
            "net.no-proxy", .proxyExceptions, default: "",
            "Sources that `net.proxy` is not asked for."
        ),
    ]

    private static let deliveryKeys: [SettingsKey] = [
        SettingsKey(
            "delivery.policy", .choice(DeliveryPolicy.Name.allCases.map(\.rawValue)), default: "durable",
            dev: "exact",
            "How often a callback is tried: `exact` 3 times 1 s apart, `durable` twelve times over at least 76 h."
        ),
        SettingsKey(
            "delivery.timeout-seconds", .seconds(0.1...300), default: "5",
            "Longest time that one callback attempt may take."
        ),
        SettingsKey(
            "delivery.concurrency", .integer(1...10_000), default: "256",
            "Callback attempts at once on this node."
        ),
        SettingsKey(
            "delivery.per-endpoint", .integer(1...10_000), default: "8",
            "Callback attempts at once against one endpoint, unless the endpoint has a number of its own."
        ),
        SettingsKey(
            "delivery.per-endpoint-per-second", .integer(0...100_000), default: "0",
            "Callback attempts that may begin in a second against one endpoint, unless the endpoint has a number of its "
                + "own; 0 sets no limit."
        ),
        SettingsKey(
            "delivery.schedule", .waits(1...64), default: "5,30,120,600,1800,3600,7200,18000,36000,72000,136800",
            "Seconds that `durable` waits between attempts, one attempt more than there are waits; jitter lengthens "
                + "each by up to a tenth."
        ),
        SettingsKey(
            "delivery.max-retry-after-seconds", .seconds(0...86_400), default: "3600",
            "Longest wait that `durable` accepts from a receiver's `Retry-After`."
        ),
        SettingsKey(
            "delivery.answer-timeout-seconds", .seconds(0.1...60), default: "1",
            "Longest time that the body of an answer is read once its status is known."
        ),
        SettingsKey(
            "delivery.breaker-failures", .integer(1...1_000_000), default: "8",
            "Failures in a row under `durable` that pause an endpoint; afterwards one attempt at a time until one "
                + "succeeds."
        ),
        SettingsKey(
            "delivery.breaker-pause-seconds", .seconds(0.1...3600), default: "5",
            "First pause of an endpoint that fails or asks for less (429, 502, 503, 504); each further one is twice as "
                + "long."
        ),
        SettingsKey(
            "delivery.breaker-max-pause-seconds", .seconds(0.1...86_400), default: "300",
            "Longest pause of an endpoint that did not name one itself."
        ),
        SettingsKey(
            "delivery.disable-after-hours", .integer(1...8760), default: "120",
            "Time of failures without a success under `durable` after which an endpoint is disabled and its events are "
                + "held."
        ),
        SettingsKey(
            "delivery.log-retention-days", .integer(1...3650), default: "30",
            "How long the attempts of ended deliveries stay in the log; events and deliveries stay."
        ),
    ]

    private static let queueKeys: [SettingsKey] = [
        SettingsKey(
            "queue.body-encoding", .choice(EventBodyEncoding.allCases.map(\.rawValue)), default: "base64",
            "How an event stands in a queue's message; the official consumers decode Base64 by default."
        ),
        SettingsKey(
            "queue.create-missing", .boolean, default: "false", dev: "true",
            "Whether a built-in queue that a callback names is made when it does not exist; otherwise that is an error."
        ),
        SettingsKey(
            "queue.max-waiting-receives", .integer(1...1_000_000), default: "10000",
            "Receives that may wait for a message at once on this node; one more is answered at once, as if its time "
                + "were over."
        ),
        SettingsKey(
            "queue.remote-endpoint", .webURL, default: .unset,
            "Endpoint of the other MNS whose queues callbacks may name; goes with `queue.remote-access-key-id`, whose "
                + "signatures go nowhere else."
        ),
        SettingsKey(
            "queue.remote-access-key-id", .token, default: .unset,
            "Access key at `queue.remote-endpoint`; goes with `queue.remote-access-key-secret`."
        ),
        SettingsKey(
            "queue.remote-access-key-secret", .token, default: .unset, isSecret: true,
            "Secret of `queue.remote-access-key-id`."
        ),
    ]

    private static let limitKeys: [SettingsKey] = [
        limit(
            "upload-media-by-url", "UploadMediaByURL", "100",
            "the original counts 200,000 a day instead, and up to 100 uploads a second in its older scheme"
        ),
        limit("get-url-upload-infos", "GetURLUploadInfos", "100"),
        limit("cancel-url-upload-jobs", "CancelUrlUploadJobs", "50"),
        limit("set-message-callback", "SetMessageCallback", "15"),
        limit("get-message-callback", "GetMessageCallback", "15"),
        limit("delete-message-callback", "DeleteMessageCallback", "15", "the original publishes none, this is Set's"),
    ]

    private static let logKeys: [SettingsKey] = [
        SettingsKey(
            "log.level", .choice(Settings.LogLevel.allCases.map(\.rawValue)), default: "info",
            "Least important messages that are logged."
        ),
        SettingsKey(
            "log.format", .choice(Settings.LogFormat.allCases.map(\.rawValue)), default: "text",
            "How a log line is written."
        ),
    ]

    /// The rate limit of one action, off in `dev`.
    private static func limit(_ name: String, _ action: String, _ perSecond: String, _ note: String? = nil) -> Self {
        let basis = note.map { " (\($0))" } ?? ""
        return SettingsKey(
            "limits.\(name)-per-second", .integer(0...1_000_000), default: .text(perSecond), dev: "0",
            "Calls of `\(action)` a second for each account\(basis); 0 sets no limit."
        )
    }

    private static let kibi = 1 << 10
    private static let mebi = 1 << 20
    private static let gibi = 1 << 30
    private static let tebi = 1 << 40
}
