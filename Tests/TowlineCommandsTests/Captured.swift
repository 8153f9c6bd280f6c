import Synchronization

@testable import TowlineCommands

/// A console that keeps what is written.
final class Captured: Sendable {
    private let texts = Mutex<(out: String, error: String)>(("", ""))

    var out: String { texts.withLock { $0.out } }
    var error: String { texts.withLock { $0.error } }

    var lines: [String] { out.split(separator: "\n").map(String.init) }
    var errorLines: [String] { error.split(separator: "\n").map(String.init) }

    /// A console without colours; stderr is a terminal where asked for.
    ///
    /// - Parameters:
    ///   - isTerminal: Whether stderr is a terminal.
    ///   - size: The size of every terminal.
    ///   - answer: What a person types; nil for nobody there.
    ///   - loss: What became of the output; nil while it is well.
    /// - Returns: A console over what is kept here.
    func console(
        isTerminal: Bool = false, size: TerminalSize = .usual, answer: String? = nil, loss: OutputLoss? = nil
    ) -> Console {
        Console(
            out: Console.Stream(
                isTerminal: false, hasColor: false, size: { size },
                write: { text in self.texts.withLock { $0.out += text } }, loss: { loss }),
            error: Console.Stream(
                isTerminal: isTerminal, hasColor: false, size: { size },
                write: { text in self.texts.withLock { $0.error += text } }),
            input: Console.Input(isTerminal: answer != nil, readLine: { answer }))
    }
}

/// A clock that moves when someone sleeps, and only then.
struct StepClock: Clock {
    struct Instant: InstantProtocol {
        let offset: Duration
        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private final class State: Sendable {
        let offset = Mutex<Duration>(.zero)
    }

    private let state = State()

    var now: Instant { Instant(offset: state.offset.withLock { $0 }) }
    var minimumResolution: Duration { .nanoseconds(1) }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try Task.checkCancellation()
        state.offset.withLock { $0 = max($0, deadline.offset) }
    }
}
