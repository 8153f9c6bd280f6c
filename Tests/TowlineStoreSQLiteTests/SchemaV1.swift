/// The first version of the schema as it was released: databases that look so exist, and the tests of upgrading begin
/// with them.
let schemaV1 = """
    CREATE TABLE jobs (
      seq INTEGER PRIMARY KEY,
      id BLOB NOT NULL UNIQUE,
      account_id TEXT NOT NULL,
      app TEXT NOT NULL,
      media BLOB NOT NULL,
      lane_id INTEGER NOT NULL,
      run INTEGER NOT NULL,
      priority INTEGER NOT NULL,
      origin TEXT NOT NULL,
      source_url TEXT NOT NULL,
      source_hash INTEGER NOT NULL,
      display_url TEXT,
      title TEXT NOT NULL,
      file_extension TEXT,
      metadata TEXT,
      user_data TEXT,
      extend TEXT,
      callback_url TEXT,
      created_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX jobs_by_source ON jobs (source_hash);

    CREATE TABLE runs (
      job INTEGER NOT NULL,
      run INTEGER NOT NULL,
      lane_id INTEGER NOT NULL,
      priority INTEGER NOT NULL,
      superseded INTEGER NOT NULL DEFAULT 0,
      state INTEGER NOT NULL,
      waiting INTEGER,
      due INTEGER,
      attempts INTEGER NOT NULL DEFAULT 0,
      fruitless INTEGER NOT NULL DEFAULT 0,
      phase INTEGER NOT NULL DEFAULT 0,
      bytes_received INTEGER NOT NULL DEFAULT 0,
      bytes_total INTEGER,
      lease BLOB,
      lease_until INTEGER,
      lease_length INTEGER,
      node TEXT,
      attempt_started_at INTEGER,
      failure_code TEXT,
      failure_message TEXT,
      started_at INTEGER NOT NULL,
      ended_at INTEGER,
      PRIMARY KEY (job, run)
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX runs_by_state ON runs (state, job) WHERE superseded = 0;
    CREATE INDEX runs_ready ON runs (lane_id, priority, due) WHERE waiting = 1;
    CREATE INDEX runs_scheduled ON runs (lane_id, due) WHERE waiting = 2;
    CREATE INDEX runs_leased ON runs (lease_until) WHERE lease_until IS NOT NULL;

    CREATE TABLE job_attempts (
      job INTEGER NOT NULL,
      run INTEGER NOT NULL,
      number INTEGER NOT NULL,
      node TEXT NOT NULL,
      started_at INTEGER NOT NULL,
      duration_us INTEGER NOT NULL,
      address TEXT,
      http_status INTEGER,
      bytes_received INTEGER NOT NULL,
      redirects TEXT,
      failure_code TEXT,
      failure_message TEXT,
      PRIMARY KEY (job, run, number)
    ) WITHOUT ROWID, STRICT;

    CREATE TABLE media (
      id BLOB PRIMARY KEY,
      account_id TEXT NOT NULL,
      app TEXT NOT NULL,
      job INTEGER NOT NULL,
      run INTEGER NOT NULL,
      object_key TEXT NOT NULL,
      bytes INTEGER NOT NULL,
      created_at INTEGER NOT NULL
    ) WITHOUT ROWID, STRICT;

    CREATE TABLE object_intents (
      object_key TEXT PRIMARY KEY,
      job INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      sweep_at INTEGER
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX object_intents_to_sweep ON object_intents (sweep_at) WHERE sweep_at IS NOT NULL;

    CREATE TABLE small_objects (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      media BLOB NOT NULL,
      object_key TEXT NOT NULL,
      bytes BLOB NOT NULL
    ) STRICT;
    CREATE TABLE events (
      seq INTEGER PRIMARY KEY,
      id BLOB NOT NULL UNIQUE,
      account_id TEXT NOT NULL,
      app TEXT NOT NULL,
      job BLOB NOT NULL,
      run INTEGER NOT NULL,
      type INTEGER NOT NULL,
      body BLOB NOT NULL,
      created_at INTEGER NOT NULL,
      UNIQUE (job, run, type)
    ) STRICT;

    CREATE TABLE deliveries (
      id BLOB PRIMARY KEY,
      event INTEGER NOT NULL,
      account_id TEXT NOT NULL,
      lane_id INTEGER NOT NULL,
      gates_job INTEGER,
      policy TEXT NOT NULL,
      state INTEGER NOT NULL,
      due INTEGER NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 0,
      records INTEGER NOT NULL DEFAULT 0,
      lease BLOB,
      lease_until INTEGER,
      attempt_started_at INTEGER,
      reason TEXT,
      created_at INTEGER NOT NULL,
      ended_at INTEGER
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX deliveries_waiting ON deliveries (lane_id, due) WHERE state = 0;
    CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE lease_until IS NOT NULL;
    CREATE INDEX deliveries_by_event ON deliveries (event);

    CREATE TABLE delivery_attempts (
      delivery BLOB NOT NULL,
      record INTEGER NOT NULL,
      number INTEGER NOT NULL,
      started_at INTEGER NOT NULL,
      duration_us INTEGER NOT NULL,
      address TEXT,
      http_status INTEGER,
      request_head TEXT NOT NULL,
      response_head TEXT,
      response_body BLOB,
      cause TEXT,
      PRIMARY KEY (delivery, record)
    ) WITHOUT ROWID, STRICT;
    CREATE TABLE lane_groups (
      id INTEGER PRIMARY KEY,
      kind INTEGER NOT NULL,
      key TEXT NOT NULL,
      in_use INTEGER NOT NULL DEFAULT 0,
      blocked_lanes INTEGER NOT NULL DEFAULT 0,
      UNIQUE (kind, key)
    ) STRICT;

    CREATE TABLE lanes (
      id INTEGER PRIMARY KEY,
      kind INTEGER NOT NULL,
      group_id INTEGER NOT NULL,
      account_id TEXT NOT NULL,
      key TEXT NOT NULL,
      ready_at INTEGER,
      turn INTEGER NOT NULL DEFAULT 0,
      blocked_turn INTEGER,
      UNIQUE (kind, account_id, key)
    ) STRICT;
    CREATE INDEX lanes_ready ON lanes (kind, ready_at, turn) WHERE ready_at IS NOT NULL;
    CREATE INDEX lanes_blocked ON lanes (group_id, blocked_turn) WHERE blocked_turn IS NOT NULL;
    CREATE TABLE seal_check (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      sealed BLOB NOT NULL
    ) STRICT;

    CREATE TABLE access_keys (
      id TEXT PRIMARY KEY,
      account_id TEXT NOT NULL,
      sealed_secret BLOB NOT NULL,
      created_at INTEGER NOT NULL,
      revoked_at INTEGER
    ) WITHOUT ROWID, STRICT;

    CREATE TABLE callbacks (
      account_id TEXT NOT NULL,
      app TEXT NOT NULL,
      callback_type TEXT NOT NULL,
      callback_url TEXT NOT NULL,
      event_types TEXT NOT NULL,
      auth_switch TEXT NOT NULL,
      sealed_auth_key BLOB NOT NULL,
      changed_at INTEGER NOT NULL,
      PRIMARY KEY (account_id, app)
    ) WITHOUT ROWID, STRICT;

    CREATE TABLE nonces (
      access_key_id TEXT NOT NULL,
      value TEXT NOT NULL,
      expires_at INTEGER NOT NULL,
      PRIMARY KEY (access_key_id, value)
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX nonces_by_end ON nonces (expires_at);

    CREATE TABLE sessions (
      account_id TEXT NOT NULL,
      app TEXT NOT NULL,
      session_id TEXT NOT NULL,
      expires_at INTEGER NOT NULL,
      PRIMARY KEY (account_id, app, session_id)
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX sessions_by_end ON sessions (expires_at);

    CREATE TABLE counters (
      id INTEGER PRIMARY KEY,
      value INTEGER NOT NULL
    ) STRICT;
    WITH RECURSIVE slots (id) AS (VALUES (0) UNION ALL SELECT id + 1 FROM slots WHERE id < 15)
    INSERT INTO counters (id, value) SELECT id, 0 FROM slots;

    CREATE TABLE meta (
      name TEXT PRIMARY KEY,
      value INTEGER NOT NULL
    ) WITHOUT ROWID, STRICT;
    INSERT INTO meta (name, value) VALUES ('clock_floor', 0);
    """
