/// How a command ends (interface.md, "Commands").
package enum CommandExit: Int32, Sendable, Hashable, CaseIterable {
    /// Everything was done.
    case success = 0
    /// The work failed or was refused.
    case failed = 1
    /// The command line or the environment is wrong.
    case usage = 2
    /// The server is out of reach.
    case unreachable = 3
    /// Ended by Ctrl-C or SIGTERM; what runs on the server goes on.
    case interrupted = 130
}

/// Why a command ends without success: one sentence that says what to do next, and the exit code.
package struct CommandFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// One sentence without a full stop and without `error:`; control characters are dropped when it is printed.
    package let message: String
    /// How the command ends.
    package let status: CommandExit

    /// Joins a status and a sentence.
    package init(_ status: CommandExit, _ message: String) {
        self.message = message
        self.status = status
    }

    package var description: String { message }
}
