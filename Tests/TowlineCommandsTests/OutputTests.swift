import ArgumentParser
import Foundation
import Testing
import TowlineCore

@testable import TowlineClient
@testable import TowlineCommands

private struct Says: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "says", abstract: "Says something.", version: "1")
    func run() async throws {}
}

/// Commands as a process has them, for tests that end one.
private struct Program: AsyncParsableCommand {
    static let configuration = CommandConfiguration(subcommands: [ListenCommand.self, EventsCommand.self])
}

@Suite("output that gets lost, and signals")
struct OutputTests {
    private let captured = Captured()

    private func console(writingTo path: String) throws -> Console {
        let file = try #require(FileHandle(forWritingAtPath: path))
        return Console(out: .standard(file, environment: [:]), error: captured.console().error)
    }

    @Test("a device that is full makes a success a failure that says so", .enabled(if: OutputTests.hasFullDevice))
    func full() async throws {
        let code = await TowlineCommandLine.run(
            Says.self, arguments: ["--version"], console: try console(writingTo: "/dev/full"))
        #expect(code == 1)
        #expect(captured.error == "error: the output could not be written: No space left on device\n")
    }

    @Test("a reader that went away is no failure")
    func readerGone() async throws {
        let pipe = Pipe()
        let console = Console(
            out: .standard(pipe.fileHandleForWriting, environment: [:]), error: captured.console().error)
        signal(SIGPIPE, SIG_IGN)
        try pipe.fileHandleForReading.close()
        #expect(await TowlineCommandLine.run(Says.self, arguments: ["--version"], console: console) == 0)
        #expect(console.out.loss()?.isReaderGone == true)
        #expect(captured.error.isEmpty)
    }

    @Test("what is written arrives whole, more than a pipe holds, too")
    func whole() async throws {
        let pipe = Pipe()
        let console = Console(
            out: .standard(pipe.fileHandleForWriting, environment: [:]), error: captured.console().error)
        let text = String(repeating: "0123456789abcdef", count: 40_000)
        let reading = pipe.fileHandleForReading
        let reader = Task { try reading.readToEnd() }
        console.print(text)
        try pipe.fileHandleForWriting.close()
        #expect(try await reader.value == Data((text + "\n").utf8))
        #expect(console.out.loss() == nil)
    }

    static let hasFullDevice = FileManager.default.fileExists(atPath: "/dev/full")

    @Test("Ctrl-C and SIGTERM end a listener with code 0 and a sentence on where it goes on", .timeLimit(.minutes(5)))
    func signals() async throws {
        let interrupted = await #expect(
            processExitsWith: .exitCode(0), observing: [\.standardErrorContent, \.standardOutputContent]
        ) {
            try await listen(until: SIGINT)
        }
        let terminated = await #expect(processExitsWith: .exitCode(0), observing: [\.standardErrorContent]) {
            try await listen(until: SIGTERM)
        }
        let out = String(decoding: interrupted?.standardOutputContent ?? [], as: UTF8.self)
        #expect(out.contains("2026-01-02T03:04:05Z UploadByURLComplete j-one success v-one\n"), "\(out)")
        for result in [interrupted, terminated] {
            let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
            #expect(text.contains("listener here goes on after evt_one\n"), "\(text)")
        }
    }
}

/// Runs the command in this process against a server with one event, and sends the process a signal once the command
/// waits for the next event.
private func listen(until number: Int32) async throws {
    let listener = FakeListener(events: ["one"])
    let answer: @Sendable (FakeRequest) -> FakeReply = { request in
        if request.target.contains("limit="), listener.acknowledged == 1 {
            kill(getpid(), number)
            return FakeReply(body: "", isSilent: true)
        }
        return listener.answer(request)
    }
    let code = try await FakeServer.serving(answer) { server in
        await TowlineCommandLine.run(
            Program.self, arguments: ["listen", "--name", "here", "--admin", server.url])
    }
    exit(code)
}
