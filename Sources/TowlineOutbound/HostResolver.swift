package import TowlineCore

/// Looks names up.
package protocol HostResolver: Sendable {
    /// Finds every address of a name.
    ///
    /// The answers are not judged here. Ends early when the calling task is cancelled.
    ///
    /// - Parameters:
    ///   - name: A host name in lower-case ASCII without a trailing dot.
    ///   - limit: How long the look-up may take.
    /// - Returns: Every address, in the order in which they should be tried; at least one.
    /// - Throws: ``ResolverError``; `CancellationError` when cancelled.
    func resolve(_ name: String, within limit: Duration) async throws -> [IPAddress]
}

/// Says why a name could not be looked up.
package enum ResolverError: Error, Hashable, Sendable {
    /// The name does not exist or has no address.
    case notFound
    /// The look-up did not end in time.
    case timedOut
    /// The look-up failed for a reason that may pass; the text names it without the name that was asked for.
    case failed(String)
}
