import ArgumentParser

/// An id as typed: an empty one, as an unset variable gives, is wrong usage and never reaches a server.
struct NonEmptyID: ExpressibleByArgument, Sendable, Hashable {
    /// The text, not empty.
    let text: String

    init?(argument: String) {
        guard !argument.isEmpty else { return nil }
        text = argument
    }
}
