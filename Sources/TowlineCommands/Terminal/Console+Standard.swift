import Dispatch
import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Why output did not get where it should.
struct OutputLoss: Sendable, Hashable {
    /// The error of the system.
    let code: Int32

    /// Whether the reader went away, which is its own business.
    var isReaderGone: Bool { code == EPIPE }

    /// What a command ends with whose results are lost; nil when the reader went away.
    var failure: CommandFailure? {
        guard !isReaderGone else { return nil }
        return CommandFailure(.failed, "the output could not be written: \(String(cString: strerror(code)))")
    }
}

extension Console.Stream {
    /// A stream of the process.
    static func standard(_ file: FileHandle, environment: [String: String]) -> Console.Stream {
        let descriptor = file.fileDescriptor
        let isTerminal = isatty(descriptor) == 1 && environment["TERM"] != "dumb"
        let sink = OutputSink(file)
        return Console.Stream(
            isTerminal: isTerminal,
            hasColor: isTerminal && (environment["NO_COLOR"] ?? "").isEmpty,
            size: { Self.size(of: descriptor) },
            write: { sink.write($0) },
            loss: { sink.loss })
    }

    private static func size(of descriptor: Int32) -> TerminalSize {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return .usual }
        return TerminalSize(columns: Int(size.ws_col), rows: Int(size.ws_row))
    }
}

/// Writes to a descriptor and remembers the first error; nothing is written after it.
private final class OutputSink: Sendable {
    /// Held, since a file that is let go closes its descriptor.
    private let file: FileHandle
    private let state = Mutex<OutputLoss?>(nil)

    init(_ file: FileHandle) { self.file = file }

    var loss: OutputLoss? { state.withLock { $0 } }

    func write(_ text: String) {
        let descriptor = file.fileDescriptor
        state.withLock { loss in
            guard loss == nil else { return }
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { systemWrite(descriptor, $0) }
                if count >= 0 {
                    rest = rest.dropFirst(count)
                } else if errno == EAGAIN {
                    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&entry, 1, -1)
                } else if errno != EINTR {
                    loss = OutputLoss(code: errno)
                    return
                }
            }
        }
    }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    write(descriptor, bytes.baseAddress, bytes.count)
}

extension Console {
    /// Where a command asks a person.
    package struct Input: Sendable {
        /// Whether a person types.
        let isTerminal: Bool
        /// A line without its end; nil when there is none.
        let readLine: @Sendable () async -> String?

        /// Nobody to ask.
        static let none = Input(isTerminal: false, readLine: { nil })

        /// The input of the process.
        static let standard = Input(
            isTerminal: isatty(STDIN_FILENO) == 1,
            readLine: {
                await withCheckedContinuation { continuation in
                    DispatchQueue.global().async { continuation.resume(returning: Swift.readLine()) }
                }
            })
    }

    /// Asks a question on stderr that is answered with yes or no; anything but yes is a no.
    func confirm(_ question: String) async -> Bool {
        error.write(TerminalText.clean(question) + " [y/N] ")
        guard let answer = await input.readLine() else {
            error.write("\n")
            return false
        }
        return ["y", "yes"].contains(answer.lowercased().filter { $0 != " " })
    }

    /// Whether a person can be asked.
    var canAsk: Bool { input.isTerminal && error.isTerminal }
}
