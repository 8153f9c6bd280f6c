import CLibPQ
import TowlineStore

/// A statement that was given to a connection, and later what it gave.
final class PostgresPending {
    fileprivate let sql: SQL
    fileprivate let values: [PostgresValue]
    fileprivate var outcome: PostgresResult?

    fileprivate init(_ sql: SQL, _ values: [PostgresValue]) {
        self.sql = sql
        self.values = values
    }

    /// What the statement gave; the connection was flushed before.
    func result() throws -> PostgresResult {
        guard let outcome else {
            throw StoreError(.unavailable, "a statement was not sent before its answer was asked for")
        }
        return outcome
    }
}

/// One connection to the server, used on one thread at a time.
///
/// Statements are gathered and sent together (libpq's pipeline mode) when somebody asks for an answer, so that a
/// transaction costs a round trip for each decision and not one for each statement. Each statement is prepared on the
/// connection when it runs there first.
final class PostgresConnection {
    private let handle: OpaquePointer
    private var isPrepared: [Bool] = []
    private var pending: [PostgresPending] = []
    private let intercept: (@Sendable (String) throws -> Void)?
    /// Whether nothing can be sent any more.
    private(set) var isBroken = false

    /// Connects; blocks until that is done or has failed.
    ///
    /// - Parameters:
    ///   - settings: Key words and values of libpq; later ones win.
    ///   - session: Limits of the server for this session, where it has none.
    ///   - intercept: Called with each statement's text before it is sent; what it throws is the statement's failure.
    ///     Only tests set it.
    /// - Throws: ``PostgresFailure``.
    init(
        _ settings: [(String, String)], session: [(String, String)] = [],
        intercept: (@Sendable (String) throws -> Void)? = nil
    ) throws {
        self.intercept = intercept
        handle = try Self.connect(settings)
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        // The operator's own limits, from the URL or the role, stay.
        let limits = session.map { name, value in
            "SELECT set_config('\(name)', '\(value)', false) WHERE current_setting('\(name)') = '0'"
        }
        try Self.prepareSession(handle, Self.session + limits)
    }

    deinit { PQfinish(handle) }

    /// Short transactions over indexes: plans are made once for each connection, and never read a whole table because
    /// it was small when they were made.
    private static let session = [
        "SET plan_cache_mode = force_generic_plan", "SET enable_seqscan = off", "SET enable_hashjoin = off",
        "SET enable_mergejoin = off", "SET enable_bitmapscan = off", "SET jit = off",
    ]

    private static func prepareSession(_ handle: OpaquePointer, _ statements: [String]) throws {
        for statement in statements {
            let result = PQexec(handle, statement)
            defer { PQclear(result) }
            let status = PQresultStatus(result)
            guard status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK else {
                throw PostgresFailure(state: "", message: String(cString: PQerrorMessage(handle)).firstLine)
            }
        }
        guard PQenterPipelineMode(handle) == 1 else {
            throw PostgresFailure(state: "", message: "libpq offers no pipelines on this connection")
        }
    }

    private static func connect(_ settings: [(String, String)]) throws -> OpaquePointer {
        var keys = settings.map { allocated($0.0) } + [nil]
        var values = settings.map { allocated($0.1) } + [nil]
        defer {
            for pointer in keys + values { pointer?.deallocate() }
            keys.removeAll()
            values.removeAll()
        }
        let connection = PQconnectdbParams(
            keys.map { UnsafePointer($0) }, values.map { UnsafePointer($0) }, 1)
        guard let connection else { throw PostgresFailure(state: "", message: "no memory") }
        guard PQstatus(connection) == CONNECTION_OK else {
            let message = String(cString: PQerrorMessage(connection)).firstLine
            PQfinish(connection)
            throw PostgresFailure(state: state(ofRefusal: message), message: message)
        }
        return connection
    }

    private static func allocated(_ text: String) -> UnsafeMutablePointer<CChar>? {
        let bytes = Array(text.utf8CString)
        let pointer = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        pointer.initialize(from: bytes, count: bytes.count)
        return pointer
    }

    /// libpq does not tell the SQLSTATE of a refused connection, only its words.
    private static func state(ofRefusal message: String) -> String {
        if message.contains("password authentication failed") { return "28P01" }
        if message.contains("too many") || message.contains("remaining connection slots") { return "53300" }
        if message.contains("database") && message.contains("does not exist") { return "3D000" }
        if message.contains("role") && message.contains("does not exist") { return "28000" }
        if message.contains("starting up") || message.contains("shutting down") { return "57P03" }
        return ""
    }

    /// The socket, to wait on.
    var socket: Int32 { PQsocket(handle) }

    /// Gives a statement to the connection: it is sent with the next ``flush()``.
    @discardableResult
    func add(_ sql: SQL, _ values: PostgresValue...) -> PostgresPending { add(sql, values) }

    /// The same with the values in an array.
    @discardableResult
    func add(_ sql: SQL, _ values: [PostgresValue]) -> PostgresPending {
        let request = PostgresPending(sql, values)
        pending.append(request)
        return request
    }

    /// Sends a statement with all that waits and gives its answer.
    func run(_ sql: SQL, _ values: PostgresValue...) throws -> PostgresResult {
        let request = add(sql, values)
        try flush()
        return try request.result()
    }

