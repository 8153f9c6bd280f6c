import ArgumentParser
import Foundation
import TowlineCore

/// `towline queues send`: sends one message.
struct QueuesSendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Sends a message: the argument, a file or what comes in on stdin.",
        discussion: """
            The bytes are sent as they are, a newline at the end included. They must be UTF-8 without control characters, \
            since receivers get them as XML; --base64 sends anything, and is what most MNS clients expect to decode. \
            Prints the id of the message.

            Examples:
              towline queues send events hello --base64
              towline queues send events --file event.json --priority 1
              towline queues send events --delay 10 < event.json
            """
    )

    @OptionGroup var target: QueueTargetOptions

    @Argument(help: ArgumentHelp("The text to send.", valueName: "body"))
    var body: String?

    @Option(help: ArgumentHelp("Send the bytes of this file.", valueName: "path"))
    var file: String?

    @Flag(name: .customLong("base64"), help: "Encode the body in Base64.")
    var isBase64 = false

    @Option(help: ArgumentHelp("1 to 16, 1 the most urgent. (default: 8)", valueName: "number"))
    var priority: Int?

    @Option(
        help: ArgumentHelp(
            "How long it stays unseen: 0 to 604800. (default: the queue's delay)", valueName: "seconds"))
    var delay: Int?

    /// Bytes of a body that are worth reading: no queue takes more.
    static let limit = 65_536

    func validate() throws {
        guard body == nil || file == nil else { throw ValidationError("Give <body> or --file, not both.") }
        if let priority, !(1...16).contains(priority) { throw ValidationError("--priority must be from 1 to 16.") }
        if let delay, !(0...604_800).contains(delay) { throw ValidationError("--delay must be from 0 to 604800.") }
    }

    func run() async throws {
        let bytes = try await bytes { try await Self.read($0) }
        try await send(bytes, by: target.server.adminClient(), console: .standard)
    }

    /// The bytes to send.
    ///
    /// - Parameter read: Reads a file by its path, or stdin for nil.
    /// - Returns: The argument's bytes, or what was read.
    /// - Throws: What `read` throws.
    func bytes(_ read: (String?) async throws -> [UInt8]) async throws -> [UInt8] {
        if let body { return Array(body.utf8) }
        return try await read(file)
    }

    /// Sends the message and prints its id.
    func send(_ bytes: [UInt8], by admin: AdminClient, console: Console) async throws {
        let answer = try await admin.send(try message(bytes), to: target.reference)
        guard !target.json else { return console.print(answer) }
        console.print(TerminalText.clean(answer["id"]?.string ?? ""))
    }

    /// The body of the call.
    ///
    /// - Throws: ``CommandFailure`` for bytes that no queue takes.
    func message(_ bytes: [UInt8]) throws -> JSONValue {
        guard !bytes.isEmpty else { throw CommandFailure(.usage, "the body is empty; it has 1 byte or more") }
        let body = isBase64 ? Array(Data(bytes).base64EncodedString().utf8) : bytes
        guard body.count <= Self.limit else {
            throw CommandFailure(.usage, "the body has more than \(Self.limit) bytes; no queue takes that")
        }
        guard let text = String(validating: body, as: UTF8.self) else {
            throw CommandFailure(.usage, "the body is not UTF-8; --base64 sends any bytes")
        }
        let isCarried = text.unicodeScalars.allSatisfy {
            $0.value >= 0x20 ? $0.value != 0xFFFE && $0.value != 0xFFFF : ["\t", "\n", "\r"].contains($0)
        }
        guard isCarried else {
            throw CommandFailure(
                .usage, "the body has control characters, which no queue can carry; --base64 sends any bytes")
        }
        return .members([
            "body": .string(text), "priority": priority.map { .integer($0) },
            "delaySeconds": delay.map { .integer($0) },
        ])
    }

    /// Reads a file or stdin, a little more than a queue takes at most.
    @concurrent private static func read(_ path: String?) async throws -> [UInt8] {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try readBlocking(path) }) }
        }
    }

    private static func readBlocking(_ path: String?) throws -> [UInt8] {
        let handle: FileHandle
        if let path {
            guard let file = FileHandle(forReadingAtPath: path) else {
                throw CommandFailure(.usage, "--file '\(path)' cannot be read: \(String(cString: strerror(errno)))")
            }
            handle = file
        } else {
            handle = .standardInput
        }
        var bytes: [UInt8] = []
        do {
            while bytes.count <= limit, let part = try handle.read(upToCount: 65_536), !part.isEmpty { bytes += part }
        } catch {
            let name = path.map { "--file '\($0)'" } ?? "stdin"
            throw CommandFailure(.usage, "\(name) cannot be read; it must be a file or a pipe")
        }
        return bytes
    }
}
