import TowlineCore
import TowlineStore

extension Transaction {
    /// Prolongs leases (``JobStore/renewJobs(_:lease:)``).
    func renew(_ leases: [(job: JobID, token: LeaseToken)], lease: Duration) throws -> Set<LeaseToken> {
        let found = connection.add(
            LeaseSQL.lock, .ids(leases.map(\.job)), .ids(leases.map(\.token)), offset)
        try start()
        let held = try found.result().map { (try $0.id(0, as: LeaseToken.self), $0.integer(1), $0.integer(2)) }
        if !held.isEmpty {
            connection.add(
                LeaseSQL.renew, .integers(held.map(\.1)), .integers(held.map(\.2)), .time(now + lease),
                .integer(lease.wholeMilliseconds))
        }
        return Set(leases.map(\.token)).subtracting(held.map(\.0))
    }

    /// Records progress (``JobStore/recordProgress(_:)``).
    func record(_ notes: [JobProgress]) throws {
        let found = connection.add(LeaseSQL.lock, .ids(notes.map(\.job)), .ids(notes.map(\.lease)), offset)
        try start()
        var held: [LeaseToken: (job: Int64, run: Int64, state: JobState)] = [:]
        try found.result().forEach { row in
            held[try row.id(0)] = (row.integer(1), row.integer(2), try JobState(number: row.int(3)))
        }
        // The last note about an attempt is the one that counts.
        var latest: [LeaseToken: JobProgress] = [:]
        for note in notes { latest[note.lease] = note }
        let changes = latest.values.compactMap { note in held[note.lease].map { (note: note, run: $0) } }
        guard !changes.isEmpty else { return }
        connection.add(
            LeaseSQL.progress, .integers(changes.map(\.run.job)), .integers(changes.map(\.run.run)),
            .integers(changes.map { Int64($0.note.jobState.number) }),
            .integers(changes.map { Int64($0.note.phase.number) }), .integers(changes.map(\.note.bytesReceived)),
            .integers(changes.map(\.note.bytesTotal)))
        for change in changes { effects.countJob(from: change.run.state, to: change.note.jobState) }
    }

    /// Records or forgets checkpoints (``JobStore/recordCheckpoints(_:)``).
    func recordCheckpoints(_ notes: [CheckpointNote]) throws -> [LeaseVerdict] {
        let found = lockRuns(notes.map(\.job))
        try start()
        let runs = try heldRuns(found)
        return notes.map { note in
            guard let run = runs[note.job]?.stored, run.holds(note.lease, at: now) else { return .leaseLost }
            let key = run.objectKey(lease: note.lease)
            if let checkpoint = note.checkpoint {
                rows.intents.keep(checkpoint, under: key, of: run.seq, at: now)
            } else {
                rows.intents.forget(of: run.seq, sweepAt: now, except: key)
            }
            return .recorded
        }
    }
}

/// The statements that keep leases.
enum LeaseSQL {
    static let lock = SQL(
        """
        SELECT r.lease, r.job, r.run, r.state FROM unnest($1::uuid[], $2::uuid[]) v (id, lease)
        JOIN jobs j ON j.id = v.id JOIN runs r ON r.job = j.seq AND \(HeldRun.isCurrent)
        WHERE r.lease = v.lease AND r.lease_until > \(ServerClock.plus("$3"))
        ORDER BY r.job FOR UPDATE OF r
        """)
    static let renew = SQL(
        """
        UPDATE runs r SET lease_until = $3, lease_length = $4 FROM unnest($1::bigint[], $2::bigint[]) v (job, run)
        WHERE r.job = v.job AND r.run = v.run
        """)
    static let progress = SQL(
        """
        UPDATE runs r SET state = v.state, phase = v.phase, bytes_received = v.received,
          bytes_total = coalesce(v.total, r.bytes_total)
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
          v (job, run, state, phase, received, total)
        WHERE r.job = v.job AND r.run = v.run
        """)
}
