import ArgumentParser
import Testing

@testable import TowlineClient
@testable import TowlineCommands

/// A root with the real commands and some that end in each way.
private struct Root: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "towline", version: "1.2.3",
        subcommands: [
            PullCommand.self, JobsCommand.self, EventsCommand.self, DeliveriesCommand.self, ReplaysCommand.self,
            EndpointsCommand.self, ListenCommand.self, QueuesCommand.self, KeysCommand.self, CallbackCommand.self,
            Ends.self, Sync.self,
        ])
}

private struct Ends: AsyncParsableCommand {
    enum Way: String, ExpressibleByArgument, CaseIterable {
        case well, failure, exit, other, cancelled, validation, message
    }

    struct Other: Error, CustomStringConvertible {
        let description = "something else"
    }

    @Argument var way: Way

    func run() async throws {
        switch way {
        case .well: return
        case .failure: throw CommandFailure(.unreachable, "no server\nanswers \u{1B}[2J")
        case .exit: throw ExitCode(7)
        case .other: throw Other()
        case .cancelled: throw CancellationError()
        case .validation: throw ValidationError("Give something.")
        case .message: throw CleanExit.message("bye")
        }
    }
}

private struct Sync: ParsableCommand {
    func run() throws { throw CommandFailure(.failed, "not done") }
}

@Suite("the command line")
struct CommandLineTests {
    private let captured = Captured()

    private func run(_ arguments: [String]) async -> Int32 {
        await TowlineCommandLine.run(Root.self, arguments: arguments, console: captured.console())
    }

    @Test(
        "every ending has its exit code and says its sentence",
        arguments: [
            (["ends", "well"], 0, "", ""),
            (["ends", "failure"], 3, "", "error: no server answers [2J\n"),
            (["ends", "exit"], 7, "", ""),
            (["ends", "other"], 1, "", "error: something else\n"),
            (["ends", "cancelled"], 130, "", "error: interrupted\n"),
            (["ends", "message"], 0, "bye\n", ""),
            (["sync"], 1, "", "error: not done\n"),
            (["--version"], 0, "1.2.3\n", ""),
        ])
    func endings(arguments: [String], code: Int32, out: String, error: String) async {
        #expect(await run(arguments) == code)
        #expect(captured.out == out)
        #expect(captured.error == error)
    }

    @Test(
        "wrong usage ends with 2, the error first",
        arguments: [
            ["nonsense"], ["ends"], ["ends", "badly"], ["ends", "validation"], ["pull"],
            ["pull", "http://a/b", "--nonsense"],
            ["jobs", "show"], ["jobs", "nonsense"], ["jobs", "list", "--status", "odd"],
            ["jobs", "list", "--limit", "0"],
            ["jobs", "cancel"], ["keys", "revoke"], ["callback", "set"],
            ["callback", "set", "http://a/b", "--url", "http://a/b"],
            ["callback", "set", "http://a/b", "--type", "SMS"],
            ["callback", "set", "--type", "MNS"], ["callback", "set", "http://a/b", "--mns-queue-name", "q"],
            ["callback", "set", "--mns-endpoint", "http://a"], ["callback", "set", "--mns-queue-name", "q"],
            [
                "callback", "set", "--mns-endpoint", "http://a", "--mns-queue-name", "q", "--auth-key", "Abc123xyz",
            ],
            [
                "callback", "set", "--type", "HTTP", "--mns-endpoint", "http://a", "--mns-queue-name", "q",
            ],
            ["events", "list", "--state", "odd"], ["events", "list", "--type", "odd"],
            ["events", "list", "--since", "yesterday"], ["events", "list", "--since", "1h", "--until", "2h"],
            ["events", "list", "--endpoint", "1"], ["events", "list", "--limit", "0"], ["events", "list", "--job", ""],
            ["events", "show"], ["events", "show", "dlv_1"], ["events", "redeliver"], ["events", "redeliver", "b7"],
            ["events", "redeliver", "dlv_1", "--endpoint", "ep_1"], ["events", "replay", "--rate", "0"],
            ["events", "replay", "--dry-run", "--yes"], ["events", "replay", "--to", "http://h"],
            ["deliveries", "show", "evt_1"], ["deliveries", "list", "--state", "odd"],
            ["deliveries", "list", "--replay", "evt_1"], ["replays", "show", "1"],
            ["replays", "list", "--limit", "501"],
            ["listen", "--once", "0"], ["listen", "extra"],
        ])
    func usage(arguments: [String]) async {
        #expect(await run(arguments) == 2)
        #expect(captured.out.isEmpty)
        #expect(captured.error.hasPrefix("error: "), "\(captured.error)")
    }

    @Test(
        "a wrong address is wrong usage that names the option",
        arguments: [
            (["jobs", "list", "--admin", "nowhere"], "--admin or TOWLINE_ADMIN_URL"),
            (["callback", "get", "--api", "http://h/path"], "--api or TOWLINE_API_URL"),
            (["pull", "http://a/b.mp4", "--api", "x"], "--api or TOWLINE_API_URL"),
            (["pull", "media.mp4"], "'media.mp4' is not a URL to pull"),
            (["jobs", "list", "--token", "a b"], "--token or TOWLINE_ADMIN_TOKEN"),
            (["callback", "get", "--access-key-id", "a,b"], "--access-key-id"),
        ])
    func addresses(arguments: [String], named: String) async {
        #expect(await run(arguments) == 2)
        #expect(captured.errorLines.count == 1)
        #expect(captured.error.hasPrefix("error: "))
        #expect(captured.error.contains(named))
    }

