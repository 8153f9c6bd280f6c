package import TowlineCore

/// Which version of a source's file some bytes belong to.
package struct SourceVersion: Sendable, Hashable {
    /// What `If-Range` is sent with: a strong entity tag with its quotes, or a date that RFC 9110 8.8.2.2 calls strong.
    package let validator: String
    /// The length of the whole file; nil as long as the source has not said it.
    package var total: Int64?

    /// Joins a validator and a length.
    package init(validator: String, total: Int64?) {
        self.validator = validator
        self.total = total
    }

    /// Whether the validator is an entity tag; otherwise it is a date.
    package var isEntityTag: Bool { validator.first == "\"" }
}

/// How far a transfer is: what is on stable storage under its attempt's key, and of which version of the source.
package struct TransferCheckpoint: Sendable, Hashable {
    package let version: SourceVersion
    /// Bytes from the beginning of the file that are on stable storage.
    package let bytes: Int64
    /// The CRC-64 of these bytes, to be compared with what is found on disk.
    package let crc64: UInt64
    /// Which of the job's URLs the version is from: 0 for the job's own, then its mirrors.
    ///
    /// Validators of two servers cannot be compared.
    package let source: Int

    /// Joins the parts of a checkpoint.
    package init(version: SourceVersion, bytes: Int64, crc64: UInt64, source: Int = 0) {
        self.version = version
        self.bytes = bytes
        self.crc64 = crc64
        self.source = source
    }
}

/// What a running attempt writes down about its transfer.
package struct CheckpointNote: Sendable, Hashable {
    package var job: JobID
    package var lease: LeaseToken
    /// What is on stable storage; nil to forget what was recorded, before other bytes replace it.
    package var checkpoint: TransferCheckpoint?

    /// Joins the parts of a note.
    package init(job: JobID, lease: LeaseToken, checkpoint: TransferCheckpoint?) {
        self.job = job
        self.lease = lease
        self.checkpoint = checkpoint
    }
}

/// What earlier attempts of a run left for the next one to go on with.
package struct ResumePoint: Sendable, Hashable {
    package let checkpoint: TransferCheckpoint
    /// The keys of those attempts: one of them, or none, has the bytes.
    package let keys: [ObjectKey]

    /// Joins a checkpoint with where its bytes may be.
    package init(checkpoint: TransferCheckpoint, keys: [ObjectKey]) {
        self.checkpoint = checkpoint
        self.keys = keys
    }
}

/// What an attempt that did not store its object leaves to the next one.
package enum AttemptLeftover: Sendable, Hashable {
    /// Nothing: the next attempt starts afresh, and what lies under earlier keys may go.
    case nothing
    /// What was recorded before, unchanged.
    case recorded
    /// This much, under the attempt's own key.
    case checkpoint(TransferCheckpoint)
}
