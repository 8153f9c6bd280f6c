package import TowlineCore

/// What the pull engine may do; each value is a setting of the same name under `pull.` unless said otherwise.
package struct PullConfiguration: Sendable {
    /// The node that claims (`node.id`).
    package var node: NodeID
    /// Transfers at once on this node, without those whose sources stand still.
    package var concurrency = 64
    /// How long nothing comes from a source until its transfer does not count for ``concurrency``; not a setting.
    package var stalledTime: Duration = .seconds(1)
    /// How many transfers may be so, as a multiple of ``concurrency``; not a setting.
    package var stalledFactor = 3
    /// Transfers at once against one origin, over all nodes.
    package var perOrigin = 8
    /// Transfers at once of one account, over all nodes.
    package var perAccount = Int.max
    /// Attempts that may begin in a second against one origin, over all nodes; 0 for no limit.
    package var perOriginPerSecond = 0.0
    /// What all transfers of this node may receive together; 0 for no limit.
    package var maxBytesPerSecond = 0
    /// What one transfer may receive; 0 for no limit (`pull.transfer-max-bytes-per-second`).
    package var transferMaxBytesPerSecond = 0
    /// The largest file, in bytes.
    package var maxBytes: Int64 = 20 << 30
    /// Attempts and the waits between them.
    package var retry = RetryRule()
    /// Files up to this size ride in the terminal transaction; 0 turns that off.
    package var smallObjectBytes = 256 << 10
    /// How much of a transfer may be lost with the process: bytes that are not on stable storage and written down; 0
    /// for no checkpoints on the way.
    package var checkpointBytes: Int64 = 64 << 20
    /// After how much time less than that is written down too (`pull.checkpoint-seconds`).
    package var checkpointTime: Duration = .seconds(30)
    /// What counts as progress; not a setting.
    ///
    /// An attempt that brings so much more than those before it starts the count of attempts anew, and a connection that
    /// does is followed by another at once.
    package var progressBytes: Int64 = 1 << 20
    /// Connections of one transfer at most (`pull.max-connections`); the limit of its origin counts all of them.
    package var maxConnections = 16
    /// How long one connection is watched before several are tried; not a setting.
    package var trialTime: Duration = .milliseconds(250)
    /// How long the rest must take one connection for several to be tried; not a setting.
    package var worthwhileTime: Duration = .seconds(4)
    /// How often it is measured what several connections bring; not a setting.
    package var gaugeTime: Duration = .milliseconds(100)
    /// What one connection of several fetches at a time at most; not a setting.
    package var pieceBytes: Int64 = 16 << 20
    /// The least average speed over ``speedWindow``; 0 turns the check off.
    package var minBytesPerSecond = 1000
    /// What the least speed is averaged over.
    package var speedWindow: Duration = .seconds(60)
    /// One run as a whole, waits included.
    package var totalTimeout: Duration = .seconds(86_400)
    /// How long a claim holds (`lease.seconds`); renewed every third of it.
    package var lease: Duration = .seconds(30)
    /// How long running attempts may go on after a shutdown began, a share of `shutdown.timeout-seconds`.
    package var grace: Duration = .seconds(2)

    /// The defaults for a node.
    package init(node: NodeID) { self.node = node }
}
