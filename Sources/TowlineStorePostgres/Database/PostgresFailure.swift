import TowlineStore

/// What the server, or libpq in its place, answered when a statement failed.
struct PostgresFailure: Error, Sendable {
    /// The five characters of SQLSTATE; empty when the connection was lost.
    let state: String
    /// The server's words, without values.
    let message: String
    /// The constraint or index that said no, where there is one.
    var constraint: String?

    /// Whether the connection is of no use any more.
    var isConnectionLost: Bool { state.isEmpty || state.hasPrefix("08") || state.hasPrefix("57P") }

    /// Whether the same transaction, run again, may do.
    var isSerialization: Bool { state == "40001" || state == "40P01" || state == "55P03" }

    /// Whether the values of the call are to blame, and not the server's state.
    var isAboutData: Bool { state.hasPrefix("22") || state.hasPrefix("23") || state.hasPrefix("54") }

    /// Whether a unique key said no.
    var isUniqueViolation: Bool { state == "23505" }

    /// The error for callers.
    var storeError: StoreError {
        switch state {
        case "": StoreError(.unavailable, "the connection to PostgreSQL was lost: \(message)")
        case "25006":
            StoreError(.unavailable, "PostgreSQL is read-only; it may be a standby, or set so by its operator")
        case "53100": StoreError(.full, "PostgreSQL has no space left on its disk")
        case "53300":
            StoreError(
                .unavailable, "PostgreSQL has no free connections; raise max_connections or lower store.connections")
        case "57014": StoreError(.unavailable, "PostgreSQL did not finish a statement in time")
        case "57P01", "57P02", "57P03": StoreError(.unavailable, "PostgreSQL is shutting down or starting: \(message)")
        case "28P01", "28000": StoreError(.unavailable, "PostgreSQL refused the user or the password of store.url")
        case "3D000": StoreError(.unavailable, "the database of store.url does not exist: \(message)")
        case "42501": StoreError(.unavailable, "the user of store.url lacks a right: \(message)")
        case "XX001", "XX002": StoreError(.corrupted, "PostgreSQL reports damaged data: \(message)")
        case _ where state.hasPrefix("23"): StoreError(.conflict, "PostgreSQL refused a row: \(message)")
        case _ where isSerialization:
            StoreError(.unavailable, "PostgreSQL could not bring this in order with other transactions")
        default: StoreError(.unavailable, "PostgreSQL failed (\(state)): \(message)")
        }
    }

    /// The error for callers, whatever was thrown.
    static func storeError(from error: any Error) -> StoreError {
        switch error {
        case let error as StoreError: error
        case let error as PostgresFailure: error.storeError
        default: StoreError(.unavailable, "the store failed: \(error)")
        }
    }
}

/// Failures that tests inject (``PostgresStoreConfiguration/intercept``) as if the server had sent them.
package enum PostgresInjected {
    /// The server could not bring a transaction in order with others.
    package static var serialization: any Error { PostgresFailure(state: "40001", message: "injected") }
    /// The connection was lost.
    package static var connectionLost: any Error { PostgresFailure(state: "", message: "injected") }
}
