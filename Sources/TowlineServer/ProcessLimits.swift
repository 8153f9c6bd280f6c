#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the process asks of the system when it starts.
package enum ProcessLimits {
    /// Raises the soft limit of open files to the hard one, and lets a write to a closed socket be an error instead
    /// of the end of the process.
    package static func prepare() {
        var limit = rlimit()
        if getrlimit(openFilesResource, &limit) == 0 {
            limit.rlim_cur = min(limit.rlim_max, 1 << 20)
            _ = setrlimit(openFilesResource, &limit)
        }
        signal(SIGPIPE, SIG_IGN)
        // What is written here is for its owner and group: the database quotes source URLs, which may hold signatures.
        umask(0o027)
    }

    /// How many files the process may have open once ``prepare()`` has run.
    package static var openFiles: Int {
        var limit = rlimit()
        guard getrlimit(openFilesResource, &limit) == 0 else { return 0 }
        return Int(clamping: min(limit.rlim_max, 1 << 20))
    }

    #if canImport(Glibc)
        private static let openFilesResource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
        private static let openFilesResource = RLIMIT_NOFILE
    #endif
}
