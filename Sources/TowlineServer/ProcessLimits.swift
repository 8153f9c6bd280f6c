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
        #if canImport(Glibc)
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
        let resource = RLIMIT_NOFILE
        #endif
        if getrlimit(resource, &limit) == 0 {
            limit.rlim_cur = min(limit.rlim_max, 1 << 20)
            _ = setrlimit(resource, &limit)
        }
        signal(SIGPIPE, SIG_IGN)
    }
}
