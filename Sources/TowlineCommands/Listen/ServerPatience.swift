/// Waits for a server that went away, with pauses of 0.5 s, 1 s, 2 s, 4 s, 8 s and then 10 s each.
struct ServerPatience<Time: Clock>: Sendable where Time.Duration == Duration {
    let console: Console
    let clock: Time

    private static var firstPause: Duration { .milliseconds(500) }
    private static var longestPause: Duration { .seconds(10) }

    /// Makes a call until the server answers; says once that it waits, and once that it is over.
    ///
    /// - Parameter call: A call that may be made twice.
    /// - Returns: What the call returned.
    /// - Throws: What is no outage; `CancellationError`.
    func waiting<Result: Sendable>(_ call: () async throws -> Result) async throws -> Result {
        var pause = Self.firstPause
        var isWaiting = false
        while true {
            do {
                let result = try await call()
                if isWaiting { console.note("the server answers again") }
                return result
            } catch let error as AdminClientError where error.isOutage {
                if !isWaiting { console.note("waiting for the server: \(error.message)") }
                isWaiting = true
                try await clock.sleep(for: pause)
                pause = min(pause * 2, Self.longestPause)
            }
        }
    }
}
