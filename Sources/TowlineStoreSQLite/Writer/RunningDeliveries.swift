import TowlineCore
import TowlineStore

/// Deliveries whose attempt the writer has begun, so that their outcome needs no look at the row.
///
/// Lives on the writer's thread.
final class RunningDeliveries {
    private static let capacity = 16_384
    private var known: [DeliveryID: StoredDelivery] = [:]

    /// Remembers a delivery that was claimed; forgets all others first when there are too many.
    func add(_ delivery: StoredDelivery, id: DeliveryID) {
        if known.count >= Self.capacity { known.removeAll() }
        known[id] = delivery
    }

    /// A delivery as it was claimed, if that is remembered.
    func find(_ id: DeliveryID) -> StoredDelivery? { known[id] }

    /// Forgets a delivery whose attempt has ended.
    func remove(_ id: DeliveryID) { known[id] = nil }

    /// Forgets all: some claims may have been undone.
    func forget() { known.removeAll() }
}
