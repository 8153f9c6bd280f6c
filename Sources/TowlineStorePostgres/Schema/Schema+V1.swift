extension Schema {
    /// The first version.
    ///
    /// Times are milliseconds since 1970, identifiers are `uuid`. States are the numbers of `StoredStates.swift`. Tables
    /// whose rows change leave room on their pages, so that a change that touches no index stays on its page.
    static let v1 = jobTables + eventTables + laneTables + endpointTables + accountTables + replayTables + queueTables

    private static let jobTables = """
        CREATE SEQUENCE job_numbers;
        CREATE TABLE jobs (
          seq bigint PRIMARY KEY,
          id uuid NOT NULL UNIQUE,
          account_id text NOT NULL,
          app text NOT NULL,
          media uuid NOT NULL,
          lane_id bigint NOT NULL,
          priority integer NOT NULL,
          origin text NOT NULL,
          source_url text NOT NULL,
          source_hash bigint NOT NULL,
          display_url text,
          title text NOT NULL,
          file_extension text,
          metadata text,
          user_data text,
          extend text,
          callback_url text,
          sealed_headers bytea,
          created_at bigint NOT NULL
        );
        CREATE INDEX jobs_by_source ON jobs (source_hash, seq);

        CREATE TABLE runs (
          job bigint NOT NULL,
          run integer NOT NULL,
          lane_id bigint NOT NULL,
          level smallint NOT NULL,
          superseded boolean NOT NULL DEFAULT false,
          state smallint NOT NULL DEFAULT 0,
          waiting smallint,
          due bigint,
          attempts integer NOT NULL DEFAULT 0,
          fruitless integer NOT NULL DEFAULT 0,
          phase smallint NOT NULL DEFAULT 0,
          bytes_received bigint NOT NULL DEFAULT 0,
          bytes_total bigint,
          lease uuid,
          lease_until bigint,
          lease_length bigint,
          node text,
          attempt_started_at bigint,
          extra_slots integer NOT NULL DEFAULT 0,
          failure_code text,
          failure_message text,
          expires_at bigint,
          started_at bigint NOT NULL,
          ended_at bigint,
          PRIMARY KEY (job, run)
        ) WITH (fillfactor = 70);
        CREATE INDEX runs_by_state ON runs (state, job) WHERE NOT superseded;
        CREATE INDEX runs_ready ON runs (lane_id, level, due, job) WHERE waiting = 1;
        CREATE INDEX runs_scheduled ON runs (lane_id, due, job) WHERE waiting = 2;
        CREATE INDEX runs_leased ON runs (lease_until) WHERE lease_until IS NOT NULL;
        CREATE INDEX runs_expiring ON runs (expires_at) WHERE waiting IS NOT NULL AND expires_at IS NOT NULL;

        CREATE TABLE job_attempts (
          job bigint NOT NULL,
          run integer NOT NULL,
          number integer NOT NULL,
          node text NOT NULL,
          started_at bigint NOT NULL,
          duration_us bigint NOT NULL,
          address text,
          http_status integer,
          bytes_received bigint NOT NULL,
          redirects text,
          recording text,
          failure_code text,
          failure_message text,
          PRIMARY KEY (job, run, number)
        );

        CREATE TABLE media (
          id uuid PRIMARY KEY,
          account_id text NOT NULL,
          app text NOT NULL,
          job bigint NOT NULL,
          run integer NOT NULL,
          object_key text NOT NULL,
          bytes bigint NOT NULL,
          crc64 bigint,
          sha256 text,
          md5 text,
          created_at bigint NOT NULL
        );

        CREATE TABLE object_intents (
          object_key text PRIMARY KEY,
          job bigint NOT NULL,
          kept boolean NOT NULL DEFAULT false,
          sweep_at bigint,
          created_at bigint NOT NULL
        );
        CREATE INDEX object_intents_to_sweep ON object_intents (sweep_at) WHERE sweep_at IS NOT NULL;
        CREATE INDEX object_intents_kept ON object_intents (job) WHERE kept;

        CREATE TABLE job_checkpoints (
          job bigint PRIMARY KEY,
          source integer NOT NULL DEFAULT 0,
          validator text NOT NULL,
          bytes_total bigint,
          bytes bigint NOT NULL,
          crc64 bigint NOT NULL,
          recorded_at bigint NOT NULL
        );

        CREATE TABLE extra_slots (
          lease uuid NOT NULL,
          group_id bigint NOT NULL,
          slots integer NOT NULL,
          PRIMARY KEY (lease, group_id)
        );

        """

    private static let eventTables = """
        CREATE SEQUENCE event_numbers;
        CREATE TABLE events (
          seq bigint PRIMARY KEY,
          id uuid NOT NULL UNIQUE,
          committed bigint NOT NULL,
          account_id text NOT NULL,
          app text NOT NULL,
          job uuid NOT NULL,
          run integer NOT NULL,
          type smallint NOT NULL,
          body bytea NOT NULL,
          created_at bigint NOT NULL,
          UNIQUE (job, run, type)
        );
        CREATE INDEX events_by_commit ON events (committed, seq);

        CREATE TABLE deliveries (
          id uuid PRIMARY KEY,
          event bigint NOT NULL,
          account_id text NOT NULL,
          lane_id bigint NOT NULL,
          gates_job bigint,
          gates_run integer,
          policy text NOT NULL,
          origin smallint NOT NULL DEFAULT 0,
          replay uuid,
          state smallint NOT NULL DEFAULT 0,
          due bigint NOT NULL,
          attempts integer NOT NULL DEFAULT 0,
          records integer NOT NULL DEFAULT 0,
          lease uuid,
          lease_until bigint,
          attempt_started_at bigint,
          reason text,
          created_at bigint NOT NULL,
          ended_at bigint
        ) WITH (fillfactor = 70);
        CREATE INDEX deliveries_waiting ON deliveries (lane_id, due, id) WHERE state = 0;
        CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE lease_until IS NOT NULL;
        CREATE INDEX deliveries_by_event ON deliveries (event, id);
        CREATE INDEX deliveries_dead ON deliveries (id) WHERE state = 3;
        CREATE INDEX deliveries_dead_by_event ON deliveries (event) WHERE state = 3;
        CREATE UNIQUE INDEX deliveries_of_replay ON deliveries (replay, event, lane_id) WHERE replay IS NOT NULL;

        CREATE TABLE delivery_attempts (
          delivery uuid NOT NULL,
          record integer NOT NULL,
          number integer NOT NULL,
          started_at bigint NOT NULL,
          duration_us bigint NOT NULL,
          address text,
          http_status integer,
          request_head text NOT NULL,
          response_head text,
          response_body bytea,
          cause text,
          PRIMARY KEY (delivery, record)
        );

        """

    private static let laneTables = """
        CREATE TABLE lane_groups (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          kind smallint NOT NULL,
          key_hash uuid NOT NULL,
          key text NOT NULL,
          in_use integer NOT NULL DEFAULT 0,
          next_start bigint NOT NULL DEFAULT 0,
          UNIQUE (kind, key_hash)
        ) WITH (fillfactor = 50);

        CREATE TABLE lane_accounts (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          kind smallint NOT NULL,
          account_id text NOT NULL,
          in_use integer NOT NULL DEFAULT 0,
          turn bigint NOT NULL DEFAULT 0,
          UNIQUE (kind, account_id)
        ) WITH (fillfactor = 50);

        CREATE TABLE lanes (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          kind smallint NOT NULL,
          key_hash uuid NOT NULL,
          group_id bigint NOT NULL,
          owner_id bigint NOT NULL,
          state smallint NOT NULL DEFAULT 0,
          ready_at bigint,
          turn bigint NOT NULL DEFAULT 0,
          later_at bigint,
          later_mark bigint NOT NULL DEFAULT 0,
          mark bigint NOT NULL DEFAULT 0,
          levels integer NOT NULL DEFAULT 0,
          account_id text NOT NULL,
          key text NOT NULL,
          UNIQUE (kind, key_hash)
        ) WITH (fillfactor = 50);
        CREATE INDEX lanes_ready ON lanes (kind, turn, id) WHERE state = 1;
        CREATE INDEX lanes_scheduled ON lanes (kind, ready_at) WHERE state = 2;
        CREATE INDEX lanes_blocked ON lanes (group_id, turn) WHERE state = 3;
        CREATE INDEX lanes_full ON lanes (owner_id, turn) WHERE state = 4;
        CREATE INDEX lanes_of_group ON lanes (group_id);

        CREATE SEQUENCE lane_clock_0 MINVALUE 0 START 0;
        CREATE SEQUENCE lane_clock_1 MINVALUE 0 START 0;

        """

    private static let endpointTables = """
        CREATE TABLE endpoints (
          group_id bigint PRIMARY KEY,
          id uuid NOT NULL UNIQUE,
          kind smallint NOT NULL,
          account_id text NOT NULL,
          url text NOT NULL,
          event_lane bigint NOT NULL,
          resend_lane bigint,
          description text NOT NULL DEFAULT '',
          policy text,
          max_concurrency integer,
          max_per_second integer,
          apps text,
          event_types text,
          sealed_auth_key bytea,
          sealed_secret bytea,
          sealed_previous_secret bytea,
          previous_secret_until bigint,
          failures integer NOT NULL DEFAULT 0,
          failing_since bigint,
          last_cause text,
          pauses integer NOT NULL DEFAULT 0,
          paused_until bigint,
          disabled_at bigint,
          disabled_reason text,
          tend_from bytea,
          created_at bigint NOT NULL,
          removed_at bigint
        ) WITH (fillfactor = 70);
        CREATE INDEX endpoints_subscribed ON endpoints (account_id, group_id) WHERE kind = 1 AND removed_at IS NULL;
        CREATE INDEX endpoints_disabled ON endpoints (disabled_at) WHERE disabled_at IS NOT NULL;
        CREATE INDEX endpoints_to_tend ON endpoints (group_id) WHERE tend_from IS NOT NULL;

        """

    private static let accountTables = """
        CREATE TABLE seal_check (
          id integer PRIMARY KEY CHECK (id = 1),
          sealed bytea NOT NULL
        );

        CREATE TABLE access_keys (
          id text PRIMARY KEY,
          account_id text NOT NULL,
          sealed_secret bytea NOT NULL,
          created_at bigint NOT NULL,
          revoked_at bigint
        );

        CREATE TABLE callbacks (
          account_id text NOT NULL,
          app text NOT NULL,
          callback_type text NOT NULL,
          callback_url text NOT NULL,
          event_types text NOT NULL,
          auth_switch text NOT NULL,
          sealed_auth_key bytea NOT NULL,
          mns_endpoint text NOT NULL,
          mns_queue_name text NOT NULL,
          is_own_queue boolean NOT NULL,
          endpoint_group bigint,
          changed_at bigint NOT NULL,
          PRIMARY KEY (account_id, app)
        );

        CREATE TABLE nonces (
          access_key_id text NOT NULL,
          value text NOT NULL,
          expires_at bigint NOT NULL,
          PRIMARY KEY (access_key_id, value)
        );
        CREATE INDEX nonces_by_end ON nonces (expires_at);

        CREATE TABLE sessions (
          account_id text NOT NULL,
          app text NOT NULL,
          session_id text NOT NULL,
          expires_at bigint NOT NULL,
          PRIMARY KEY (account_id, app, session_id)
        );
        CREATE INDEX sessions_by_end ON sessions (expires_at);

        CREATE TABLE meta (
          name text PRIMARY KEY,
          value bigint NOT NULL
        ) WITH (fillfactor = 50);
        INSERT INTO meta (name, value) VALUES ('commit_offset', 0), ('touched', 0);

        CREATE TABLE counters (
          shard integer NOT NULL,
          slot integer NOT NULL,
          value bigint NOT NULL,
          PRIMARY KEY (shard, slot)
        ) WITH (fillfactor = 50);

        """

    private static let replayTables = """
        CREATE TABLE replays (
          id uuid PRIMARY KEY,
          state smallint NOT NULL DEFAULT 0,
          request text NOT NULL,
          first_seq bigint NOT NULL,
          last_seq bigint NOT NULL,
          cursor bigint NOT NULL,
          step_at bigint NOT NULL,
          events_in_range bigint NOT NULL,
          events_seen bigint NOT NULL DEFAULT 0,
          created bigint NOT NULL DEFAULT 0,
          delivered bigint NOT NULL DEFAULT 0,
          dead bigint NOT NULL DEFAULT 0,
          created_at bigint NOT NULL,
          ended_at bigint
        ) WITH (fillfactor = 50);
        CREATE INDEX replays_open ON replays (step_at) WHERE ended_at IS NULL;

        CREATE TABLE listeners (
          name text PRIMARY KEY,
          account_id text,
          acknowledged_commit bigint NOT NULL,
          acknowledged_seq bigint NOT NULL,
          acknowledged_event uuid,
          created_at bigint NOT NULL,
          seen_at bigint NOT NULL
        );

        """
}
