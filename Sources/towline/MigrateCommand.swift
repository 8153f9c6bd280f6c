import ArgumentParser
import Foundation
import Synchronization
import TowlineCommands
import TowlineCore
import TowlineServer

/// Brings the store to the schema of this version, or moves it to another database.
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Brings the store to the schema of this version, or moves it to PostgreSQL.",
        discussion: """
            Without --from and --to the tables are brought up to date, as a server does when it starts. Settings are those of
            `towline serve`.

            With --from and --to everything that a stopped node keeps in SQLite is copied into an empty PostgreSQL database,
            read again and compared. A run that was ended goes on where it was when it is started again; no node starts on
            the database before it is whole. The key file of the source is needed: it is looked for where the settings say,
            and beside the database. Files of media are not moved.

            Example:
              towline migrate --data ./towline-data
              towline migrate --from sqlite:./towline-data/towline.db --to postgres://towline@db.example/towline
            """)

    @Option(help: ArgumentHelp("The database to move.", valueName: "sqlite:PATH"))
    var from: String?

    @Option(help: ArgumentHelp("The empty database to move it into.", valueName: "postgres://…"))
    var to: String?

    @Flag(help: "Only say what would be moved.")
    var dryRun = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard (from == nil) == (to == nil) else { throw ValidationError("--from and --to go together") }
        guard !dryRun || from != nil else { throw ValidationError("--dry-run needs --from and --to") }
    }

    func run() async throws {
        ProcessLimits.prepare()
        do {
            if let from, let to {
                try await move(from, to)
            } else {
                let done = try await StoreMigration(settings: try options.load(.serve)).run()
                printNow(json ? JSONValue.members(["migrated": .string(done)]).compactText : done)
            }
        } catch let error as ServerError {
            throw CommandFailure(error.exitCode == 2 ? .usage : .failed, error.description)
        }
    }

    private func move(_ from: String, _ to: String) async throws {
        let moving = try StoreMoving(from: from, to: to, settings: try settings(from))
        guard !dryRun else { return show(try await moving.plan()) }
        let meter = MoveMeter()
        show(try await moving.run { meter.note($0) })
    }

    /// The settings; where they name no key file that is there, those of a node whose folder the source lies in.
    private func settings(_ source: String) throws -> Settings {
        let settings = try options.load(.serve)
        guard !FileManager.default.fileExists(atPath: settings.secretsKeyFile),
            let folder = StoreMoving.folder(of: source),
            let own = try? options.load(.serve, with: ["--data", folder]),
            FileManager.default.fileExists(atPath: own.secretsKeyFile)
        else { return settings }
        return own
    }

    private func show(_ outcome: StoreMoving.Outcome) {
        switch outcome {
        case .planned(let rows, let target):
            if json {
                let tables = rows.map {
                    JSONValue.members(["table": .string($0.table), "source": .integer($0.rows)])
                }
                return printNow(JSONValue.members(["plan": .string(target), "tables": .array(tables)]).compactText)
            }
            for line in figureLines(["table", "rows"], rows.map { [$0.table, "\($0.rows)"] }) { printNow(line) }
            printNow(target)
        case .moved(let counts):
            show(
                counts,
                "moved: every table has the same rows on both sides; point store.url at the target and start nodes")
        case .wasMoved(let counts, let time):
            show(counts, "nothing to do: the migration has ended \(time)")
        }
    }

    private func show(_ counts: [StoreMoving.Figures], _ sentence: String) {
        if json {
            let tables = counts.map {
                JSONValue.members([
                    "table": .string($0.table), "source": .integer($0.source), "target": .integer($0.target),
                    "digest": .string($0.digest),
                ])
            }
            return printNow(JSONValue.members(["migrated": .string(sentence), "tables": .array(tables)]).compactText)
        }
        let lines = figureLines(
            ["table", "source", "target", "digest"],
            counts.map { [$0.table, "\($0.source)", "\($0.target)", String($0.digest.prefix(12))] })
        for line in lines { printNow(line) }
        printNow(sentence)
    }
}

/// Says on stderr how far a move is: each table when it is done, and a long one every other second.
private final class MoveMeter: Sendable {
    private let said = Mutex<ContinuousClock.Instant?>(nil)

    func note(_ progress: StoreMoving.Progress) {
        let isDue = said.withLock { said in
            let now = ContinuousClock.now
            let isDue = progress.rows == progress.total || said.map { now - $0 >= .seconds(2) } ?? true
            if isDue { said = now }
            return isDue
        }
        guard isDue else { return }
        let verb = progress.isComparing ? "compared" : "copied"
        FileHandle.standardError.write(
            Data("\(verb) \(progress.rows) of \(progress.total) rows of \(progress.table)\n".utf8))
    }
}
