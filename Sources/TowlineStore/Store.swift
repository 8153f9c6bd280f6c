/// Everything that Towline keeps, behind one value: the roles that a concrete store fulfils together.
package protocol Store: JobStore, EventStore, DeliveryStore, EndpointStore, ReplayStore, ListenerStore, KeyStore,
    CallbackStore, ObjectIntentStore, QueueStore
{
    /// Wake-ups after commits.
    var signals: StoreSignals { get }

    /// Removes what has outlived its use (nonces, session ids), at most `limit` rows a call.
    ///
    /// - Returns: The number of rows removed; less than `limit` means that nothing is left for now.
    func prune(limit: Int) async throws -> Int

    /// Takes back leases that ended without a report and makes their rows available again.
    ///
    /// - Returns: The number of jobs and deliveries taken back.
    func reapLeases() async throws -> Int

    /// Whether the store can accept work now; throws the reason when it cannot.
    func checkReadiness() async throws

    /// Finishes what was begun and closes. Calls after it throw `unavailable`.
    func close() async
}
