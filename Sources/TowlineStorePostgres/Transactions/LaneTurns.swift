import Synchronization
import TowlineCore

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
        /// The numbers that the sequence of the database is known to have reached.
        var announced: [Int64] = [0, 0]
        var accounts: [[Int64: Int64]] = [[:], [:]]
        /// When each kind is to be looked at from its very first lane; nil for now.
        var sweepAt: [ContinuousClock.Instant?] = [nil, nil]
        var isMore = [false, false]
        /// The server's time of the last look at each kind.
        var looked: [Timestamp?] = [nil, nil]
    }

    private static let capacity = 65_536
    /// How far, in rows, nodes may be apart in what they take for the work at hand.
    private static let slack: Int64 = 10_000
    /// How long a lane's time may have come before it takes a look from the first to find it.
    static let overdue: Duration = .seconds(10)
    private let state = Mutex(State())

    /// The number of the work at hand, as far as this node knows.
    func served(_ kind: LaneKind) -> Int64 { state.withLock { $0.served[kind.rawValue] } }

    /// Whether a look at the lanes that are ready, or whose time has come, is to begin at the very first.
    ///
    /// Otherwise it begins at the number of the work at hand, and a little before the present: claims leave their entries
    /// behind in the indexes, and no vacuum may remove them while an old transaction is open. But another node may not have
    /// known how far the work is, or nobody was there when a lane's time came. So once a second, or fifty times as rarely
    /// as it takes, everything is looked at.
    func isSweepDue(_ kind: LaneKind) -> Bool {
        state.withLock { state in state.sweepAt[kind.rawValue].map { ContinuousClock.now >= $0 } ?? true }
    }

    /// Notes that everything was looked at.
    ///
    /// - Parameters:
    ///   - kind: The lanes that were looked at.
    ///   - start: When the look began.
    ///   - now: The server's time.
    ///   - last: The turn of the last lane that was found, where there may be more; what stands before the work at hand is
    ///     missed otherwise, so the next look begins at the first again.
    func noteSweep(_ kind: LaneKind, since start: ContinuousClock.Instant, at now: Timestamp, last: Int64?) {
        let end = ContinuousClock.now
        let wait = max(.seconds(1), (end - start) * 50)
        state.withLock { state in
            let isMore = last.map { $0 < state.served[kind.rawValue] } ?? false
            state.sweepAt[kind.rawValue] = isMore ? nil : end + wait
            state.isMore[kind.rawValue] = isMore
            state.looked[kind.rawValue] = now
        }
    }

    /// Notes that what is due of late was looked at.
    ///
    /// After a longer pause everything is to be looked at.
    func noteLook(_ kind: LaneKind, at now: Timestamp) {
        state.withLock { state in
            if let looked = state.looked[kind.rawValue], now - looked > Self.overdue {
                state.sweepAt[kind.rawValue] = nil
            }
            state.looked[kind.rawValue] = now
        }
    }

    /// Whether the last look from the first has not found all that stands before the work at hand.
    func isMoreToSweep(_ kind: LaneKind) -> Bool { state.withLock { $0.isMore[kind.rawValue] } }

    /// A number before which no lane should be ready: nodes know of each other's work at hand, but a moment later.
    ///
    /// A look from here is a look past most of what claims have left behind in the index.
    func recent(_ kind: LaneKind) -> Int64 { max(0, served(kind) - Self.slack) }

    /// Notes the number of work that begins.
    func serve(_ turn: Int64, of kind: LaneKind) {
        state.withLock { $0.served[kind.rawValue] = max($0.served[kind.rawValue], turn) }
    }

    /// Whether the database knows how far the work is.
    func isAnnounced(_ turn: Int64, of kind: LaneKind) -> Bool {
        state.withLock { turn <= $0.announced[kind.rawValue] }
    }

    /// Notes that the database knows how far the work is.
    func announce(_ turn: Int64, of kind: LaneKind) {
        state.withLock { $0.announced[kind.rawValue] = max($0.announced[kind.rawValue], turn) }
    }

    /// Forgets what the database knows: it may be another server.
    func forget() { state.withLock { $0.announced = [0, 0] } }

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
