import Foundation

/// Starts programs and waits for them, on the calling thread alone.
enum Spawn {
    /// A pipe whose ends no started program inherits by itself.
    static func makePipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw PostgresServerError("no pipe: \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// Starts a program.
    static func start(
        _ arguments: [String], input: Int32? = nil, output: Int32? = nil, environment: [String] = []
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        for target in [Int32(1), 2] {
            if let output {
                posix_spawn_file_actions_adddup2(&actions, output, target)
            } else {
                posix_spawn_file_actions_addopen(&actions, target, "/dev/null", O_WRONLY, 0)
            }
        }
        var list = arguments.map { strdup($0) } + [nil]
        var variables = (["PATH=/usr/sbin:/usr/bin:/sbin:/bin"] + environment).map { strdup($0) } + [nil]
        defer { for pointer in list + variables { free(pointer) } }
        var process: pid_t = 0
        let result = posix_spawn(&process, arguments[0], &actions, nil, &list, &variables)
        guard result == 0 else { throw PostgresServerError("\(arguments[0]) does not start: \(result)") }
        return process
    }

    /// Reads once; empty at the end.
    static func read(_ file: Int32) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = Foundation.read(file, &buffer, buffer.count)
        return Array(buffer.prefix(max(0, count)))
    }

    /// Waits for a program's end.
    static func wait(for process: pid_t) -> Bool {
        var status: Int32 = 0
        while waitpid(process, &status, 0) == -1, errno == EINTR {}
        return status == 0
    }

    /// Runs a program to its end.
    ///
    /// - Returns: What it printed.
    @discardableResult
    static func run(_ arguments: [String], environment: [String] = []) throws -> String {
        let pipe = try makePipe()
        let process = try start(arguments, output: pipe.write, environment: environment)
        close(pipe.write)
        defer { close(pipe.read) }
        var output: [UInt8] = []
        while true {
            let bytes = read(pipe.read)
            if bytes.isEmpty { break }
            output += bytes
        }
        let text = String(decoding: output, as: UTF8.self)
        guard wait(for: process) else { throw PostgresServerError("\(arguments.joined(separator: " ")): \(text)") }
        return text
    }
}

/// A transaction that another program keeps open for as long as a test wants.
final class SlowTransaction {
    private let input: Int32
    private let output: Int32
    private let process: pid_t

    /// Connects to a schema.
    init(on server: PostgresServer, schema: String) throws {
        let input = try Spawn.makePipe()
        let output = try Spawn.makePipe()
        process = try Spawn.start(
            server.psql, input: input.read, output: output.write, environment: ["PGOPTIONS=-csearch_path=\(schema)"])
        close(input.read)
        close(output.write)
        self.input = input.write
        self.output = output.read
    }

    deinit {
        close(input)
        close(output)
        _ = Spawn.wait(for: process)
    }

    /// Runs statements; returns when they have run.
    func run(_ sql: String) throws {
        let text = Array((sql + "\n\\echo done\n").utf8)
        guard write(input, text, text.count) == text.count else { throw PostgresServerError("psql has ended") }
        let answer = String(decoding: Spawn.read(output), as: UTF8.self)
        guard answer == "done\n" else { throw PostgresServerError(answer) }
    }
}
