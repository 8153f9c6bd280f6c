package import TowlineCore

/// How a job's attempts, checkpoint and digests are read and written.
extension JobRows {
    /// Columns of a query over `job_attempts`.
    package static let attemptColumns = """
        run, number, node, started_at, duration_us, address, http_status, bytes_received, redirects, failure_code, \
        failure_message, recording
        """

    /// Reads ``attemptColumns``.
    package static func attempt(_ row: borrowing some StoredRow & ~Copyable) throws -> JobAttempt {
        var record = JobAttemptRecord()
        record.duration = .microseconds(row.integer(4))
        record.address = row.optionalText(5)
        record.httpStatus = row.optionalInt(6)
        record.bytesReceived = row.integer(7)
        if let text = row.optionalText(8), let redirects = try? JSONParser.parse(text) {
            record.redirects = redirects.elements?.compactMap(\.string) ?? []
        }
        record.failure = failure(code: row.optionalText(9), message: row.optionalText(10))
        if let text = row.optionalText(11), let recording = try? JSONParser.parse(text) {
            record.recording = AttemptRecording(json: recording)
        }
        return JobAttempt(
            run: row.int(0), number: row.int(1), node: NodeID(row.text(2)), startedAt: row.time(3), record: record)
    }

    /// The redirects of an attempt as their column holds them; nil without any.
    package static func redirects(of record: JobAttemptRecord) -> String? {
        record.redirects.isEmpty ? nil : JSONValue.array(record.redirects.map { .string($0) }).compactText
    }

    /// The recording of an attempt as its column holds it.
    package static func recording(of record: JobAttemptRecord) -> String? { record.recording?.json.compactText }

    /// Columns of a query over `job_checkpoints c`.
    package static let checkpointColumns = "c.validator, c.bytes_total, c.bytes, c.crc64, c.source"

    /// Reads ``checkpointColumns``, which begin at a column.
    package static func checkpoint(
        _ row: borrowing some StoredRow & ~Copyable, at first: Int = 0
    ) -> TransferCheckpoint {
        TransferCheckpoint(
            version: SourceVersion(validator: row.text(first), total: row.optionalInteger(first + 1)),
            bytes: row.integer(first + 2), crc64: UInt64(bitPattern: row.integer(first + 3)),
            source: row.int(first + 4))
    }

    /// Columns of a query over `media`.
    package static let digestColumns = "crc64, sha256, md5"

    /// Reads ``digestColumns``; nil for media of earlier versions.
    package static func digests(_ row: borrowing some StoredRow & ~Copyable) -> ContentDigests? {
        row.optionalInteger(0).map {
            ContentDigests(crc64: UInt64(bitPattern: $0), sha256: row.optionalText(1), md5: row.optionalText(2))
        }
    }

    /// What a job's header fields are sealed for.
    package static func headersPurpose(_ job: JobID) -> String { "source-headers:\(job)" }

    /// The header fields of a request, sealed for its job; nil without any.
    package static func sealed(_ headers: [SourceHeader], of job: JobID, with box: SecretBox) throws -> [UInt8]? {
        try SourceHeader.text(of: headers).map { try box.seal($0, for: headersPurpose(job)) }
    }
}

extension StoredRun {
    /// The job as it stands after a claim, with the header fields of its request.
    ///
    /// Those that do not open are left out: the source then refuses, and the lane goes on.
    package func claimed(openingWith box: SecretBox) -> Job {
        var request = job.request
        if let sealedHeaders, let text = try? box.open(sealedHeaders, for: JobRows.headersPurpose(job.id)) {
            request.headers = SourceHeader.list(from: text)
        }
        return Job(
            id: job.id, account: job.account, app: job.app, media: job.media, request: request, run: job.run,
            state: .pulling, phase: .starting, attempts: job.attempts + 1, failure: job.failure, bytesReceived: 0,
            bytesTotal: job.bytesTotal, objectKey: job.objectKey, createdAt: job.createdAt,
            runStartedAt: job.runStartedAt, endedAt: job.endedAt)
    }

    /// The job as it stands when its next run begins.
    package func restarted(at now: Timestamp) -> Job {
        Job(
            id: job.id, account: job.account, app: job.app, media: job.media, request: job.request, run: job.run + 1,
            state: .pending, phase: .starting, attempts: 0, failure: nil, bytesReceived: 0, bytesTotal: nil,
            objectKey: nil, createdAt: job.createdAt, runStartedAt: now, endedAt: nil)
    }
}

extension Job {
    /// A job that begins.
    package init(
        id: JobID, account: AccountID, app: AppID, media: MediaID, request: PullRequest, acceptedAt now: Timestamp
    ) {
        self.init(
            id: id, account: account, app: app, media: media, request: request, run: 1, state: .pending,
            phase: .starting, attempts: 0, failure: nil, bytesReceived: 0, bytesTotal: nil, objectKey: nil,
            createdAt: now, runStartedAt: now, endedAt: nil)
    }
}

extension JobProgress {
    /// The state of a job whose attempt is in this phase.
    package var jobState: JobState {
        switch phase {
        case .starting, .downloading: .pulling
        case .downloaded, .uploading: .storing
        }
    }
}
