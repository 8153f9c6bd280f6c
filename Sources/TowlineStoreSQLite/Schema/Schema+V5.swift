extension Schema {
    /// The fifth version: turns of accounts, header fields of requests, runs that expire, and recordings of attempts.
    ///
    /// `lane_accounts` stands above the lanes of pulls: an account is ready when one of its lanes is, has slots in use over
    /// all of its lanes, and is blocked when lanes are ready but no slot is free.
    static let v5 = """
        CREATE TABLE lane_accounts (
          account_id TEXT PRIMARY KEY,
          ready_at INTEGER,
          turn INTEGER NOT NULL DEFAULT 0,
          in_use INTEGER NOT NULL DEFAULT 0,
          blocked INTEGER NOT NULL DEFAULT 0
        ) WITHOUT ROWID, STRICT;
        CREATE INDEX lane_accounts_ready ON lane_accounts (ready_at, turn) WHERE ready_at IS NOT NULL;
        CREATE INDEX lanes_ready_of_account ON lanes (account_id, ready_at, turn)
          WHERE ready_at IS NOT NULL AND kind = 0;
        INSERT INTO lane_accounts (account_id, ready_at)
        SELECT account_id, min(ready_at) FROM lanes WHERE kind = 0 GROUP BY account_id;

        ALTER TABLE jobs ADD COLUMN sealed_headers BLOB;

        ALTER TABLE runs ADD COLUMN expires_at INTEGER;
        CREATE INDEX runs_expiring ON runs (expires_at) WHERE waiting IS NOT NULL AND expires_at IS NOT NULL;

        ALTER TABLE job_attempts ADD COLUMN recording TEXT;

        ALTER TABLE job_checkpoints ADD COLUMN source INTEGER NOT NULL DEFAULT 0;

        """
}
