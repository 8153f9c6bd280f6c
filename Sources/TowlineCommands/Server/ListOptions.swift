import ArgumentParser
import TowlineCore

/// What every list takes: a limit, the form of its output and a server.
struct ListOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Most rows to list.", valueName: "number"))
    var limit = 50

    @Flag(help: "Print one JSON object a line, as the admin API shows it.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func validate() throws {
        guard (1...100_000).contains(limit) else { throw ValidationError("--limit must be from 1 to 100000.") }
    }

    /// Fetches a list and prints it: as a table cut to the terminal, or page by page as JSON.
    ///
    /// - Parameters:
    ///   - list: The list.
    ///   - admin: The server.
    ///   - console: Where it goes.
    ///   - table: Makes the table of the elements.
    /// - Throws: ``AdminClientError``, or `CancellationError`.
    func print(
        _ list: AdminList, from admin: AdminClient, to console: Console, table: ([JSONValue]) -> Table
    ) async throws {
        if json {
            try await admin.pages(of: list, limit: limit) { elements in
                for element in elements { console.print(element) }
                return console.out.loss() == nil
            }
        } else {
            console.print(table(try await admin.all(list, limit: limit)))
        }
    }
}
