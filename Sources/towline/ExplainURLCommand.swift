import ArgumentParser
import TowlineCommands
import TowlineCore
import TowlineServer

/// Says which rule lets a URL pass or blocks it.
struct ExplainURLCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain-url",
        abstract: "Says which rule lets a URL pass or blocks it, and for which address.",
        discussion: """
            Judges by the settings in force, with the defaults of `towline serve`. A single `-` reads URLs from standard
            input, one a line. Exit code 1 if any is blocked.

            Example:
              towline explain-url http://169.254.169.254/latest/meta-data/
              towline explain-url --net-source-allow 10.0.0.0/8 --json - < urls.txt
            """)

    @Option(name: .customLong("for"), help: "What the URL is judged as: source or callback.")
    var purpose = AddressExplainer.Purpose.source

    @Flag(help: "Print one JSON object a line.")
    var json = false

    @Option(name: .long, help: "A YAML file with settings.")
    var config: String?

    @Argument(parsing: .allUnrecognized, help: "URLs, or - for standard input; settings as flags.")
    var arguments: [String] = []

    func validate() throws {
        if try split().urls.isEmpty { throw ValidationError("Name at least one URL, or - for standard input.") }
    }

    func run() async throws {
        let (urls, flags) = try split()
        var options = SettingsOptions()
        options.config = config
        options.flags = flags
        let explainer = AddressExplainer(settings: try options.load(.serve), purpose: purpose)
        var isAnyBlocked = false
        var batch: [String] = []
        func flush() async {
            for explanation in await explainAll(batch, with: explainer) {
                isAnyBlocked = isAnyBlocked || !explanation.allowed
                printNow(json ? jsonLine(explanation) : textLine(explanation))
            }
            batch = []
        }
        for url in urls where url != "-" { batch.append(url) }
        if urls.contains("-") {
            while let line = readLine(strippingNewline: true) {
                if !line.isEmpty { batch.append(line) }
                if batch.count >= 64 { await flush() }
            }
        }
        await flush()
        await explainer.close()
        if isAnyBlocked { throw ExitCode(1) }
    }

    /// Flags of settings come as `--key value` or `--key=value`; the rest are URLs.
    private func split() throws -> (urls: [String], flags: [String]) {
        var urls: [String] = []
        var flags: [String] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("--"), argument != "--" else {
                if argument != "--" { urls.append(argument) }
                continue
            }
            flags.append(argument)
            if !argument.contains("="), let value = rest.popFirst() { flags.append(value) }
        }
        return (urls, flags)
    }

    /// Explanations in the order of the URLs; names are looked up at the same time.
    private func explainAll(
        _ urls: [String], with explainer: AddressExplainer
    ) async -> [AddressExplainer.Explanation] {
        await withTaskGroup(of: (Int, AddressExplainer.Explanation).self) { group in
            for (index, url) in urls.enumerated() { group.addTask { (index, await explainer.explain(url)) } }
            var found: [Int: AddressExplainer.Explanation] = [:]
            for await (index, explanation) in group { found[index] = explanation }
            return urls.indices.compactMap { found[$0] }
        }
    }

    private func jsonLine(_ explanation: AddressExplainer.Explanation) -> String {
        JSONValue.members([
            "url": .string(explanation.url),
            "allowed": .bool(explanation.allowed),
            "rule": .string(explanation.rule),
            "addresses": .array(explanation.addresses.map { .string($0.address) }),
            "rules": .array(explanation.addresses.map { .string($0.rule) }),
            "reason": explanation.reason.json,
        ]).compactText
    }

    private func textLine(_ explanation: AddressExplainer.Explanation) -> String {
        let addresses = explanation.addresses.map { "\($0.address) (\($0.rule))" }.joined(separator: ", ")
        let detail = explanation.reason ?? (addresses.isEmpty ? "the name has no address" : addresses)
        let url = explanation.url.unicodeScalars.map { $0.value < 0x20 ? $0.escaped(asASCII: true) : String($0) }
        return "\(explanation.allowed ? "allowed" : "blocked")  \(explanation.rule)  \(url.joined())  \(detail)"
    }
}

extension AddressExplainer.Purpose: ExpressibleByArgument {}
