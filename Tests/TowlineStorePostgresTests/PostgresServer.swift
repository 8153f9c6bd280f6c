import Foundation
import Synchronization

/// A PostgreSQL server of the tests' own: throw-away data, a socket in a temporary folder, started with the first test
/// and gone with the test process, however that ends.
final class PostgresServer: Sendable {
    /// Where the newest server's programs are; nil without any.
    static let programs: String? = {
        let base = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? []
        return versions.compactMap { Int($0) }.sorted(by: >).map { "\(base)/\($0)/bin" }.first {
            FileManager.default.isExecutableFile(atPath: $0 + "/initdb")
        }
    }()

    /// Whether tests can have a server.
    static var isAvailable: Bool { programs != nil }

    private static let started = Mutex<Result<PostgresServer, any Error>?>(nil)

    /// The server of this test process.
    static func shared() throws -> PostgresServer {
        try started.withLock { started in
            if let started { return try started.get() }
            let result = Result { try PostgresServer() }
            started = result
            return try result.get()
        }
    }

    private let folder: String
    private let programs: String
    /// The end of a pipe: the watcher stops the server when this process lets go of it; -1 for a server of others.
    private let lifeline: Int32

    /// Makes the data and starts a server of its own.
    ///
    /// - Parameter options: What its command line has beside the usual.
    /// - Throws: ``PostgresServerError`` when it does not start.
    init(options: String = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off") throws {
        guard let programs = Self.programs else { throw PostgresServerError("there is no PostgreSQL server") }
        self.programs = programs
        folder = "/tmp/towline-pg-\(UUID().uuidString.prefix(8))"
        let input = try Spawn.makePipe()
        let output = try Spawn.makePipe()
        lifeline = input.write
        _ = try Spawn.start(
            ["/bin/sh", "-c", Self.script, "sh", programs, folder, options], input: input.read, output: output.write)
        close(input.read)
        close(output.write)
        defer { close(output.read) }
        // The script says one word when the server takes connections, and ends without it otherwise.
        guard String(decoding: Spawn.read(output.read), as: UTF8.self).hasPrefix("ready") else {
            let log = (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? ""
            throw PostgresServerError("the PostgreSQL server does not start: \(log.suffix(500))")
        }
    }

    /// A server that runs already, with its socket in a folder and a superuser `postgres` without a password.
    ///
    /// - Throws: ``PostgresServerError`` without the programs to talk to it.
    init(host: String) throws {
        guard let programs = Self.programs else { throw PostgresServerError("there is no PostgreSQL server") }
        self.programs = programs
        folder = host
        lifeline = -1
    }

    deinit { if lifeline >= 0 { close(lifeline) } }

    /// Runs until its standard input is closed; the server must not run as root.
    private static let script = """
        bin=$1; dir=$2; options=$3
        mkdir -p "$dir"
        as=""
        if [ "$(id -u)" = 0 ]; then
          chown postgres "$dir"
          as="setpriv --reuid=postgres --regid=postgres --init-groups"
        fi
        $as "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C -N >"$dir/log" 2>&1 || exit 1
        $as "$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c max_connections=300 \\
          -c shared_buffers=64MB -c autovacuum_naptime=5s $options >>"$dir/log" 2>&1 </dev/null &
        pid=$!
        trap '$as "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1; wait; rm -rf "$dir"' EXIT
        until "$bin/pg_isready" -q -h "$dir"; do kill -0 $pid || exit 1; sleep 0.05; done
        echo ready
        cat >/dev/null
        """

    /// Where the server's socket is, for programs that connect by themselves.
    var host: String { folder }

    /// Makes a schema and gives the URL of a store in it.
    func makeSchema() throws -> String {
        let name = "t_" + UUID().uuidString.replacing("-", with: "").lowercased()
        try run("CREATE SCHEMA \(name)")
        return url(schema: name)
    }

    /// The URL of a store in a schema.
    func url(schema: String, user: String = "postgres") -> String {
        "postgres://\(user)@/postgres?host=\(folder)&options=-csearch_path%3D\(schema)"
    }

    /// Ends the server without warning, as a power cut would.
    func crash() throws { try control("-m", "immediate", "-w", "stop") }

    /// Starts the server again on its data.
    func restart() throws {
        try control(
            "-w", "-o", "-k \(folder) -c listen_addresses= -c max_connections=300", "start"
        )
    }

    private func control(_ arguments: String...) throws {
        let identity = ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        let command = [programs + "/pg_ctl", "-D", folder + "/data", "-l", folder + "/data/log-again"] + arguments
        guard Spawn.wait(for: try Spawn.start((getuid() == 0 ? identity : []) + command)) else {
            throw PostgresServerError("pg_ctl \(arguments) failed")
        }
    }

    /// Keeps a transaction open that has a snapshot of now.
    func holdTransaction(seconds: Int) throws -> pid_t {
        try Spawn.start(
            psql + [
                "-c",
                "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class; SELECT pg_sleep(\(seconds + 60))",
            ])
    }

    /// The program that runs statements, as the superuser.
    var psql: [String] {
        [programs + "/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", folder, "-U", "postgres"]
    }

    /// What the server has written into its log.
    func log() throws -> String { try String(contentsOfFile: folder + "/log", encoding: .utf8) }

    /// Runs statements as the superuser and gives what they print.
    @discardableResult
    func run(_ sql: String, schema: String = "public") throws -> String {
        try Spawn.run(psql + ["-c", sql], environment: ["PGOPTIONS=-csearch_path=\(schema)"])
    }
}

/// Why there is no server.
struct PostgresServerError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
