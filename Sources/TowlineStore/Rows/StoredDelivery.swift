package import TowlineCore

/// A delivery with its running attempt as the writer sees it.
package struct StoredDelivery: Sendable {
    package let lane: Int64
    package let lease: LeaseToken?
    package let leaseUntil: Timestamp?
    /// Attempts begun, interrupted ones left out.
    package let attempts: Int
    /// Rows of attempts, interrupted ones included.
    package let records: Int
    package let attemptStartedAt: Timestamp
    /// The job that waits in `stored` for this delivery, with its run.
    package let gate: JobGate?
    package let origin: DeliveryOrigin

    /// Joins the parts of a delivery.
    package init(
        lane: Int64, lease: LeaseToken?, leaseUntil: Timestamp?, attempts: Int, records: Int,
        attemptStartedAt: Timestamp, gate: JobGate?, origin: DeliveryOrigin
    ) {
        self.lane = lane
        self.lease = lease
        self.leaseUntil = leaseUntil
        self.attempts = attempts
        self.records = records
        self.attemptStartedAt = attemptStartedAt
        self.gate = gate
        self.origin = origin
    }
}

extension StoredDelivery {
    /// Reads the columns of `DeliverySQL.find`.
    package init(_ row: borrowing some StoredRow & ~Copyable) throws {
        self.init(
            lane: row.integer(0), lease: try row.optionalID(1), leaseUntil: row.optionalTime(2), attempts: row.int(3),
            records: row.int(4), attemptStartedAt: row.time(5),
            gate: row.optionalInteger(6).map { JobGate(job: $0, run: row.int(7)) },
            origin: try DeliveryRows.origin(row.int(8), replay: try row.optionalID(9)))
    }
}

/// A run that stays `stored` until its callback was delivered, held or tried three times.
package struct JobGate: Hashable, Sendable {
    /// The job's row.
    package let job: Int64
    package let run: Int

    /// Joins a job's row with a run.
    package init(job: Int64, run: Int) {
        self.job = job
        self.run = run
    }
}
