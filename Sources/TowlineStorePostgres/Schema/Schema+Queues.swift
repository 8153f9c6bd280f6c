extension Schema {
    /// The built-in queues.
    ///
    /// A message is a row that never changes but as a dead letter, and a row that says where it stands: in `queue_ready`
    /// while it can be seen, in `queue_hidden` while it cannot. Both are appended to and trimmed, so that a reader who knows
    /// where the living begin steps over nothing. A queue's number is never used again: deleting and purging a queue
    /// leave its messages behind under a number that belongs to nobody (`dropped_queues`). Counters are sums of
    /// `queue_counts`, to which everybody appends. Design: docs/proposals/0010-postgres-queues.md.
    static let queueTables = """
        CREATE SEQUENCE queue_numbers;
        CREATE TABLE queues (
          id bigint PRIMARY KEY,
          account_id text NOT NULL,
          name text COLLATE "C" NOT NULL,
          delay bigint NOT NULL,
          maximum_bytes bigint NOT NULL,
          retention bigint NOT NULL,
          visibility bigint NOT NULL,
          polling_wait bigint NOT NULL,
          logging boolean NOT NULL,
          dead_letters_to text,
          max_receives bigint,
          created_at bigint NOT NULL,
          modified_at bigint NOT NULL,
          UNIQUE (account_id, name)
        );

        CREATE SEQUENCE queue_message_numbers;
        CREATE TABLE queue_messages (
          id bigint PRIMARY KEY,
          queue bigint NOT NULL,
          enqueued_at bigint NOT NULL,
          priority smallint NOT NULL,
          message_id uuid NOT NULL,
          digest bytea NOT NULL,
          properties text,
          body bytea NOT NULL
        );
        CREATE INDEX queue_messages_by_age ON queue_messages (queue, enqueued_at);

        CREATE TABLE queue_ready (
          queue bigint NOT NULL,
          lane smallint NOT NULL,
          place bigint NOT NULL,
          message bigint NOT NULL,
          enqueued_at bigint NOT NULL,
          dequeue_count integer NOT NULL,
          first_dequeued_at bigint NOT NULL,
          PRIMARY KEY (queue, lane, place, message)
        );
        CREATE INDEX queue_ready_returned ON queue_ready (message) WHERE lane % 2 = 0;

        CREATE TABLE queue_hidden (
          message bigint PRIMARY KEY,
          queue bigint NOT NULL,
          hiding smallint NOT NULL,
          visible_at bigint NOT NULL,
          priority smallint NOT NULL,
          enqueued_at bigint NOT NULL,
          dequeue_count integer NOT NULL,
          first_dequeued_at bigint NOT NULL,
          receive bigint NOT NULL,
          revision integer NOT NULL
        );
        CREATE INDEX queue_hidden_by_end ON queue_hidden (queue, visible_at);

        CREATE TABLE queue_counts (
          queue bigint NOT NULL,
          place bigint NOT NULL,
          shown bigint NOT NULL,
          received bigint NOT NULL,
          delayed bigint NOT NULL
        );
        CREATE INDEX queue_counts_by_place ON queue_counts (queue, place);

        CREATE TABLE dropped_queues (
          id bigint PRIMARY KEY,
          dropped_at bigint NOT NULL
        );

        """
}
