package import TowlineCore

/// Which queue is meant: its account and its name in there.
package struct QueueAddress: Sendable, Hashable, CustomStringConvertible {
    package let account: AccountID
    package let name: QueueName

    /// Joins an account and a name.
    package init(account: AccountID, name: QueueName) {
        self.account = account
        self.name = name
    }

    /// The name, which is what callers know.
    package var description: String { name.description }
}
