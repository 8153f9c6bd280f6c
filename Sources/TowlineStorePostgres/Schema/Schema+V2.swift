extension Schema {
    /// The second version: what changes of lanes, groups, accounts and counters stands in rows that are found by how new
    /// they are, and objects of attempts whose writer was not heard of are looked for once more.
    ///
    /// PostgreSQL keeps each version of a row for as long as any transaction is open that may see it. A unique index then
    /// makes every change of the row pass all of them, and so does a look by number. The tables here have none: a row is found at the end of an index on its number and something that only grows.
    ///
    /// Nodes of the first version cannot go on beside it: a column that each of their statements names has another name.
    static let v2 = """
        LOCK TABLE lanes, lane_groups, lane_accounts IN ACCESS EXCLUSIVE MODE;
        ALTER TABLE lanes RENAME COLUMN key_hash TO hash;
        ALTER TABLE lane_groups RENAME COLUMN key_hash TO hash;
        ALTER TABLE object_intents ADD COLUMN unheard boolean NOT NULL DEFAULT false;

        CREATE TABLE lane_states (
          lane_id bigint NOT NULL,
          kind smallint NOT NULL,
          group_id bigint NOT NULL,
          owner_id bigint NOT NULL,
          state smallint NOT NULL DEFAULT 0,
          ready_at bigint,
          turn bigint NOT NULL DEFAULT 0,
          later_at bigint,
          later_mark bigint NOT NULL DEFAULT 0,
          mark bigint NOT NULL DEFAULT 0,
          levels integer NOT NULL DEFAULT 0
        ) WITH (fillfactor = 50);
        INSERT INTO lane_states
          SELECT id, kind, group_id, owner_id, state, ready_at, turn, later_at, later_mark, mark, levels FROM lanes;
        CREATE INDEX lane_states_newest ON lane_states (lane_id, turn);
        CREATE INDEX lane_states_ready ON lane_states (kind, turn, lane_id) WHERE state = 1;
        CREATE INDEX lane_states_scheduled ON lane_states (kind, ready_at) WHERE state = 2;
        CREATE INDEX lane_states_blocked ON lane_states (group_id, turn) WHERE state = 3;
        CREATE INDEX lane_states_full ON lane_states (owner_id, turn) WHERE state = 4;
        ALTER TABLE lanes DROP COLUMN state, DROP COLUMN ready_at, DROP COLUMN turn, DROP COLUMN later_at,
          DROP COLUMN later_mark, DROP COLUMN mark, DROP COLUMN levels;
        ALTER TABLE lanes RESET (fillfactor);

        CREATE TABLE group_states (
          group_id bigint NOT NULL,
          version bigint NOT NULL DEFAULT 0,
          in_use integer NOT NULL DEFAULT 0,
          next_start bigint NOT NULL DEFAULT 0,
          blocked_from bigint
        ) WITH (fillfactor = 50);
        INSERT INTO group_states (group_id, in_use, next_start, blocked_from)
          SELECT id, in_use, next_start, 0 FROM lane_groups;
        CREATE INDEX group_states_newest ON group_states (group_id, version);
        ALTER TABLE lane_groups DROP COLUMN in_use, DROP COLUMN next_start;
        ALTER TABLE lane_groups RESET (fillfactor);

        CREATE TABLE account_states (
          owner_id bigint NOT NULL,
          version bigint NOT NULL DEFAULT 0,
          in_use integer NOT NULL DEFAULT 0,
          blocked_from bigint
        ) WITH (fillfactor = 50);
        INSERT INTO account_states (owner_id, in_use, blocked_from) SELECT id, in_use, 0 FROM lane_accounts;
        CREATE INDEX account_states_newest ON account_states (owner_id, version);
        ALTER TABLE lane_accounts DROP COLUMN in_use, DROP COLUMN turn;
        ALTER TABLE lane_accounts RESET (fillfactor);

        CREATE TABLE count_shards (
          shard integer NOT NULL,
          version bigint NOT NULL DEFAULT 0,
          counts bigint[] NOT NULL
        ) WITH (fillfactor = 50);
        INSERT INTO count_shards (shard, counts) SELECT n, array_fill(0::bigint, ARRAY[16]) FROM generate_series(0, 63) n;
        CREATE INDEX count_shards_newest ON count_shards (shard, version);

        ALTER TABLE lane_states REPLICA IDENTITY FULL;
        ALTER TABLE group_states REPLICA IDENTITY FULL;
        ALTER TABLE account_states REPLICA IDENTITY FULL;
        ALTER TABLE count_shards REPLICA IDENTITY FULL;
        ALTER TABLE queue_counts REPLICA IDENTITY FULL;

        """
}
