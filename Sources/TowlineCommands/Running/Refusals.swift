/// What the server refused while a command goes through several things one by one.
struct Refusals: Sendable {
    private var failures: [CommandFailure] = []

    /// None yet.
    init() {}

    /// Does one thing; a refusal is kept for the end, anything else is thrown.
    mutating func collecting(_ work: () async throws -> Void) async throws {
        do {
            try await work()
        } catch let error as AdminClientError where error.kind == .refused && error.status != 401 {
            failures.append(CommandFailure(describing: error) ?? CommandFailure(.failed, error.message))
        }
    }

    /// Tells the refusals and throws the last one, if there is any.
    func end(console: Console) throws {
        for failure in failures.dropLast() { console.fail(failure.message) }
        if let last = failures.last { throw last }
    }
}