    /// The first row of a query, read by a closure; nil without rows.
    func first<T>(
        _ sql: SQL, _ values: PostgresValue..., read: (borrowing PostgresRow) throws -> T
    ) throws -> T? {
        let request = add(sql, values)
        try flush()
        return try request.result().first(read)
    }

    /// All rows of a query, each read by a closure.
    func all<T>(
        _ sql: SQL, _ values: PostgresValue..., read: (borrowing PostgresRow) throws -> T
    ) throws -> [T] {
        let request = add(sql, values)
        try flush()
        return try request.result().map(read)
    }

    /// The number of rows that a statement changes.
    func change(_ sql: SQL, _ values: PostgresValue...) throws -> Int {
        let request = add(sql, values)
        try flush()
        return try request.result().changed
    }

    /// Forgets statements that were given and not sent.
    func discard() { pending.removeAll() }

    /// Sends what waits and reads all answers.
    ///
    /// - Throws: The first statement's failure; those after it did not run.
    func flush() throws {
        guard !pending.isEmpty else { return }
        let batch = pending
        pending.removeAll()
        guard !isBroken else { throw PostgresFailure(state: "", message: "it was lost before") }
        if let intercept { for request in batch { try intercept(request.sql.text) } }
        var preparing: [Int: Int] = [:]
        for (index, request) in batch.enumerated() {
            if !isKnown(request.sql), !preparing.values.contains(request.sql.slot) {
                try prepare(request)
                preparing[index] = request.sql.slot
            }
            try send(request)
        }
        guard PQpipelineSync(handle) == 1 else { throw lost() }
        var failure: PostgresFailure?
        for (index, request) in batch.enumerated() {
            if let slot = preparing[index] {
                if try answer(&failure) != nil { remember(slot) }
            }
            request.outcome = try answer(&failure)
        }
        try readSync(&failure)
        if let failure { throw failure }
    }

    /// Runs the statements of a script, outside of any pipeline.
    func runScript(_ text: String) throws {
        guard PQexitPipelineMode(handle) == 1 else { throw lost() }
        defer { if PQenterPipelineMode(handle) != 1 { isBroken = true } }
        guard let result = PQexec(handle, text) else { throw lost() }
        defer { PQclear(result) }
        let status = PQresultStatus(result)
        guard status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK else { throw failure(of: result) }
    }

    /// Takes in what the server has sent by itself.
    ///
    /// - Returns: The payloads of notifications.
    func notifications() throws -> [String] {
        guard PQconsumeInput(handle) == 1 else { throw lost() }
        var payloads: [String] = []
        while let notification = PQnotifies(handle) {
            payloads.append(String(cString: notification.pointee.extra))
            PQfreemem(notification)
        }
        return payloads
    }

    private func isKnown(_ sql: SQL) -> Bool { sql.slot < isPrepared.count && isPrepared[sql.slot] }

    private func remember(_ slot: Int) {
        while isPrepared.count <= slot { isPrepared.append(false) }
        isPrepared[slot] = true
    }

    private func prepare(_ request: PostgresPending) throws {
        let types = request.values.map(\.type)
        let sent = PQsendPrepare(
            handle, "s\(request.sql.slot)", request.sql.text, Int32(types.count), types)
        guard sent == 1 else { throw lost() }
    }

    private func send(_ request: PostgresPending) throws {
        let sent = EncodedValues(request.values).withPointers { pointers, lengths, formats in
            PQsendQueryPrepared(
                handle, "s\(request.sql.slot)", Int32(pointers.count), pointers, lengths, formats, 1)
        }
        guard sent == 1 else { throw lost() }
    }

    /// Reads one statement's answer.
    ///
    /// - Returns: nil when it failed or did not run.
    private func answer(_ failure: inout PostgresFailure?) throws -> PostgresResult? {
        guard let result = PQgetResult(handle) else { throw lost() }
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK:
            let outcome = PostgresResult(result)
            try readEnd()
            return outcome
        case PGRES_PIPELINE_ABORTED:
            PQclear(result)
            try readEnd()
            return nil
        default:
            let found = self.failure(of: result)
            PQclear(result)
            if failure == nil { failure = found }
            guard PQstatus(handle) == CONNECTION_OK, !found.isConnectionLost else {
                isBroken = true
                throw found
            }
            try readEnd()
            return nil
        }
    }

    private func readEnd() throws {
        guard let extra = PQgetResult(handle) else { return }
        let found = failure(of: extra)
        PQclear(extra)
        isBroken = true
        throw found
    }

    private func readSync(_ failure: inout PostgresFailure?) throws {
        guard let result = PQgetResult(handle) else { throw lost() }
        defer { PQclear(result) }
        guard PQresultStatus(result) != PGRES_PIPELINE_SYNC else { return }
        isBroken = true
        if failure == nil { failure = self.failure(of: result) }
    }

    private func failure(of result: OpaquePointer) -> PostgresFailure {
        func field(_ code: Character) -> String? {
            code.asciiValue.flatMap { PQresultErrorField(result, Int32($0)) }.map { String(cString: $0) }
        }
        return PostgresFailure(
            state: field("C") ?? "", message: field("M") ?? String(cString: PQerrorMessage(handle)).firstLine,
            constraint: field("n"))
    }

    private func lost() -> PostgresFailure {
        isBroken = true
        return PostgresFailure(state: "", message: String(cString: PQerrorMessage(handle)).firstLine)
    }
}

extension String {
    /// The text up to the first line break.
    fileprivate var firstLine: String { String(prefix { !$0.isNewline }) }
}
