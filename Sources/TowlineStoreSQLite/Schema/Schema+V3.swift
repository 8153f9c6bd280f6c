extension Schema {
    /// The third version: the built-in queues, and callbacks into queues.
    ///
    /// `hiding` is 0 for messages that can be seen, as far as somebody has looked; the numbers are those of
    /// `StoredStates.swift`. A queue's number is never used again: deleting and purging a queue leave its messages
    /// behind under a number that belongs to nobody (`dropped_queues`). The counters of a queue are by `hiding`.
    static let v3 = """
        CREATE TABLE queues (
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          account_id TEXT NOT NULL,
          name TEXT NOT NULL,
          delay INTEGER NOT NULL,
          maximum_bytes INTEGER NOT NULL,
          retention INTEGER NOT NULL,
          visibility INTEGER NOT NULL,
          polling_wait INTEGER NOT NULL,
          logging INTEGER NOT NULL,
          dead_letters_to TEXT,
          max_receives INTEGER,
          created_at INTEGER NOT NULL,
          modified_at INTEGER NOT NULL,
          shown INTEGER NOT NULL DEFAULT 0,
          received INTEGER NOT NULL DEFAULT 0,
          delayed INTEGER NOT NULL DEFAULT 0,
          UNIQUE (account_id, name)
        ) STRICT;

        CREATE TABLE queue_messages (
          id INTEGER PRIMARY KEY,
          queue INTEGER NOT NULL,
          account_id TEXT NOT NULL,
          hiding INTEGER NOT NULL,
          visible_at INTEGER NOT NULL,
          dequeue_count INTEGER NOT NULL,
          first_dequeued_at INTEGER NOT NULL,
          receive INTEGER NOT NULL,
          revision INTEGER NOT NULL,
          enqueued_at INTEGER NOT NULL,
          priority INTEGER NOT NULL,
          message_id BLOB NOT NULL,
          digest BLOB NOT NULL,
          properties TEXT,
          body BLOB NOT NULL
        ) STRICT;
        CREATE INDEX queue_messages_shown ON queue_messages (queue, priority, enqueued_at) WHERE hiding = 0;
        CREATE INDEX queue_messages_hidden ON queue_messages (queue, visible_at) WHERE hiding > 0;
        CREATE INDEX queue_messages_by_age ON queue_messages (queue, enqueued_at);

        CREATE TABLE dropped_queues (
          id INTEGER PRIMARY KEY
        ) STRICT;

        ALTER TABLE callbacks ADD COLUMN mns_endpoint TEXT NOT NULL DEFAULT '';
        ALTER TABLE callbacks ADD COLUMN mns_queue_name TEXT NOT NULL DEFAULT '';
        ALTER TABLE callbacks ADD COLUMN is_own_queue INTEGER NOT NULL DEFAULT 0;

        """
}
