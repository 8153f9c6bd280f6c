/// Why a store call did not do what was asked.
///
/// Nothing of the call has happened unless a code says otherwise.
package struct StoreError: Error, Sendable, CustomStringConvertible {
    /// A stable code; also the metric label.
    package struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String {
            case unavailable, conflict, notFound, nonceUsed, corrupted, newerSchema, locked, full
        }
        private let value: Value
        /// The database cannot be reached or answers with a fault that may pass.
        package static let unavailable = Code(value: .unavailable)
        /// The data says no: a session id in use, a job in a state that forbids the call.
        package static let conflict = Code(value: .conflict)
        /// What was named does not exist.
        package static let notFound = Code(value: .notFound)
        /// The request's nonce was used before.
        package static let nonceUsed = Code(value: .nonceUsed)
        /// The database or a secret in it cannot be read.
        package static let corrupted = Code(value: .corrupted)
        /// The database was written by a newer version.
        package static let newerSchema = Code(value: .newerSchema)
        /// Another process has the store open.
        package static let locked = Code(value: .locked)
        /// No space is left.
        package static let full = Code(value: .full)
        package var description: String { value.rawValue }
    }

    package let code: Code
    /// One sentence for a person, without secrets.
    package let message: String
    /// Where the error was made.
    package let location: String

    /// Makes an error with its place.
    package init(_ code: Code, _ message: String, location: String = #fileID, line: UInt = #line) {
        self.code = code
        self.message = message
        self.location = "\(location):\(line)"
    }

    package var description: String { "\(code): \(message)" }
}
