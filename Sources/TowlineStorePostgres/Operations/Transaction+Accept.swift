import TowlineCore
import TowlineStore

extension Transaction {
    /// Accepts the jobs of some calls (``JobStore/accept(_:)``); each call is accepted or refused by itself.
    func accept(_ submissions: [JobSubmission]) throws -> [Result<[Job], StoreError>] {
        let marks = addChecks(nonces: submissions.map(\.nonce), sessions: submissions)
        let keys = Set(
            submissions.flatMap { submission in
                submission.requests.map { PullLaneKey(account: submission.account, origin: $0.origin) }
            })
        let generation = laneCache.generation
        var lanes = laneCache.lanes(keys.map(\.hash))
        let unknown = keys.filter { lanes[$0.hash] == nil }
        let found = unknown.isEmpty ? nil : findLanes(.pull, unknown.map(\.hash))
        let numbers = connection.add(AcceptSQL.numbers, .integer(submissions.reduce(0) { $0 + $1.requests.count }))
        try start()
        if let found {
            let stored = try self.lanes(found)
            laneCache.remember(stored, askedIn: generation)
            lanes.merge(stored) { $1 }
        }
        let refusals = try refusals(of: submissions, marks)
        let missing = keys.filter { lanes[$0.hash] == nil }
        if !missing.isEmpty { lanes.merge(try makePullLanes(Array(missing))) { $1 } }
        let accepted = zip(submissions, refusals).filter { $0.1 == nil }.map(\.0)
        try use(nonces: accepted.map(\.nonce), sessions: accepted)
        return try insert(
            submissions, refusals: refusals, lanes: lanes, numbers: try numbers.result().map { $0.integer(0) })
    }

    private func insert(
        _ submissions: [JobSubmission], refusals: [StoreError?], lanes: [UInt128: Lane], numbers: [Int64]
    ) throws -> [Result<[Job], StoreError>] {
        var rows: [(seq: Int64, job: Job, lane: Lane)] = []
        let results = try zip(submissions, refusals).map { submission, refusal -> Result<[Job], StoreError> in
            if let refusal { return .failure(refusal) }
            return .success(
                try submission.requests.map { request in
                    let job = Job(
                        id: newID(), account: submission.account, app: submission.app, media: newID(),
                        request: request, acceptedAt: now)
                    let key = PullLaneKey(account: submission.account, origin: request.origin)
                    guard let lane = lanes[key.hash], rows.count < numbers.count else {
                        throw StoreError(.corrupted, "the database lacks the lane of \(request.origin)")
                    }
                    rows.append((numbers[rows.count], job, lane))
                    return job
                })
        }
        guard !rows.isEmpty else { return results }
        try insertJobs(rows)
        insertRuns(rows.map { (seq: $0.seq, run: 1, lane: $0.lane, request: $0.job.request) })
        return results
    }

    private func insertJobs(_ rows: [(seq: Int64, job: Job, lane: Lane)]) throws {
        let requests = rows.map(\.job.request)
        connection.add(
            AcceptSQL.insertJobs, .integers(rows.map(\.seq)), .ids(rows.map(\.job.id)),
            .texts(rows.map(\.job.account.description)), .texts(rows.map(\.job.app.description)),
            .ids(rows.map(\.job.media)), .integers(rows.map(\.lane.id)),
            .integers(requests.map { Int64($0.priority) }), .texts(requests.map(\.origin)),
            .texts(requests.map(\.sourceURL)),
            .integers(rows.map { JobRows.sourceHash(account: $0.job.account, url: $0.job.request.sourceURL) }),
            .texts(requests.map { $0.displayURL == $0.sourceURL ? nil : $0.displayURL }),
            .texts(requests.map(\.metadata.title)), .texts(requests.map(\.metadata.fileExtension)),
            .texts(requests.map { JobRows.rest(of: $0.metadata) }), .texts(requests.map(\.userData)),
            .texts(requests.map(\.extend)), .texts(requests.map { $0.callback?.text }),
            .blobs(
                try rows.map {
                    try JobRows.sealed($0.job.request.headers, of: $0.job.id, with: settings.secretBox)
                }), .time(now))
    }

    /// Adds runs that are claimable at once.
    func insertRuns(_ runs: [(seq: Int64, run: Int, lane: Lane, request: PullRequest)]) {
        connection.add(
            AcceptSQL.insertRuns, .integers(runs.map(\.seq)), .integers(runs.map { Int64($0.run) }),
            .integers(runs.map(\.lane.id)), .integers(runs.map { Int64($0.request.level) }),
            .integers(
                runs.map { run in run.request.metadata.expireSeconds.map { (now + .seconds($0)).milliseconds } }),
            .time(now))
        for run in runs {
            effects.countJob(to: .pending)
            lanes.wake(run.lane, kind: .pull, due: now, at: now, level: run.request.level)
        }
    }
}

extension PullRequest {
    /// The priority as one of the ten levels of a lane.
    var level: Int { min(max(priority, 1), 10) }
}

/// The statements that accept jobs.
enum AcceptSQL {
    static let numbers = SQL("SELECT nextval('job_numbers') FROM generate_series(1, $1)")
    static let insertJobs = SQL(
        """
        INSERT INTO jobs (
          seq, id, account_id, app, media, lane_id, priority, origin, source_url, source_hash, display_url, title,
          file_extension, metadata, user_data, extend, callback_url, sealed_headers, created_at)
        SELECT v.*, $19 FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::bigint[],
          $7::bigint[], $8::text[], $9::text[], $10::bigint[], $11::text[], $12::text[], $13::text[], $14::text[],
          $15::text[], $16::text[], $17::text[], $18::bytea[]) v
        """)
    static let insertRuns = SQL(
        """
        INSERT INTO runs (job, run, lane_id, level, expires_at, waiting, due, started_at)
        SELECT v.*, 1, $6, $6 FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) v
        """)
}
