package import ArgumentParser

/// Runs a command line and turns every ending into an exit code.
package enum TowlineCommandLine {
    /// Parses arguments, runs the command that they name and tells how it ended.
    ///
    /// Help and versions go to stdout with code 0. Everything that fails says so in one sentence on stderr, `error: …`:
    /// what the command line breaks with code 2 and the usage beneath, a ``CommandFailure`` with its own code, any other
    /// error with code 1. An `ExitCode` that a command throws is taken as it is and says nothing. Results that could not
    /// be written make a success a failure, unless their reader went away.
    ///
    /// - Parameters:
    ///   - root: The command of which the others are subcommands.
    ///   - arguments: What was typed after the name of the program; nil takes it from the process.
    ///   - console: Where texts go.
    /// - Returns: What the process should exit with.
    @concurrent package static func run<Root: AsyncParsableCommand>(
        _ root: Root.Type, arguments: [String]? = nil, console: Console = .standard
    ) async -> Int32 {
        let code = await end(of: root, arguments: arguments, console: console)
        guard code == CommandExit.success.rawValue, let failure = console.out.loss()?.failure else { return code }
        console.fail(failure.message)
        return failure.status.rawValue
    }

    private static func end<Root: AsyncParsableCommand>(
        of root: Root.Type, arguments: [String]?, console: Console
    ) async -> Int32 {
        do {
            var command = try await root.asyncParseAsRoot(arguments)
            if var asyncCommand = command as? any AsyncParsableCommand {
                try await asyncCommand.run()
            } else {
                try command.run()
            }
            return CommandExit.success.rawValue
        } catch {
            return report(error, of: root, console: console)
        }
    }

    private static func report<Root: ParsableCommand>(
        _ error: any Error, of root: Root.Type, console: Console
    ) -> Int32 {
        if let failure = CommandFailure(describing: error) {
            console.fail(failure.message)
            return failure.status.rawValue
        }
        let code = root.exitCode(for: error)
        let text = root.fullMessage(for: error)
        switch code {
        case .success:
            if !text.isEmpty { console.print(text) }
            return CommandExit.success.rawValue
        case .validationFailure:
            console.fail(withUsage: text)
            return CommandExit.usage.rawValue
        default:
            let message = root.message(for: error)
            if !message.isEmpty { console.fail(message) }
            return code.rawValue
        }
    }
}
