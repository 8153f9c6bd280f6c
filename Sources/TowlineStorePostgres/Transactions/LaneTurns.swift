import Synchronization

/// What waits in a lane.
enum LaneKind: Int, CaseIterable {
    /// Jobs of one account and origin; the slots are the origin's.
    case pull = 0
    /// Deliveries of one account and endpoint; the slots are the endpoint's.
    case deliver = 1
}

/// The order in which lanes take turns, as this node knows it: start-time fair queueing between accounts.
///
/// A lane that becomes ready gets a number that is not behind the work at hand, and behind what its account has had
/// already; the lane with the smallest number is next. So an account with a thousand lanes gets as much as one with a
/// single lane. Nodes meet at the number of the work at hand, which a sequence of the database keeps; how far each
/// account is, every node notes for itself: after a restart an account begins at the work at hand, like a new one.
final class LaneTurns: Sendable {
    private struct State {
        var served: [Int64] = [0, 0]
        var accounts: [[Int64: Int64]] = [[:], [:]]
        /// When each kind was last looked at from its very first lane.
        var swept: [ContinuousClock.Instant?] = [nil, nil]
    }

    private static let capacity = 65_536
    /// How far, in rows, nodes may be apart in what they take for the work at hand.
    private static let slack: Int64 = 10_000
    private let state = Mutex(State())

    /// The number of the work at hand, as far as this node knows.
    func served(_ kind: LaneKind) -> Int64 { state.withLock { $0.served[kind.rawValue] } }

    /// The number at which a look at the lanes that are ready begins.
    ///
    /// It is that of the work at hand: claims leave their entries behind in the index, and no vacuum may remove them while
    /// an old transaction is open. Once a second it is 0, since another node may not have known how far the work is.
    func floor(_ kind: LaneKind) -> Int64 {
        state.withLock { state in
            let now = ContinuousClock.now
            guard let swept = state.swept[kind.rawValue], now - swept < .seconds(1) else {
                state.swept[kind.rawValue] = now
                return 0
            }
            return state.served[kind.rawValue]
        }
    }

    /// A number before which no lane should be ready: nodes know of each other's work at hand, but a moment later.
    ///
    /// A look from here is a look past most of what claims have left behind in the index.
    func recent(_ kind: LaneKind) -> Int64 { max(0, served(kind) - Self.slack) }

    /// Notes the number of work that begins.
    ///
    /// - Returns: Whether it is ahead of what was known.
    func serve(_ turn: Int64, of kind: LaneKind) -> Bool {
        state.withLock { state in
            guard turn > state.served[kind.rawValue] else { return false }
            state.served[kind.rawValue] = turn
            return true
        }
    }

    /// The number of a lane that becomes ready.
    ///
    /// - Parameters:
    ///   - owner: Its account's row.
    ///   - kind: Its kind.
    ///   - place: How many lanes of the account become ready before it.
    /// - Returns: The number.
    func start(owner: Int64, of kind: LaneKind, place: Int) -> Int64 {
        state.withLock { state in
            max(state.served[kind.rawValue], state.accounts[kind.rawValue][owner] ?? 0) + Int64(place)
        }
    }

    /// The number of a lane that has had something and goes to the end of its account's line.
    func after(owner: Int64, of kind: LaneKind, cost: Int) -> Int64 {
        state.withLock { state in
            let next = max(state.served[kind.rawValue], state.accounts[kind.rawValue][owner] ?? 0) + Int64(max(1, cost))
            Self.raise(owner, to: next, kind, &state)
            return next
        }
    }

    /// Notes that a lane of an account got a number.
    func note(owner: Int64, of kind: LaneKind, turn: Int64) {
        state.withLock { Self.raise(owner, to: turn + 1, kind, &$0) }
    }

    private static func raise(_ owner: Int64, to turn: Int64, _ kind: LaneKind, _ state: inout State) {
        let index = kind.rawValue
        if state.accounts[index].count >= capacity {
            // Accounts that are not ahead of the work at hand begin there anyway.
            let served = state.served[index]
            state.accounts[index] = state.accounts[index].filter { $0.value > served }
            if state.accounts[index].count >= capacity { state.accounts[index].removeAll() }
        }
        state.accounts[index][owner] = max(turn, state.accounts[index][owner] ?? 0)
    }
}
