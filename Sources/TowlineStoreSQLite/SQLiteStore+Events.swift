package import TowlineCore
package import TowlineStore

extension SQLiteStore {
    package func event(_ id: EventID) async throws -> EventDetail? {
        try await read { connection in
            try connection.first(EventPageSQL.seqOf, .id(id)) { $0.integer(0) }
                .map { try EventPageSQL.detail($0, from: connection) }
        }
    }

    package func events(
        matching filter: EventFilter, before: EventID?, limit: Int
    ) async throws -> Page<EventDetail> {
        try await read { try EventPage(filter: filter, before: before, limit: max(1, limit)).read(from: $0) }
    }

    package func redeliver(_ event: EventID, to endpoint: EndpointID?) async throws -> [Delivery] {
        try await write(.accept) { try $0.redeliver(event, to: endpoint) }
    }
}
