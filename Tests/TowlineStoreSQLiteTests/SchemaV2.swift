/// What the second version of the schema did to the first as it was released, which upgrades of databases of that
/// version begin with.
let schemaV2 = """
    CREATE TABLE endpoints (
      group_id INTEGER PRIMARY KEY,
      id BLOB NOT NULL UNIQUE,
      kind INTEGER NOT NULL,
      account_id TEXT NOT NULL,
      url TEXT NOT NULL,
      description TEXT NOT NULL DEFAULT '',
      policy TEXT,
      max_concurrency INTEGER,
      max_per_second INTEGER,
      apps TEXT,
      event_types TEXT,
      sealed_auth_key BLOB,
      sealed_secret BLOB,
      sealed_previous_secret BLOB,
      previous_secret_until INTEGER,
      failures INTEGER NOT NULL DEFAULT 0,
      failing_since INTEGER,
      last_cause TEXT,
      pauses INTEGER NOT NULL DEFAULT 0,
      paused_until INTEGER,
      disabled_at INTEGER,
      disabled_reason TEXT,
      tend_from BLOB,
      created_at INTEGER NOT NULL,
      removed_at INTEGER
    ) STRICT;
    CREATE INDEX endpoints_subscribed ON endpoints (account_id) WHERE kind = 1 AND removed_at IS NULL;
    CREATE INDEX endpoints_disabled ON endpoints (disabled_at) WHERE disabled_at IS NOT NULL;
    CREATE INDEX endpoints_to_tend ON endpoints (group_id) WHERE tend_from IS NOT NULL;

    CREATE INDEX lanes_of_group ON lanes (group_id);

    INSERT OR IGNORE INTO lane_groups (kind, key)
    SELECT 1, account_id || ' ' || key FROM lanes WHERE kind = 1;
    INSERT OR IGNORE INTO lane_groups (kind, key)
    SELECT DISTINCT 1, account_id || ' ' || callback_url FROM callbacks WHERE callback_url <> '';
    UPDATE lanes SET group_id = (
      SELECT g.id FROM lane_groups g WHERE g.kind = 1 AND g.key = lanes.account_id || ' ' || lanes.key)
    WHERE kind = 1;
    INSERT OR IGNORE INTO lanes (kind, group_id, account_id, key)
    SELECT 1, g.id, c.account_id, c.callback_url
    FROM callbacks c JOIN lane_groups g ON g.kind = 1 AND g.key = c.account_id || ' ' || c.callback_url
    WHERE c.callback_url <> '';
    DELETE FROM lane_groups WHERE kind = 1 AND id NOT IN (SELECT group_id FROM lanes WHERE kind = 1);
    INSERT INTO endpoints (group_id, id, kind, account_id, url, created_at)
    SELECT group_id, CAST(x'000000000000' || randomblob(10) AS BLOB), 0, account_id, key,
      (SELECT value FROM meta WHERE name = 'clock_floor')
    FROM lanes WHERE kind = 1;
    ALTER TABLE deliveries ADD COLUMN origin INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE deliveries ADD COLUMN replay BLOB;
    CREATE INDEX deliveries_dead ON deliveries (id) WHERE state = 3;
    CREATE INDEX deliveries_dead_by_event ON deliveries (event) WHERE state = 3;
    CREATE UNIQUE INDEX deliveries_of_replay ON deliveries (replay, event, lane_id) WHERE replay IS NOT NULL;
    CREATE TABLE replays (
      id BLOB PRIMARY KEY,
      state INTEGER NOT NULL,
      request TEXT NOT NULL,
      first_seq INTEGER NOT NULL,
      last_seq INTEGER NOT NULL,
      cursor INTEGER NOT NULL,
      step_at INTEGER NOT NULL,
      events_in_range INTEGER NOT NULL,
      events_seen INTEGER NOT NULL DEFAULT 0,
      created INTEGER NOT NULL DEFAULT 0,
      delivered INTEGER NOT NULL DEFAULT 0,
      dead INTEGER NOT NULL DEFAULT 0,
      created_at INTEGER NOT NULL,
      ended_at INTEGER
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX replays_open ON replays (step_at) WHERE ended_at IS NULL;

    CREATE TABLE listeners (
      name TEXT PRIMARY KEY,
      account_id TEXT,
      acknowledged_seq INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      seen_at INTEGER NOT NULL
    ) WITHOUT ROWID, STRICT;

    """
