import HTTPTypes
import TowlineCore
import TowlineStore

/// Access keys.
extension AdminRoutes {
    var keyRoutes: [AdminRoute] {
        [
            AdminRoute(.get, "/api/v1/keys") { call in
                _ = try call.query()
                return .members(["keys": .array(try await store.listKeys().map(AdminJSON.key))])
            },
            AdminRoute(.post, "/api/v1/keys") { try await createKey($0) },
            AdminRoute(.post, "/api/v1/keys/:id/revoke") { call in
                try await call.nothing()
                let id = call.parameter("id")
                try await store.revokeKey(id)
                return .members(["id": .string(id), "revoked": .bool(true)])
            },
        ]
    }

    private func createKey(_ call: AdminCall) async throws -> JSONValue {
        let body = try await call.body("id", "secret", "account")
        let fresh = makeSecret()
        let id = try body.string("id", "1 to 128 letters, digits, '-', '.' and '_'") {
            AdminRule.name($0, atMost: 128)
        }
        let secret = try body.string("secret", "8 to 256 printable ASCII characters without blanks") { text in
            let isPrintable = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
            return (8...256).contains(text.utf8.count) && isPrintable ? text : nil
        }
        let account = try body.account() ?? .standard
        let key = AccessKey(id: id ?? fresh.id, secret: secret ?? fresh.secret, account: account)
        try await store.createKey(key)
        return .members([
            "id": .string(key.id), "secret": .string(key.secret), "account": .string(account.description),
        ])
    }
}
