/// Why a server could not start or had to stop: one sentence for the person who started it.
package struct ServerError: Error, Sendable, CustomStringConvertible {
    package let description: String
    /// What the process exits with: 1 when the work failed, 2 for wrong usage.
    package let exitCode: Int32

    /// Joins a sentence with an exit code.
    package init(_ description: String, exitCode: Int32 = 1) {
        self.description = description
        self.exitCode = exitCode
    }
}
