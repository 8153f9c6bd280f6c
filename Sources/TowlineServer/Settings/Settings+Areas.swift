package import TowlineCore
package import TowlineOutbound

extension Settings {
    /// The settings `api.*`.
    package struct API: Sendable, Equatable {
        /// A certificate chain and its private key.
        package struct TLS: Sendable, Equatable {
            /// Path of the PEM file with the certificate chain.
            package var certificateFile: String
            /// Path of the PEM file with the private key.
            package var keyFile: String
        }

        /// Where to listen; port 0 takes a free one.
        package var listen: HostPort
        /// The URL that was set, without trailing slashes; `nil` to follow from the listener.
        package var publicURL: String?
        /// What the listener shows over TLS; `nil` for plain HTTP.
        package var tls: TLS?
        /// Longest request target and header section, in bytes.
        package var maxTargetBytes: Int
        /// Longest request body, in bytes.
        package var maxBodyBytes: Int
        /// How long a request may take to arrive.
        package var requestTimeout: Duration
        /// How long a connection may stay open without a request.
        package var idleTimeout: Duration

        /// The URL that others are built from once the listener is open.
        ///
        /// - Parameter port: The port that the listener got.
        /// - Returns: The URL that was set, or one of the listener; a listener on every address gives the loopback
        ///   address of its family. Without a trailing slash.
        package func effectivePublicURL(port: Int) -> String {
            if let publicURL { return publicURL }
            let host = listen.isWildcard ? (listen.host.contains(":") ? "::1" : "127.0.0.1") : listen.host
            return (tls == nil ? "http://" : "https://") + HostPort(host: host, port: port).description
        }
    }

    /// The settings `admin.*`.
    package struct Admin: Sendable, Equatable {
        /// Where to listen; port 0 takes a free one.
        package var listen: HostPort
        /// What callers must show; `nil` when only loopback may connect.
        package var token: Secret?
        /// How long `/readyz` waits for what it asks.
        package var readyTimeout: Duration
    }

    /// The setting `data.dir`.
    package struct DataFolder: Sendable, Equatable {
        /// The folder's path; it may not exist yet.
        package var path: String
        /// Whether the folder is to be made new, for its owner alone, and removed at exit.
        package var isTemporary: Bool
    }

    /// An access key of a bucket: the settings `objects.access-key-*`, or the variables that the tools of S3 share.
    package struct ObjectsKey: Sendable, Equatable {
        /// Its public part.
        package var id: String
        /// Its secret.
        package var secret: Secret
        /// What goes with a key that is valid for a while only.
        package var sessionToken: Secret?
    }

    /// The settings `pull.*`.
    package struct Pull: Sendable, Equatable {
        /// Transfers at once on this node.
        package var concurrency: Int
        /// Transfers at once against one origin.
        package var perOrigin: Int
        /// Transfers at once of one account; 0 for no limit.
        package var perAccount: Int
        /// Transfers that may begin in a second against one origin; 0 for no limit.
        package var perOriginPerSecond: Double
        /// Longest wait that an origin may ask for.
        package var maxRetryAfter: Duration
        /// What all transfers of this node may receive in a second; 0 for no limit.
        package var maxBytesPerSecond: Int
        /// What one transfer may receive in a second; 0 for no limit.
        package var transferMaxBytesPerSecond: Int
        /// How long a job may wait for its turn; zero for ever.
        package var expireWaiting: Duration
        /// Connections of one transfer at most.
        package var maxConnections: Int
        /// Largest file, in bytes.
        package var maxBytes: Int
        /// `pull.retries`: attempts in all, the first one counted.
        package var attempts: Int
        /// Longest wait for a connection to one address.
        package var connectTimeout: Duration
        /// Longest wait for the head of the answer.
        package var firstByteTimeout: Duration
        /// Longest pause within a body.
        package var idleTimeout: Duration
        /// Longest wait for a name's addresses.
        package var dnsTimeout: Duration
        /// Slowest rate in bytes a second; 0 accepts any.
        package var minBytesPerSecond: Int
        /// Redirects that one attempt follows.
        package var maxRedirects: Int
        /// Longest time of one run, waits included.
        package var totalTimeout: Duration
        /// Largest file, in bytes, that is made durable in the database's own commit; 0 for none.
        package var smallObjectBytes: Int
        /// How many bytes of a transfer may be here and not written down; 0 for no checkpoints on the way.
        package var checkpointBytes: Int
        /// After how long fewer bytes are written down too.
        package var checkpointTime: Duration
        /// Bytes that the read buffers of all transfers share.
        package var readBufferBytes: Int
    }

