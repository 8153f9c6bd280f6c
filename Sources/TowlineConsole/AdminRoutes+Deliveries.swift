import HTTPTypes
import TowlineCore
import TowlineStore

/// Deliveries.
extension AdminRoutes {
    var deliveryRoutes: [AdminRoute] {
        [
            AdminRoute(.get, "/api/v1/deliveries") { try await listDeliveries($0) },
            AdminRoute(.get, "/api/v1/deliveries/:id") { call in
                _ = try call.query()
                return AdminJSON.deliveryDetail(try await deliveryDetail(call))
            },
            AdminRoute(.post, "/api/v1/deliveries/:id/redeliver") { call in
                let delivery = try await deliveryDetail(call).delivery
                try await call.nothing()
                return deliveries(try await store.redeliver(delivery.event, to: delivery.endpoint))
            },
        ]
    }

    private func listDeliveries(_ call: AdminCall) async throws -> JSONValue {
        let query = try call.query("state", "endpoint", "event", "replay", "cursor", "limit")
        let filter = DeliveryFilter(
            state: try query.choice("state", of: DeliveryState.self), endpoint: try query.id("endpoint"),
            event: try query.id("event"), replay: try query.id("replay"), before: try query.cursor())
        let page = try await store.deliveries(matching: filter, limit: try query.limit())
        return deliveries(page.items).adding(["next": page.next.json])
    }

    private func deliveryDetail(_ call: AdminCall) async throws -> DeliveryDetail {
        let id: DeliveryID = try call.id(of: "delivery")
        guard let detail = try await store.delivery(id) else { throw AdminError.missing("delivery", id.description) }
        return detail
    }
}
