package import ArgumentParser
import Foundation
import TowlineClient
import TowlineCore

/// `towline listen`: events without a public address.
package struct ListenCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "listen",
        abstract: "Follows events: prints them, or forwards them to a local handler.",
        discussion: """
            Works by the admin API, so that nothing needs a public address. The server keeps the place of each listener \
            by its name: a listener that comes back goes on after the last event that it acknowledged. An event is \
            acknowledged after it was handled, so one that was under way when the command was killed comes again. Two \
            commands that run at once need names of their own.

            Prints a line for each event: time, type, job, status, and the VideoId or the error code. With --forward each \
            event is sent to the URL exactly as its callback would be: the same headers and bytes, signed anew for each \
            attempt, 5 seconds for an answer, only 200 counts, three attempts one second apart, redirects are not \
            followed. What the handler answers is printed for each attempt. The signature covers the URL of --sign-as, or \
            of the configured callback, or the forward URL where none is configured. An event that no attempt brought is \
            told on stderr and left behind, or ends the command with --stop-on-failure.

            With --queue the events are received from a built-in queue, as an MNS client would, in place of the server's \
            list. A message is deleted after it was printed, or after the handler accepted it with --forward; any other, \
            and what was under way when the command was killed, comes again after its visibility timeout. --once counts \
            deleted messages.

            With --json each line is an event as the admin API shows it, or a message with the event under 'event', with \
            the attempts under 'forward' where it was forwarded.

            A server that goes away is waited for. Ctrl-C ends the command with code 0. Exit code 1 if an event was not \
            brought with --stop-on-failure or the server refuses, 2 for wrong usage, 3 if no server answers at the start.

            Examples:
              towline listen
              towline listen --forward http://127.0.0.1:9000/events
              towline listen --from beginning --name audit --json
              towline listen --forward http://localhost:9000/ --once 2 --stop-on-failure
              towline listen --queue events --forward http://127.0.0.1:9000/events
            """
    )

    @Option(help: ArgumentHelp("Send each event to this URL.", valueName: "url"))
    var forward: String?

    @Option(help: ArgumentHelp("Receive from this built-in queue.", valueName: "queue"))
    var queue: String?

    @Option(
        help: ArgumentHelp(
            "The name of the listener: 1 to 64 letters, digits, -, . and _. (default: listen- and the host's name)",
            valueName: "name"))
    var name: String?

    @Option(
        help: ArgumentHelp(
            "Where a new listener begins: now, beginning, or after an event. (default: now)", valueName: "place"))
    var from: String?

    @Option(
        help: ArgumentHelp("Only events of this account, for a new listener; or the queue's.", valueName: "account"))
    var account: String?

    @Option(
        help: ArgumentHelp(
            "Only events of this type: \(Choice.names(of: EventType.self)); may be repeated. Others are passed over.",
            valueName: "type"))
    var type: [String] = []

    @Option(help: ArgumentHelp("Sign for this URL in place of the configured callback's.", valueName: "url"))
    var signAs: String?

    @Option(help: ArgumentHelp("Attempts for each event. (default: 3)", valueName: "number"))
    var attempts: Int?

    @Flag(help: "End with code 1 at the first event that no attempt brought; it comes again.")
    var stopOnFailure = false

    @Option(help: ArgumentHelp("End after so many events.", valueName: "number"))
    var once: Int?

    @Flag(help: "Print one JSON object a line.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    package init() {}

    package func validate() throws { _ = try plan(host: "") }

    package func run() async throws {
        let plan = try plan(host: Self.hostName())
        let admin = try server.adminClient()
        let handler = HTTPCaller.connectingAnew(timeout: .seconds(5))
        if let queue = plan.queue {
            try await QueueListenRun(
                plan: plan, queue: queue, admin: admin, handler: handler, console: .standard, clock: ContinuousClock()
            ).run()
        } else {
            try await ListenRun(
                plan: plan, admin: admin, handler: handler, console: .standard, clock: ContinuousClock()
            ).run()
        }
    }

    /// What the options describe.
    ///
    /// - Parameter host: The name of this machine.
    /// - Returns: The plan, everything in it checked.
    /// - Throws: `ValidationError` naming the option and what is allowed.
    func plan(host: String) throws -> ListenPlan {
        var plan = ListenPlan(name: name ?? ListenPlan.standardName(host: host))
        guard ListenPlan.isName(plan.name) else {
            throw ValidationError("--name must have 1 to 64 letters, digits, '-', '.' and '_'.")
        }
        if let from {
            guard from == "now" || from == "beginning" || from.hasPrefix(EventID.prefix) else {
                throw ValidationError("--from must be now, beginning or the id of an event (\(EventID.prefix)…).")
            }
            plan.start = from
            plan.isStartChosen = true
        }
        if let account, account.isEmpty { throw ValidationError("--account must not be empty.") }
        plan.account = account
        plan.queue = try reference()
        let types: [EventType] = try Choice.list(type).map { try Choice.value($0, "--type") }
        plan.types = Set(types.map(\.rawValue))
        plan.forwarding = try forwarding()
        if let once, once < 1 { throw ValidationError("--once must be at least 1.") }
        plan.limit = once
        plan.isJSON = json
        return plan
    }

    private func reference() throws -> QueueReference? {
        guard let queue else { return nil }
        guard name == nil, from == nil, type.isEmpty else {
            throw ValidationError("--name, --from and --type do not go with --queue.")
        }
        try QueueTargetOptions.check(queue, "--queue")
        return QueueReference(name: queue, account: account)
    }

    private func forwarding() throws -> ListenPlan.Forwarding? {
        guard let forward else {
            guard signAs == nil, attempts == nil, !stopOnFailure else {
                throw ValidationError("--sign-as, --attempts and --stop-on-failure go with --forward only.")
            }
            return nil
        }
        if let attempts, !(1...100).contains(attempts) { throw ValidationError("--attempts must be from 1 to 100.") }
        if let signAs { _ = try Self.url(signAs, "--sign-as") }
        return ListenPlan.Forwarding(
            url: try Self.url(forward, "--forward"), signAs: signAs, typedURL: forward, attempts: attempts ?? 3,
            isStoppingOnFailure: stopOnFailure)
    }

    private static func url(_ text: String, _ option: String) throws -> HTTPURL {
        do throws(HTTPURLError) {
            return try HTTPURL(parsing: text)
        } catch {
            throw ValidationError("\(option) '\(TerminalText.clean(text))' is not a URL to call: \(error.reason)")
        }
    }

    private static func hostName() -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
