import TowlineStore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The lock that keeps a second process off a store; held until it is released or the process ends.
struct StoreLock {
    private let descriptor: Int32

    /// Takes the lock at once or not at all.
    ///
    /// - Throws: ``StoreError`` with code `locked` when another process holds it, `unavailable` when the file cannot
    ///   be made.
    init(path: String) throws {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw StoreError(
                .unavailable, "the lock file \(path) cannot be opened: \(String(cString: strerror(errno)))")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let reason = errno
            close(descriptor)
            guard reason == EWOULDBLOCK else {
                throw StoreError(.unavailable, "\(path) cannot be locked: \(String(cString: strerror(reason)))")
            }
            throw StoreError(
                .locked, "another Towline process uses this data folder (\(path) is locked); stop it first")
        }
        self.descriptor = descriptor
    }

    /// Lets the next process in.
    ///
    /// The lock is given back by name: a program that is being started just now has a copy of the descriptor until it
    /// runs, and closing this one alone would leave the lock with it for that moment.
    func release() {
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
