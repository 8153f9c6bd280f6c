#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension HTTPCaller.Failure {
    /// A few words for the causes that people meet; `no connection` for the others.
    static func words(forErrno code: Int32) -> String {
        switch code {
        case ECONNREFUSED: "connection refused"
        case ECONNRESET, EPIPE: "the connection was closed"
        case ENETUNREACH, EHOSTUNREACH: "no route to the host"
        case ETIMEDOUT: "no connection in time"
        default: "no connection"
        }
    }
}
