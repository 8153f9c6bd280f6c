import NIOCore
import TowlineCore
import TowlineObjects
import TowlineStore

extension PullTransfer {
    /// How much is read back at once to check what an earlier attempt left.
    private static let readBackBytes = 256 << 10

    /// Takes over what earlier attempts left, if it is there and is what was recorded.
    mutating func resume() async throws {
        if let point = claim.resume { try await resume(from: point) }
        // Not before: who is interrupted until here leaves what there was.
        hasResumed = true
    }

    private mutating func resume(from point: ResumePoint) async throws {
        let checkpoint = point.checkpoint
        guard let objects = objects as? any ResumableObjectStore,
            let upload = try await objects.takeOver(
                point.keys, as: claim.objectKey,
                prefix: StoredPrefix(bytes: checkpoint.bytes, crc64: checkpoint.crc64))
        else { return try await ledger.forget() }
        let digest: ContentDigest
        do {
            digest = try await readBack(upload, checkpoint)
        } catch {
            await upload.leave()
            throw error
        }
        guard digest.crc64.value == checkpoint.crc64 else {
            try await ledger.forget()
            return await upload.abort()
        }
        sink.goOn(with: upload, digest: digest)
        track = SourceTrack(checkpoint)
        plan = CheckpointPlan(
            bytes: configuration.checkpointBytes, time: configuration.checkpointTime, recorded: checkpoint.bytes,
            now: clock.elapsed)
        progress.place(at: checkpoint.bytes)
        recorder.note { $0.resumedAt = checkpoint.bytes }
        try await ledger.record(checkpoint)
    }

    /// Reads back what an earlier attempt left: what counts is what is stored.
    ///
    /// Where the store vouches for it, it is read for the digests alone that need every byte.
    private func readBack(
        _ upload: any ResumableUpload, _ checkpoint: TransferCheckpoint
    ) async throws -> ContentDigest {
        var digest = ContentDigest(for: expected)
        if upload.isVerified, !digest.needsOrder {
            digest.skip(to: CRC64(checkpoint.crc64))
            return digest
        }
        var offset: Int64 = 0
        while offset < checkpoint.bytes {
            try Task.checkCancellation()
            let bytes = try await upload.read(
                at: offset, count: Int(min(Int64(Self.readBackBytes), checkpoint.bytes - offset)))
            guard bytes.readableBytes > 0 else { break }
            digest.update(bytes)
            offset += Int64(bytes.readableBytes)
        }
        return digest
    }

    /// Keeps the checkpoints going.
    mutating func writeDown(now: Duration) async throws {
        guard track.version != nil, let upload = sink.resumable else { return }
        if let entry, entry.isOver.isSet { try await settle() }
        var step = plan.step(position: track.position, now: now)
        if step == .wait {
            try await settle()
            step = plan.step(position: track.position, now: now)
        }
        guard step == .begin, let checkpoint else { return }
        plan.begin(position: track.position, now: now)
        entry = ledger.begin(checkpoint, of: upload)
    }

    /// Keeps the checkpoints going while pieces come: what counts is the beginning without a gap.
    mutating func writeDown(_ pieces: PiecePlan, of upload: any ResumableUpload, now: Duration) async throws {
        if let entry, entry.isOver.isSet { try await settle() }
        guard let version = track.version, plan.step(position: pieces.prefix, now: now) == .begin else { return }
        let checkpoint = TransferCheckpoint(
            version: version, bytes: pieces.prefix, crc64: pieces.crc64.value, source: sources.current.index)
        plan.begin(position: pieces.prefix, now: now)
        entry = ledger.begin(checkpoint, of: upload)
    }

    /// Waits for the checkpoint that was begun.
    mutating func settle() async throws {
        guard let entry else { return }
        self.entry = nil
        do {
            plan.end(recorded: try await entry.work.value)
        } catch {
            plan.end()
            throw error
        }
    }
}
