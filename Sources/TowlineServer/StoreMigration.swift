import Logging
import TowlineCore
import TowlineStore
import TowlineStoreSQLite

/// Brings a store to the schema of this version, as every start does too.
package struct StoreMigration: Sendable {
    private let settings: Settings

    /// A migration of the store that the settings name.
    package init(settings: Settings) { self.settings = settings }

    /// Opens the store, which migrates it, and closes it again.
    ///
    /// - Returns: One sentence for a person.
    /// - Throws: ``ServerError`` when the store is in use, is newer than this version or cannot be opened.
    package func run() async throws -> String {
        try DataFolder.prepare(settings.data.path)
        let logger = Logger(label: "towline", factory: { _ in SwiftLogNoOpLogHandler() })
        let store = try await StoreOpening.open(settings, publicURL: "", onFatal: { _ in }, logger: logger)
        await store.close()
        let place =
            switch settings.store {
            case .sqlite(let path): path
            case .postgres(let location): "\(location)"
            }
        return "\(place) has the schema of version \(TowlineVersion.current)"
    }
}
