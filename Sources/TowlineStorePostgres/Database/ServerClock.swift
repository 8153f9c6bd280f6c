/// The server's time within a statement.
enum ServerClock {
    /// Milliseconds since 1970 with a parameter added, as a value that an index is compared with.
    static func plus(_ parameter: String) -> String {
        "(SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint + \(parameter))"
    }
}
