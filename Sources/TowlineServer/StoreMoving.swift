import Foundation
import Logging
import NIOPosix
import TowlineCore
import TowlineObjects
import TowlineStore
import TowlineStorePostgres
import TowlineStoreSQLite
import TowlineWorker

/// Moves a store from SQLite to PostgreSQL while no node uses either: `towline migrate --from … --to …`.
///
/// It may be ended at any time; the next run goes on where it was. Why it works as it does is in
/// docs/proposals/0011-migrate.md.
package struct StoreMoving: Sendable {
    /// How a move ended.
    package enum Outcome: Sendable {
        /// Both sides were compared and agree.
        case moved([Figures])
        /// An earlier run had ended it.
        case wasMoved([Figures], at: String)
        /// Nothing was written: the rows of the source, and what would happen.
        case planned([(table: String, rows: Int64)], target: String)
    }

    /// What both sides have of one table.
    package struct Figures: Sendable, Hashable {
        package let table: String
        package let source: Int64
        package let target: Int64
        /// Of all rows, as hexadecimal digits.
        package let digest: String

        fileprivate init(_ count: MovedCount) {
            let digits = String(count.digest, radix: 16)
            digest = String(repeating: "0", count: 32 - digits.count) + digits
            (table, source, target) = (count.table, count.source, count.target)
        }
    }

    /// What is going on, for a person.
    package struct Progress: Sendable, Hashable {
        package let table: String
        /// Whether rows are read again to compare them.
        package let isComparing: Bool
        package let rows: Int64
        package let total: Int64

        fileprivate init(_ step: StoreMove.Step) {
            switch step {
            case .copied(let table, let rows, let total):
                (self.table, isComparing, self.rows, self.total) = (table.name, false, rows, total)
            case .compared(let table, let rows, let total):
                (self.table, isComparing, self.rows, self.total) = (table.name, true, rows, total)
            }
        }
    }

    private let settings: Settings
    private let source: String
    private let target: Settings.PostgresLocation

    /// A move between two URLs.
    ///
    /// - Parameters:
    ///   - source: The value of `--from`.
    ///   - target: The value of `--to`.
    ///   - settings: The key file, and where the files of small objects go that are still in the database.
    /// - Throws: ``ServerError`` for wrong usage.
    package init(from source: String, to target: String, settings: Settings) throws {
        guard case .sqlite(let path)? = Settings.Store(url: source) else {
            throw ServerError("--from takes sqlite:PATH, the database that is moved", exitCode: 2)
        }
        guard case .postgres(let location)? = Settings.Store(url: target) else {
            throw ServerError(
                "--to takes postgres://USER@HOST/DATABASE, the empty database that it is moved into", exitCode: 2)
        }
        self.source = path
        self.target = location
        self.settings = settings
    }

    /// The folder of the source, where a key file is looked for that is named nowhere.
    package static func folder(of source: String) -> String? {
        guard case .sqlite(let path)? = Settings.Store(url: source) else { return nil }
        return path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    }

    /// Says what a run would do, and writes nothing.
    ///
    /// - Returns: ``Outcome/planned(_:target:)``.
    /// - Throws: ``ServerError``.
    package func plan() async throws -> Outcome {
        let box = try secretBox()
        return try await blocking { [self] in
            try read { source, origin in
                guard source.isCurrent else {
                    throw ServerError(
                        "the database \(self.source) has the schema of an older version; a run without --dry-run brings "
                            + "it to this one's first")
                }
                let rows = try MovedTable.allCases.map { (table: $0.name, rows: try source.count($0)) }
                let state = try PostgresMoveTarget(configuration(box), origin: origin).state()
                let plan =
                    switch state {
                    case .empty: "\(target) is empty and would be filled"
                    case .unfinished(let began): "the migration into \(target), begun \(began), would go on"
                    case .finished(_, let at): "the migration into \(target) has ended \(at); nothing is left to do"
                    }
                return .planned(rows, target: plan)
            }
        }
    }

    /// Moves what is missing, compares both sides and opens the target to nodes.
    ///
    /// - Parameter report: Called after every page, on the thread that moves.
    /// - Returns: The figures of every table.
    /// - Throws: ``ServerError``.
    package func run(report: @escaping @Sendable (Progress) -> Void) async throws -> Outcome {
        let box = try secretBox()
        if let outcome = try await goOn(box, begins: false, report: report) { return outcome }
        try await settleSource(box)
        guard let outcome = try await goOn(box, begins: true, report: report) else {
            throw ServerError("the source was used meanwhile; run the command again")
        }
        return outcome
    }

    /// Goes on with a migration; begins one where that is allowed.
    ///
    /// - Returns: nil when there is nothing to go on with, or the source is not at rest.
    private func goOn(
        _ box: SecretBox, begins: Bool, report: @escaping @Sendable (Progress) -> Void
    ) async throws -> Outcome? {
        try await blocking { [self] in
            try read { source, origin in
                let target = try PostgresMoveTarget(configuration(box), origin: origin)
                // Of an older source it is not known yet which one it is.
                guard source.isCurrent || begins else { return nil }
                if case .finished(let counts, let at) = try target.state() {
                    return .wasMoved(counts.map { Figures($0) }, at: "\(at)")
                }
                try target.lock()
                // Again, now that nobody changes it.
                if case .empty = try target.state() {
                    guard begins, source.isSettled else { return nil }
                    try target.begin()
                }
                let counts = try StoreMove(from: source, to: target) { report(Progress($0)) }.run()
                return .moved(counts.map { Figures($0) })
            }
        }
    }

    /// Opens the source as a node would, and closes it: tables come up to this version, attempts of processes that are gone
    /// are taken back, and small files leave the database.
    private func settleSource(_ box: SecretBox) async throws {
        var own = settings
        own.store = .sqlite(path: source)
        let logger = Logger(label: "towline", factory: { _ in SwiftLogNoOpLogHandler() })
        let store = try await StoreOpening.open(own, publicURL: "", onFatal: { _ in }, logger: logger)
        do {
            if let rows = store as? any SmallObjectStore, try await rows.lastSmallObject() != nil {
                try await restoreFiles(of: store, logger: logger)
            }
        } catch {
            await store.close()
            throw Self.explained(error)
        }
        await store.close()
    }

    private func restoreFiles(of store: any Store, logger: Logger) async throws {
        guard case .folder(let path) = settings.objects else {
            throw ServerError(
                "small files are still in the database, and objects.url names no folder to write them into; start a node "
                    + "on the source once and stop it")
        }
        let threads = NIOThreadPool(numberOfThreads: 2)
        threads.start()
        do {
            let objects = try ServerBuild.openFolder(path, threads: threads)
            try await ObjectCaretaker(store: store, objects: objects, logger: logger).restore()
        } catch {
            try? await threads.shutdownGracefully()
            throw error
        }
        try await threads.shutdownGracefully()
    }

    // MARK: Parts

    private func secretBox() throws -> SecretBox {
        // Beside a database that is not there no key file is either, which says less.
        guard SQLiteStore.isStore(at: source) else { throw ServerError("there is no Towline database at \(source)") }
        do {
            return try SecretBox(key: try SecretKeyFile.load(settings.secretsKeyFile, isNeeded: true))
        } catch let error as StoreError {
            throw ServerError(error.message)
        }
    }

    private func read<T>(_ body: (SQLiteMoveSource, MoveOrigin) throws -> T) throws -> T {
        try SQLiteMoveSource.read(path: source, lockPath: source + ".lock") { source in
            let origin = MoveOrigin(
                name: "sqlite:\(self.source)", identity: source.identity, clockFloor: source.clockFloor,
                lastQueue: source.lastQueue)
            return try body(source, origin)
        }
    }

    private func configuration(_ box: SecretBox) -> PostgresStoreConfiguration {
        PostgresStoreConfiguration(url: target.url, secretBox: box, composer: EventComposer(publicURL: ""))
    }

    /// Runs what blocks on a thread of its own.
    private func blocking<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        do {
            return try await withCheckedThrowingContinuation { continuation in
                let thread = Thread { continuation.resume(with: Result { try body() }) }
                thread.stackSize = 4 << 20
                thread.start()
            }
        } catch {
            throw Self.explained(error)
        }
    }

    private static func explained(_ error: any Error) -> any Error {
        switch error {
        case let error as StoreError where error.code == .unavailable:
            ServerError("\(error.message); what was moved stays: run the command again to go on")
        case let error as StoreError: ServerError(error.message)
        case let error as ObjectStoreError: ServerError("the object store failed: \(error.message)")
        default: error
        }
    }
}
