package import TowlineCore

/// Objects that no run chose: named by their intent rows, never found by listing (design 4.5).
package protocol ObjectIntentStore: Sendable {
    /// Keys that may be removed now, at most `limit`: attempts that ended without being chosen, and attempts whose
    /// lease was taken, once a lease's length has passed.
    func abandonedObjects(limit: Int) async throws -> AbandonedObjects

    /// Forgets keys whose objects were removed.
    ///
    /// A key stays, and is named again, when its writer has ended since the keys were read, since it may have written
    /// behind the removal. Where the writer may be another node that was not heard of, the key is named once more after
    /// a day.
    ///
    /// - Parameters:
    ///   - keys: The keys.
    ///   - time: ``AbandonedObjects/time`` of the answer that named them.
    /// - Throws: ``StoreError``; the keys are named again then.
    func forgetObjects(_ keys: [ObjectKey], asOf time: Timestamp) async throws
}

/// Objects that may be removed.
package struct AbandonedObjects: Sendable {
    package let keys: [ObjectKey]
    /// The store's time when it named them.
    package let time: Timestamp

    /// Joins keys with the time when they were named.
    package init(keys: [ObjectKey], time: Timestamp) {
        self.keys = keys
        self.time = time
    }
}

/// One small object that rode in its run's terminal transaction.
package struct SmallObject: Sendable {
    /// Grows with every row.
    package let sequence: Int64
    package let key: ObjectKey
    package let bytes: [UInt8]

    /// Joins the parts of a small object.
    package init(sequence: Int64, key: ObjectKey, bytes: [UInt8]) {
        self.sequence = sequence
        self.key = key
        self.bytes = bytes
    }
}

/// Small objects kept as rows until their files are known to be on stable storage (design section 7).
///
/// Only stores on the same machine as the files offer this.
package protocol SmallObjectStore: Sendable {
    /// The greatest sequence among the committed rows; nil when there are none.
    func lastSmallObject() async throws -> Int64?

    /// The rows after a sequence in order, at most `limit`, whose media still exist.
    func smallObjects(after sequence: Int64, limit: Int) async throws -> [SmallObject]

    /// Lets go of all rows up to a sequence, whose files are on stable storage now. In bounded steps.
    func releaseSmallObjects(upTo sequence: Int64) async throws
}
