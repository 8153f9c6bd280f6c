package import TowlineCore

/// What the delivery engine may do; each value is a setting of the same name under `delivery.` unless said otherwise.
package struct DeliveryConfiguration: Sendable {
    /// The node that claims (`node.id`).
    package var node: NodeID
    /// Attempts at once on this node.
    package var concurrency = 64
    /// Attempts at once against one endpoint, over all nodes.
    package var perEndpoint = 16
    /// How often and when (`delivery.policy`).
    package var policy = DeliveryPolicy.durable
    /// One attempt as a whole (`delivery.timeout-seconds`).
    package var timeout: Duration = .seconds(5)
    /// How long a claim holds; longer than an attempt can take.
    package var lease: Duration = .seconds(30)
    /// How long running attempts may go on after a shutdown began.
    package var grace: Duration = .seconds(6)
    /// How much of an answer's body is read and kept.
    package var keptResponseBytes = 16 << 10

    /// The defaults for a node.
    package init(node: NodeID) { self.node = node }
}