    /// The settings `net.*`.
    package struct Net: Sendable, Equatable {
        /// Blocks that sources may be in although the built-in policy closes them.
        package var sourceAllow: [CIDR]
        /// Blocks that callbacks may be in although the built-in policy closes them.
        package var callbackAllow: [CIDR]
        /// Blocks that are closed although the built-in policy opens them.
        package var deny: [CIDR]
        /// Name servers to ask; none for the system's.
        package var dnsServers: [HostPort]
        /// Path of a PEM file with further certificate authorities.
        package var caFile: String?
        /// Path of a file with header fields for origins of sources.
        package var sourceHeadersFile: String?
        /// What connections to sources go through.
        package var proxy: OutboundProxy?
        /// Sources that are connected without the proxy.
        package var noProxy: [OutboundProxy.Exception] = []
    }

    /// The settings `delivery.*`.
    package struct Delivery: Sendable, Equatable {
        /// How often a callback is tried.
        package var policy: DeliveryPolicy.Name
        /// Longest time of one attempt.
        package var timeout: Duration
        /// Attempts at once on this node.
        package var concurrency: Int
        /// Attempts at once against one endpoint.
        package var perEndpoint: Int
        /// Attempts that may begin in a second against one endpoint; 0 for no limit.
        package var perEndpointPerSecond: Int
        /// Waits between the attempts of `durable`.
        package var schedule: [Duration]
        /// Longest wait that a receiver may ask for.
        package var maxRetryAfter: Duration
        /// Longest time that an answer's body is read.
        package var answerTimeout: Duration
        /// Failures in a row that pause an endpoint.
        package var breakerFailures: Int
        /// First pause of an endpoint.
        package var breakerPause: Duration
        /// Longest pause of an endpoint.
        package var breakerMaxPause: Duration
        /// Time of failures after which an endpoint is disabled.
        package var disableAfter: Duration
        /// How long attempts of ended deliveries stay in the log.
        package var logRetention: Duration

        /// When endpoints are paused and disabled.
        package var healthRule: EndpointHealthRule {
            var rule = EndpointHealthRule()
            rule.breakerFailures = breakerFailures
            rule.firstPause = breakerPause
            rule.longestPause = max(breakerPause, breakerMaxPause)
            rule.disableAfter = disableAfter
            return rule
        }
    }

    /// The settings `queue.*`.
    package struct Queue: Sendable, Equatable {
        /// An access key for queues of other servers.
        package struct RemoteKey: Sendable, Equatable {
            /// The one endpoint that it belongs to, and that gets its signatures.
            package var endpoint: String
            /// Its public part.
            package var id: String
            /// Its secret.
            package var secret: Secret
        }

        /// How an event stands in a message.
        package var bodyEncoding: EventBodyEncoding
        /// Whether a missing queue that a callback names is made.
        package var createsMissing: Bool
        /// Receives that may wait at once.
        package var maxWaitingReceives: Int
        /// `nil` when events may only go into built-in queues.
        package var remoteKey: RemoteKey?
    }

    /// The settings `limits.*`: calls a second for each account, 0 for no limit.
    package struct Limits: Sendable, Equatable {
        /// Of `UploadMediaByURL`.
        package var uploadMediaByURL: Int
        /// Of `GetURLUploadInfos`.
        package var getURLUploadInfos: Int
        /// Of `CancelUrlUploadJobs`.
        package var cancelURLUploadJobs: Int
        /// Of `SetMessageCallback`.
        package var setMessageCallback: Int
        /// Of `GetMessageCallback`.
        package var getMessageCallback: Int
        /// Of `DeleteMessageCallback`.
        package var deleteMessageCallback: Int
    }

    /// The settings `log.*`.
    package struct Log: Sendable, Equatable {
        /// Least important messages that are logged.
        package var level: LogLevel
        /// How a line is written.
        package var format: LogFormat
    }
}
