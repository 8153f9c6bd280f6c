package import TowlineCore

/// What the engines of this target may do; each value is a setting of the same name under `delivery.` unless said
/// otherwise.
package struct DeliveryConfiguration: Sendable {
    /// The node that claims (`node.id`).
    package var node: NodeID
    /// Deliveries that are claimed and not yet recorded at once on this node, at least 1.
    package var concurrency = 256
    /// Attempts at once against one endpoint without a limit of its own, over all nodes.
    package var perEndpoint = 16
    /// Attempts that may begin in a second against one endpoint without a limit of its own, over all nodes; 0 for no
    /// limit (`delivery.per-endpoint-per-second`).
    package var perEndpointPerSecond = 0
    /// The policy `durable` with its waits (`delivery.schedule`); which of the two policies holds is on each delivery.
    package var durablePolicy = DeliveryPolicy.durable
    /// One attempt as a whole (`delivery.timeout-seconds`).
    package var timeout: Duration = .seconds(5)
    /// How long an answer's body is read once its status is known, never beyond ``timeout``
    /// (`delivery.answer-timeout-seconds`).
    package var responseBodyTimeout: Duration = .seconds(1)
    /// Longest wait that `durable` accepts from a `Retry-After` (`delivery.max-retry-after-seconds`).
    package var maxRetryAfter: Duration = .seconds(3600)
    /// How long a claim holds; longer than an attempt can take.
    package var lease: Duration = .seconds(30)
    /// How long running attempts may go on after a shutdown began, a share of `shutdown.timeout-seconds`.
    package var grace: Duration = .seconds(6)
    /// How much of an answer's body is read and kept.
    package var keptResponseBytes = 16 << 10
    /// How long attempts of ended deliveries stay in the log (`delivery.log-retention-days`).
    package var logRetention: Duration = .seconds(30 * 86_400)

    /// The defaults for a node.
    package init(node: NodeID) { self.node = node }
}
