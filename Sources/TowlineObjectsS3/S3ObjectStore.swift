package import Logging
import NIOCore
package import TowlineCore
package import TowlineObjects
package import TowlineOutbound

/// Objects in a bucket of an S3-compatible store.
///
/// Each key has one writer, so that nothing is ever overwritten by another; what a store may forget in between is found
/// by exactly that key, never by looking through a bucket. Design: docs/proposals/0007-s3-objects.md.
package final class S3ObjectStore: ResumableObjectStore {
    /// Keys that are removed at a time.
    private static let removalsAtOnce = 8

    private let client: S3Client
    private let budget: PartBudget
    private let plan: PartPlan
    private let logger: Logger

    /// A store over a bucket; nothing is called before it is used.
    ///
    /// - Parameters:
    ///   - location: The bucket, and how it is reached.
    ///   - credentials: Who asks.
    ///   - caller: Makes the calls; its policy must allow the endpoint.
    ///   - budget: The memory of all parts.
    ///   - retry: How often a call is tried.
    ///   - clock: Waits between tries.
    ///   - wallClock: Dates signatures.
    ///   - random: From 0 up to 1, for the waits.
    ///   - logger: Is told about repeated calls at debug level.
    package init(
        location: S3Location, credentials: S3Credentials, caller: any OutboundCaller, budget: PartBudget = PartBudget(),
        retry: S3RetryRule = S3RetryRule(), clock: any MonotonicClock = SystemMonotonicClock(),
        wallClock: @escaping @Sendable () -> Timestamp,
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }, logger: Logger
    ) {
        client = S3Client(
            location: location, credentials: credentials, caller: caller, retry: retry, clock: clock,
            wallClock: wallClock, random: random, logger: logger)
        self.budget = budget
        plan = PartPlan(most: budget.largestPart)
        self.logger = logger
    }

    package func beginUpload(_ key: ObjectKey) async throws -> any ObjectUpload { upload(key) }

    package func beginResumableUpload(_ key: ObjectKey) async throws -> any ResumableUpload { upload(key) }

    private func upload(_ key: ObjectKey, beginning: S3Upload.Beginning? = nil) -> S3Upload {
        S3Upload(
            client: client, key: client.location.key(key), budget: budget, plan: plan, beginning: beginning)
    }

    package func remove(_ keys: [ObjectKey]) async throws -> [ObjectKey] {
        var removed: [ObjectKey] = []
        var failure: S3Failure?
        await withTaskGroup(of: (ObjectKey, S3Failure?).self) { [self] group in
            var rest = keys[...]
            func next(_ group: inout TaskGroup<(ObjectKey, S3Failure?)>) {
                guard let key = rest.popFirst() else { return }
                group.addTask { (key, await self.remove(self.client.location.key(key))) }
            }
            for _ in 0..<Self.removalsAtOnce { next(&group) }
            for await (key, error) in group {
                if let error { failure = error } else { removed.append(key) }
                next(&group)
            }
        }
        if let failure, removed.isEmpty { throw failure.objectStoreError }
        return removed
    }

    private func remove(_ key: String) async -> S3Failure? {
        do throws(S3Failure) {
            // Unfinished uploads first: one that is completed in between leaves an object, which goes then.
            for upload in try await client.uploads(under: key) { try await client.abort(upload) }
            try await client.delete(key)
            return nil
        } catch {
            return error
        }
    }

    package func checkReadiness() async throws {
        try await translated { () throws(S3Failure) in try await self.client.probe() }
    }
}

// MARK: - Taking over

