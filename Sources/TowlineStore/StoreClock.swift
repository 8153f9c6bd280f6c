package import TowlineCore

/// The clock that stored times come from (design 4.10): one per store, never behind the last commit.
package protocol StoreClock: Sendable {
    /// The current moment.
    func now() -> Timestamp
}
