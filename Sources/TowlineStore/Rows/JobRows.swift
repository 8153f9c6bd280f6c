package import TowlineCore

/// How jobs are read: the same columns, in the same order, in every query that gives a whole job.
package enum JobRows {
    /// Columns 0 to 25 of a query over `jobs j JOIN runs r`.
    package static let columns = """
        j.id, j.account_id, j.app, j.media, j.origin, j.source_url, j.display_url, j.title, j.file_extension, \
        j.metadata, j.user_data, j.extend, j.callback_url, j.priority, j.created_at, \
        r.run, r.state, r.phase, r.attempts, r.failure_code, r.failure_message, r.bytes_received, r.bytes_total, \
        r.started_at, r.ended_at, \
        (SELECT m.object_key FROM media m WHERE m.id = j.media)
        """

    /// The first column after ``columns``.
    package static let end = 26

    /// Reads a job whose columns begin at the first.
    package static func read(_ row: borrowing some StoredRow & ~Copyable) throws -> Job {
        Job(
            id: try row.id(0),
            account: AccountID(row.text(1)),
            app: AppID(row.text(2)),
            media: try row.id(3),
            request: try request(row),
            run: row.int(15),
            state: try JobState(number: row.int(16)),
            phase: try PullPhase(number: row.int(17)),
            attempts: row.int(18),
            failure: failure(code: row.optionalText(19), message: row.optionalText(20)),
            bytesReceived: row.integer(21),
            bytesTotal: row.optionalInteger(22),
            objectKey: row.optionalText(25).map { ObjectKey($0) },
            createdAt: row.time(14),
            runStartedAt: row.time(23),
            endedAt: row.optionalTime(24)
        )
    }

    private static func request(_ row: borrowing some StoredRow & ~Copyable) throws -> PullRequest {
        let sourceURL = row.text(5)
        return PullRequest(
            sourceURL: sourceURL,
            displayURL: row.optionalText(6) ?? sourceURL,
            origin: row.text(4),
            metadata: metadata(title: row.text(7), fileExtension: row.optionalText(8), rest: row.optionalText(9)),
            userData: row.optionalText(10),
            extend: row.optionalText(11),
            callback: row.optionalText(12).map { CallbackTarget(text: $0) },
            priority: row.int(13)
        )
    }

    /// Puts metadata together again; the rest is JSON and missing where the other fields are empty.
    private static func metadata(title: String, fileExtension: String?, rest: String?) -> MediaMetadata {
        var metadata = MediaMetadata()
        if let rest {
            // A row that cannot be read must not keep its lane from being claimed.
            if let json = try? JSONParser.parse(rest) { metadata = MediaMetadata(json: json) }
        }
        metadata.title = title
        metadata.fileExtension = fileExtension
        return metadata
    }

    /// The metadata fields that have no column, as JSON; nil when they are all empty.
    package static func rest(of metadata: MediaMetadata) -> String? {
        var rest = metadata
        rest.title = ""
        rest.fileExtension = nil
        return rest == MediaMetadata() ? nil : rest.json.compactText
    }

    /// A failure from its columns; a code of another version reads as an internal error.
    package static func failure(code: String?, message: String?) -> JobFailure? {
        code.map { JobFailure(FailureCode(rawValue: $0) ?? .internalError, message ?? "") }
    }

    /// The number under which jobs of an account with a source URL are found: FNV-1a, the same on every machine.
    package static func sourceHash(account: AccountID, url: String) -> Int64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in account.description.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash = (hash ^ 0x0A) &* 0x100_0000_01B3
        for byte in url.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Int64(bitPattern: hash)
    }
}

/// A job with its current run as the writer sees it.
package struct StoredRun {
    /// The job's row.
    package let seq: Int64
    package let job: Job
    package let lane: Int64
    package let lease: LeaseToken?
    package let leaseUntil: Timestamp?
    package let leaseLength: Duration
    package let node: NodeID
    package let attemptStartedAt: Timestamp
    package let fruitless: Int
    /// The header fields of its request, sealed.
    package let sealedHeaders: [UInt8]?

    /// The columns after ``JobRows/columns``.
    package static let columns = """
        j.seq, r.lane_id, r.lease, r.lease_until, r.lease_length, r.node, r.attempt_started_at, r.fruitless, \
        j.sealed_headers
        """

    /// Reads the columns of ``JobRows/columns`` and ``columns``.
    package init(_ row: borrowing some StoredRow & ~Copyable) throws {
        let first = JobRows.end
        job = try JobRows.read(row)
        seq = row.integer(first)
        lane = row.integer(first + 1)
        lease = try row.optionalID(first + 2)
        leaseUntil = row.optionalTime(first + 3)
        leaseLength = .milliseconds(row.integer(first + 4))
        node = NodeID(row.text(first + 5))
        attemptStartedAt = row.time(first + 6)
        fruitless = row.int(first + 7)
        sealedHeaders = row.optionalBlob(first + 8)
    }

    /// Whether a token is the one of the running attempt and its time has not run out.
    package func holds(_ token: LeaseToken, at now: Timestamp) -> Bool {
        lease == token && leaseUntil.map { now < $0 } == true
    }

    /// The key that an attempt of this job with a lease writes to.
    package func objectKey(lease: LeaseToken) -> ObjectKey {
        ObjectKey(media: job.media, lease: lease, fileExtension: job.request.metadata.fileExtension)
    }
}
