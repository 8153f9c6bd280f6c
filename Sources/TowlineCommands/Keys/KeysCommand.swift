package import ArgumentParser
import TowlineCore

/// `towline keys`: the access keys that sign requests.
package struct KeysCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Creates, lists and revokes access keys.",
        discussion: """
            Works by the admin API of the server.

            Examples:
              towline keys create
              towline keys list
              towline keys revoke TLexample0123456789
            """,
        subcommands: [KeysCreateCommand.self, KeysListCommand.self, KeysRevokeCommand.self]
    )

    package init() {}
}

/// `towline keys create`: makes an access key.
struct KeysCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Creates an access key.",
        discussion: """
            Id and secret are random unless given. The secret is shown now and never again.

            Examples:
              towline keys create
              towline keys create --account 1000000000000002 --json
            """
    )

    @Option(help: ArgumentHelp("The id: 1 to 128 letters, digits, -, . and _.", valueName: "id"))
    var id: String?

    @Option(help: ArgumentHelp("The secret: 8 to 256 printable ASCII characters.", valueName: "secret"))
    var secret: String?

    @Option(
        help: ArgumentHelp(
            "The account that the key acts for: digits. (default: \(AccountID.standard))", valueName: "id"))
    var account: String?

    @Flag(help: "Print one JSON object with id, secret and account.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func run() async throws {
        let key = try await server.adminClient().createKey(id: id, secret: secret, account: account)
        let console = Console.standard
        guard !json else { return console.print(key) }
        console.print("AccessKeyId      \(TerminalText.clean(key["id"]?.string ?? ""))")
        console.print("AccessKeySecret  \(TerminalText.clean(key["secret"]?.string ?? ""))")
        console.print("Account          \(TerminalText.clean(key["account"]?.string ?? ""))")
        console.note("Keep the secret; it is not shown again.")
    }
}

/// `towline keys list`: every access key, without secrets.
struct KeysListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists access keys, without their secrets.",
        discussion: """
            Example:
              towline keys list
            """
    )

    @Flag(help: "Print one JSON object a line.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func run() async throws {
        let keys = try await server.adminClient().keys()
        let console = Console.standard
        guard !json else { return keys.forEach { console.print($0) } }
        for line in KeyTable.lines(keys, style: Style(isOn: console.out.hasColor)) { console.print(line) }
    }
}

/// `towline keys revoke`: requests that an access key signs are refused from now on.
struct KeysRevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Revokes an access key for good.",
        discussion: """
            Requests that it signs are refused from now on. Jobs that it submitted go on.

            Example:
              towline keys revoke TLexample0123456789
            """
    )

    @Argument(help: ArgumentHelp("The id of the key.", valueName: "id"))
    var id: NonEmptyID

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    func run() async throws {
        let answer = try await server.adminClient().revokeKey(id.text)
        let console = Console.standard
        guard !json else { return console.print(answer) }
        console.print("\(TerminalText.clean(answer["id"]?.string ?? id.text)) revoked")
    }
}

/// Access keys as a table.
enum KeyTable {
    static func lines(_ keys: [JSONValue], style: Style) -> [String] {
        var table = Table([
            .init(title: "ID"), .init(title: "ACCOUNT"), .init(title: "CREATED"), .init(title: "STATE"),
        ])
        for key in keys {
            let revokedAt = key["revokedAt"]?.string
            table.add([
                key["id"]?.string ?? "", key["account"]?.string ?? "", key["createdAt"]?.string ?? "",
                revokedAt.map { "revoked \($0)" } ?? "active",
            ])
        }
        return table.lines(style: style)
    }
}
