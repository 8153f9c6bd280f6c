import Logging
import TowlineCore
import TowlineStore
import TowlineStorePostgres
import TowlineStoreSQLite

/// Opens the store that the settings name.
enum StoreOpening {
    /// Opens the store; brings it to the schema of this version.
    ///
    /// - Throws: ``ServerError`` with one sentence.
    static func open(
        _ settings: Settings, publicURL: String, onFatal: @escaping @Sendable (ServerError) -> Void, logger: Logger
    ) async throws -> any Store {
        switch settings.store {
        case .sqlite(let path):
            try await openSQLite(at: path, settings, publicURL: publicURL, onFatal: onFatal, logger: logger)
        case .postgres(let location):
            try await openPostgres(location, settings, publicURL: publicURL, logger: logger)
        }
    }

    private static func openSQLite(
        at path: String, _ settings: Settings, publicURL: String, onFatal: @escaping @Sendable (ServerError) -> Void,
        logger: Logger
    ) async throws -> SQLiteStore {
        let key = try SecretKeyFile.load(settings.secretsKeyFile, isNeeded: SQLiteStore.isStore(at: path))
        do {
            var configuration = SQLiteStoreConfiguration(
                path: path, lockPath: path + ".lock", secretBox: try SecretBox(key: key),
                composer: EventComposer(publicURL: publicURL))
            configuration.deliveryPolicy = settings.delivery.policy
            configuration.healthRule = settings.delivery.healthRule
            configuration.eventBodyEncoding = settings.queue.bodyEncoding
            configuration.createMissingQueues = settings.queue.createsMissing
            configuration.maxWaitingReceives = settings.queue.maxWaitingReceives
            configuration.onFatal = { error in onFatal(ServerError(error.message)) }
            return try await SQLiteStore.open(configuration, logger: logger)
        } catch let error as StoreError where error.code == .corrupted {
            throw ServerError("\(error.message) (database \(path), key file \(settings.secretsKeyFile))")
        } catch let error as StoreError {
            throw ServerError(error.message)
        }
    }

    private static func openPostgres(
        _ location: Settings.PostgresLocation, _ settings: Settings, publicURL: String, logger: Logger
    ) async throws -> PostgresStore {
        let key = try SecretKeyFile.load(settings.secretsKeyFile, isNeeded: false)
        do {
            var configuration = PostgresStoreConfiguration(
                url: location.url, secretBox: try SecretBox(key: key), composer: EventComposer(publicURL: publicURL))
            configuration.deliveryPolicy = settings.delivery.policy
            configuration.healthRule = settings.delivery.healthRule
            configuration.eventBodyEncoding = settings.queue.bodyEncoding
            configuration.createMissingQueues = settings.queue.createsMissing
            configuration.maxWaitingReceives = settings.queue.maxWaitingReceives
            configuration.writers = settings.storeConnections
            return try await PostgresStore.open(configuration, logger: logger)
        } catch let error as StoreError where error.code == .corrupted {
            throw ServerError("\(error.message) (database \(location), key file \(settings.secretsKeyFile))")
        } catch let error as StoreError {
            throw ServerError(error.message)
        }
    }
}