    @Test(
        "every command has help with an example of itself",
        arguments: [
            "pull", "jobs", "jobs list", "jobs show", "jobs watch", "jobs cancel", "jobs retry", "keys", "keys create",
            "keys list", "keys revoke", "callback", "callback set", "callback get", "callback delete", "events",
            "events list", "events show", "events redeliver", "events replay", "deliveries", "deliveries list",
            "deliveries show", "replays", "replays list", "replays show", "replays watch", "replays cancel",
            "endpoints",
            "endpoints list", "endpoints show", "endpoints create", "endpoints set", "endpoints enable",
            "endpoints disable", "endpoints remove", "endpoints secret", "listen", "queues", "queues list",
            "queues show",
            "queues create", "queues set", "queues delete", "queues purge", "queues send", "queues peek",
            "queues receive",
        ])
    func help(command: String) async {
        #expect(await run(command.split(separator: " ").map(String.init) + ["--help"]) == 0)
        #expect(captured.error.isEmpty)
        #expect(captured.lines.contains { $0.hasPrefix("  towline \(command)") })
        let examples = captured.out.split(separator: "USAGE")[0].split(separator: "\n").drop {
            !$0.hasPrefix("Example")
        }
        #expect(examples.dropFirst().allSatisfy { $0.hasPrefix("  towline ") }, "an example is broken over two lines")
    }

    @Test("flags of the main job parse as documented")
    func pullFlags() throws {
        let command = try PullCommand.parse([
            "http://a/1.mp4", "http://a/2.mp4", "--title", "T", "--callback", "http://hook", "--no-wait", "--app-id",
            "app-1", "--session-id", "s", "--file-extension", "mp4", "--extend", "e", "--json", "--api", "http://h",
        ])
        #expect(command.urls == ["http://a/1.mp4", "http://a/2.mp4"])
        #expect(command.wait == false)
        #expect(command.json)
        #expect(command.appID == "app-1")
        #expect(command.sessionID == "s")
        #expect(command.fileExtension == "mp4")
        #expect(try PullCommand.parse(["http://a/1.mp4"]).wait)
        #expect(try PullCommand.parse(["http://a/1.mp4", "--wait"]).wait)
    }
}

@Suite("where commands find a server")
struct ServerOptionsTests {
    private func endpoint(_ arguments: [String], _ environment: [String: String] = [:]) throws -> String {
        try ServerOptions.parse(arguments).vodClient(environment: environment).endpoint.url
    }

    private func credentials(_ arguments: [String], _ environment: [String: String] = [:]) throws -> [String] {
        let credentials = try ServerOptions.parse(arguments).vodClient(environment: environment).credentials
        return [credentials.id, credentials.secret]
    }

    @Test("options win over the environment, which wins over the defaults; empty variables do not count")
    func order() throws {
        let environment = ["TOWLINE_API_URL": "http://env:1"]
        #expect(try endpoint([]) == "http://127.0.0.1:8787")
        #expect(try endpoint([], ["TOWLINE_API_URL": ""]) == "http://127.0.0.1:8787")
        #expect(try endpoint([], environment) == "http://env:1")
        #expect(try endpoint(["--api", "http://flag:2/"], environment) == "http://flag:2")
    }

    @Test("keys are those of dev unless given")
    func keys() throws {
        let environment = ["TOWLINE_ACCESS_KEY_ID": "id", "TOWLINE_ACCESS_KEY_SECRET": "secret"]
        #expect(try credentials([]) == ["towline-dev", "towline-dev-secret"])
        #expect(try credentials([], environment) == ["id", "secret"])
        #expect(try credentials(["--access-key-id", "other"], environment) == ["other", "secret"])
    }
}

@Suite("errors for a person")
struct CommandFailureTests {
    @Test("a refused signature does not quote the text to sign")
    func signature() {
        let error = VODClientError(
            kind: .refused, code: "SignatureDoesNotMatch", status: 400,
            message: "Specified signature is not matched with our calculation. server string to sign is:ACS3\nabc")
        let failure = CommandFailure(describing: error)
        #expect(
            failure?.message
                == "SignatureDoesNotMatch: Specified signature is not matched with our calculation; "
                + "check --access-key-secret or TOWLINE_ACCESS_KEY_SECRET")
        #expect(failure?.status == .failed)
    }

    @Test("an admin API that wants a token says how to give it")
    func token() {
        let error = AdminClientError(kind: .refused, status: 401, message: "x")
        #expect(CommandFailure(describing: error)?.message.contains("--token or TOWLINE_ADMIN_TOKEN") == true)
    }

    @Test(
        "a request that the admin API finds wrong is wrong usage",
        arguments: [(400, CommandExit.usage), (404, .failed)])
    func refusal(status: Int, exit: CommandExit) {
        let error = AdminClientError(kind: .refused, status: status, message: "account has 1 to 32 digits.")
        #expect(CommandFailure(describing: error) == CommandFailure(exit, "account has 1 to 32 digits"))
    }

    @Test(
        "kinds have their exit codes",
        arguments: [
            (VODClientError.Kind.unreachable, CommandExit.unreachable), (.timeout, .unreachable), (.refused, .failed),
            (.unexpectedAnswer, .failed), (.invalidRequest, .usage),
        ])
    func kinds(kind: VODClientError.Kind, status: CommandExit) {
        let error = VODClientError(kind: kind, code: "C", message: "M.")
        #expect(CommandFailure(describing: error)?.status == status)
        #expect(CommandFailure(describing: error)?.message.contains(".;") == false)
    }
}
