extension Schema {
    /// The fourth version: transfers that go on where an earlier attempt stopped, and the digests of media.
    ///
    /// A run has at most one checkpoint. The objects that may hold its bytes are `kept`, with no time to be swept: the
    /// key of the attempt that recorded it, and those of later attempts that may have taken the bytes over.
    static let v4 = """
        CREATE TABLE job_checkpoints (
          job INTEGER PRIMARY KEY,
          validator TEXT NOT NULL,
          bytes_total INTEGER,
          bytes INTEGER NOT NULL,
          crc64 INTEGER NOT NULL,
          recorded_at INTEGER NOT NULL
        ) STRICT;

        ALTER TABLE object_intents ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;
        CREATE INDEX object_intents_kept ON object_intents (job) WHERE kept = 1;

        ALTER TABLE media ADD COLUMN crc64 INTEGER;
        ALTER TABLE media ADD COLUMN sha256 TEXT;
        ALTER TABLE media ADD COLUMN md5 TEXT;

        """
}
