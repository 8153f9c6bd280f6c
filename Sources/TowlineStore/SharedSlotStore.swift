package import TowlineCore

/// The extra power of a store that several nodes share: further connections of a transfer count against the limit of an
/// origin over all nodes, as attempts do.
///
/// Extra slots belong to the lease of a running attempt: whatever ends the lease gives them back.
package protocol SharedSlotStore: Sendable {
    /// Takes slots of an origin as far as its limit leaves room.
    ///
    /// - Parameters:
    ///   - count: How many are wanted, at least 1.
    ///   - origin: As in ``PullRequest/origin``; a mirror's may be another than the job's.
    ///   - job: The job of the running attempt.
    ///   - lease: Its lease.
    ///   - perOrigin: The limit.
    /// - Returns: How many were taken, 0 when there is no room or the lease does not hold.
    /// - Throws: ``StoreError``; nothing was taken then, or it is given back with the lease.
    func takeExtraSlots(
        _ count: Int, origin: String, job: JobID, lease: LeaseToken, perOrigin: Int
    ) async throws -> Int

    /// Gives slots back before the attempt ends; more than were taken are ignored.
    func giveBackExtraSlots(_ count: Int, origin: String, job: JobID, lease: LeaseToken) async throws
}