extension S3ObjectStore {
    /// Copies what is there, within the store.
    ///
    /// A multipart upload cannot change its key, and its parts cannot be copied. So what is there becomes an object under
    /// the old key, and the store copies its bytes into an upload under the new one.
    package func takeOver(
        _ keys: [ObjectKey], as key: ObjectKey, prefix: StoredPrefix
    ) async throws -> (any ResumableUpload)? {
        do throws(S3Failure) {
            for old in keys where old != key {
                guard let source = try await source(client.location.key(old), bytes: prefix.bytes) else { continue }
                guard let beginning = try await begin(client.location.key(key), from: source, prefix) else { continue }
                return upload(key, beginning: beginning)
            }
            return nil
        } catch {
            // A store that cannot do it, or where it is gone meanwhile: the whole is fetched again.
            guard ![.missing, .changed, .other].contains(error.kind) || error.code == "NoSuchBucket" else {
                logger.notice("what an attempt left cannot be gone on with", metadata: ["error": "\(error.message)"])
                return nil
            }
            throw error.objectStoreError
        }
    }

    /// The object under an old key that has so many bytes; made of an unfinished upload where need be.
    private func source(_ key: String, bytes: Int64) async throws(S3Failure) -> S3Client.Found? {
        if let object = try await client.head(key), object.bytes >= bytes { return object }
        var candidates: [(upload: S3Documents.Upload, parts: [S3Documents.Part])] = []
        for upload in try await client.uploads(under: key) {
            do throws(S3Failure) {
                if let parts = Self.beginning(try await client.parts(of: upload), bytes: bytes) {
                    candidates.append((upload, parts))
                }
            } catch  where error.code == "NoSuchUpload" { continue }
        }
        // Of two nobody can tell which one was written down.
        guard candidates.count == 1, let (upload, parts) = candidates.first else { return nil }
        try await client.complete(upload, parts)
        let object = try await client.head(key)
        return object?.bytes == parts.reduce(0) { $0 + $1.bytes } ? object : nil
    }

    /// The first parts, without a gap, that have so many bytes together.
    static func beginning(_ parts: [S3Documents.Part], bytes: Int64) -> [S3Documents.Part]? {
        var sum: Int64 = 0
        var taken: [S3Documents.Part] = []
        for (index, part) in parts.enumerated() where sum < bytes {
            guard part.number == index + 1 else { return nil }
            taken.append(part)
            sum += part.bytes
        }
        return sum >= bytes && !taken.isEmpty ? taken : nil
    }

    private func begin(
        _ key: String, from source: S3Client.Found, _ prefix: StoredPrefix
    ) async throws(S3Failure) -> S3Upload.Beginning? {
        guard prefix.bytes >= PartPlan.smallest else { return try await reload(key, from: source, prefix) }
        let (id, isAmbiguous) = try await client.begin(key)
        let upload = S3Documents.Upload(key: key, id: id)
        do throws(S3Failure) {
            var parts: [S3Documents.Part] = []
            for (index, range) in PartPlan.copies(of: prefix.bytes).enumerated() {
                parts.append(try await client.copy(part: index + 1, of: upload, from: source, range))
            }
            return S3Upload.Beginning(
                source: source, prefix: prefix, upload: upload, parts: parts, isAmbiguous: isAmbiguous)
        } catch {
            let client = client
            await Task { try? await client.abort(upload, isTriedOnce: true) }.value
            throw error
        }
    }

    /// Takes bytes that are too few for a part into memory, and leaves them under the new key as well.
    private func reload(
        _ key: String, from source: S3Client.Found, _ prefix: StoredPrefix
    ) async throws(S3Failure) -> S3Upload.Beginning? {
        var bytes = try await client.bytes(of: source, 0..<prefix.bytes)
        var digest = CRC64()
        digest.update(bytes)
        guard digest.value == prefix.crc64 else { return nil }
        let memory = PartMemory(budget: budget)
        do {
            try await memory.fill(from: &bytes, upTo: Int(prefix.bytes))
        } catch {
            throw S3Failure(.cancelled, "cancelled")
        }
        try await client.put(key, memory.pieces)
        return S3Upload.Beginning(source: source, prefix: prefix, memory: memory)
    }
}
