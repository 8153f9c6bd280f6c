import NIOCore
import Synchronization
import TowlineCore
import TowlineObjects

/// One object on its way into a bucket.
///
/// What fits into one part is one `PutObject` at the end. More goes as parts while it comes, at most two on their way; the
/// memory of each comes from the budget that all uploads share. Nothing here is undone by a cancelled task: what was begun
/// ends, so that what is left can be gone on with.
final class S3Upload: ResumableUpload {
    /// Parts on their way at a time.
    private static let mostInFlight = 2
    /// How much is read at a time for what is read back.
    private static let readAheadBytes = 2 << 20

    /// A part on its way.
    private struct Flight {
        /// The object up to the end of the part.
        let prefix: StoredPrefix
        let task: Task<S3Documents.Part, any Error>
    }

    private struct State {
        var written: Int64 = 0
        var digest = CRC64()
        /// The part that fills.
        var filling: PartMemory?
        var upload: S3Documents.Upload?
        /// Whether there may be an upload under the key that nobody knows.
        var isAmbiguous = false
        /// Whether the key may hold an object: a beginning.
        var hasObject = false
        /// What the store has acknowledged, in order.
        var parts: [S3Documents.Part] = []
        /// What these parts, or the object under the key, hold.
        var durable = StoredPrefix(bytes: 0, crc64: 0)
        var flights: [Flight] = []
    }

    /// What an upload begins with that goes on with another's bytes.
    struct Beginning {
        /// Where they are; read from there.
        var source: S3Client.Found
        var prefix: StoredPrefix
        /// The upload that has them as parts.
        var upload: S3Documents.Upload?
        var parts: [S3Documents.Part] = []
        /// Fewer bytes than a part may have, which are an object under the new key too.
        var memory: PartMemory?
        var isAmbiguous = false
    }

    private let client: S3Client
    private let key: String
    private let budget: PartBudget
    private let plan: PartPlan
    private let beginning: Beginning?
    private let state: Mutex<State>
    private let readAhead = Mutex<(offset: Int64, bytes: ByteBuffer)>((0, ByteBuffer()))

    init(client: S3Client, key: String, budget: PartBudget, plan: PartPlan, beginning: Beginning? = nil) {
        self.client = client
        self.key = key
        self.budget = budget
        self.plan = plan
        self.beginning = beginning
        var state = State()
        if let beginning {
            state.written = beginning.prefix.bytes
            state.digest = CRC64(beginning.prefix.crc64)
            state.durable = beginning.prefix
            state.upload = beginning.upload
            state.parts = beginning.parts
            state.filling = beginning.memory
            state.hasObject = beginning.memory != nil
            state.isAmbiguous = beginning.isAmbiguous
        }
        self.state = Mutex(state)
    }

    /// Parts came with a digest that the store checked, and are copied only while the entity tag is the same.
    var isVerified: Bool { beginning != nil }

    // MARK: Writing

    func write(_ bytes: ByteBuffer) async throws {
        var rest = bytes
        while rest.readableBytes > 0 {
            let (part, limit) = try await partToFill()
            var taken = rest
            defer {
                taken.moveWriterIndex(to: rest.readerIndex)
                note(taken)
            }
            try await part.fill(from: &rest, upTo: limit)
        }
    }

    func sync(isLast: Bool) async throws -> StoredPrefix? {
        if isLast { return try await unhurried { try await self.flush() } }
        let (flights, durable) = state.withLock { ($0.flights, $0.durable) }
        for flight in flights { _ = try await flight.task.value }
        return flights.last?.prefix ?? durable
    }

    func finish() async throws {
        guard let upload = state.withLock({ $0.upload }) else {
            try await putWhole()
            return release()
        }
        try await sendRest()
        let (parts, written, isAmbiguous) = state.withLock { ($0.parts, $0.written, $0.isAmbiguous) }
        guard parts.reduce(0, { $0 + $1.bytes }) == written else {
            throw ObjectStoreError(.unavailable, "the parts of an upload are not as long as what was written")
        }
        try await translated { () throws(S3Failure) in try await self.client.complete(upload, parts) }
        release()
        // The key is chosen from now on, so that nothing else looks for what is left under it.
        if isAmbiguous { for other in (try? await client.uploads(under: key)) ?? [] { try? await client.abort(other) } }
    }

    func restart() async throws {
        await land()
        let (upload, hasObject) = state.withLock { ($0.upload, $0.hasObject) }
        // Both must be gone before other bytes come: a later attempt could not tell them apart.
        try await translated { () throws(S3Failure) in
            if let upload { try await self.client.abort(upload) }
            if hasObject { try await self.client.delete(self.key) }
        }
        release()
        state.withLock { state in
            let isAmbiguous = state.isAmbiguous
            state = State()
            state.isAmbiguous = isAmbiguous
        }
    }

    func leave() async {
        try? await unhurried {
            await self.land()
            self.release()
        }
    }

    func abort() async {
        try? await unhurried {
            await self.land()
            self.release()
            let (upload, hasObject) = self.state.withLock { ($0.upload, $0.hasObject) }
            // What fails here is removed from the intent row of the key.
            if let upload { try? await self.client.abort(upload, isTriedOnce: true) }
            if hasObject { try? await self.client.delete(self.key, isTriedOnce: true) }
        }
    }

    // MARK: Reading back

    func read(at offset: Int64, count: Int) async throws -> ByteBuffer {
        guard let beginning, offset < beginning.prefix.bytes else {
            throw ObjectStoreError(.unavailable, "the parts of an unfinished upload cannot be read")
        }
        let known = readAhead.withLock { $0 }
        let end = min(offset + Int64(count), beginning.prefix.bytes)
        let start = Int(offset - known.offset)
        if start >= 0, start < known.bytes.readableBytes {
            let length = min(Int(end - offset), known.bytes.readableBytes - start)
            return known.bytes.getSlice(at: known.bytes.readerIndex + start, length: length) ?? ByteBuffer()
        }
        let range = offset..<min(max(end, offset + Int64(Self.readAheadBytes)), beginning.prefix.bytes)
        let bytes = try await translated { () throws(S3Failure) in
            try await self.client.bytes(of: beginning.source, range)
        }
        readAhead.withLock { $0 = (offset, bytes) }
        return bytes.getSlice(at: bytes.readerIndex, length: min(Int(end - offset), bytes.readableBytes))
            ?? ByteBuffer()
    }

    // MARK: Parts

    /// The part that has room; a full one is sent first.
    private func partToFill() async throws -> (PartMemory, Int) {
        let (filling, limit) = try current()
        if let filling {
            guard filling.bytes >= limit else { return (filling, limit) }
            try await send(filling)
        }
        let part = PartMemory(budget: budget)
        state.withLock { $0.filling = part }
        return (part, try current().limit)
    }

    private func current() throws -> (filling: PartMemory?, limit: Int) {
        let (filling, number) = state.withLock { ($0.filling, $0.parts.count + $0.flights.count + 1) }
        guard let limit = plan.size(of: number) else {
            throw ObjectStoreError(
                .unavailable,
                "an object of more than \(plan.mostBytes) bytes needs larger parts: raise objects.part-memory-bytes")
        }
        return (filling, limit)
    }

    private func note(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0 else { return }
        state.withLock { state in
            state.digest.update(bytes)
            state.written += Int64(bytes.readableBytes)
        }
    }

    /// Sends the part that fills; it is the last but for those that follow.
    private func send(_ part: PartMemory) async throws {
        while state.withLock({ $0.flights.count }) >= Self.mostInFlight { try await acknowledgeOldest() }
        let upload = try await openUpload()
        let number = state.withLock { $0.parts.count + $0.flights.count + 1 }
        let task = Task { [client] in
            defer { part.release() }
            return try await translated { () throws(S3Failure) in
                try await client.send(part: number, of: upload, part.pieces)
            }
        }
        state.withLock { state in
            state.filling = nil
            state.flights.append(
                Flight(prefix: StoredPrefix(bytes: state.written, crc64: state.digest.value), task: task))
        }
    }

    private func acknowledgeOldest() async throws {
        guard let flight = state.withLock({ $0.flights.first }) else { return }
        let part = try await flight.task.value
        state.withLock { state in
            state.flights.removeFirst()
            state.parts.append(part)
            state.durable = flight.prefix
        }
    }

    private func openUpload() async throws -> S3Documents.Upload {
        if let upload = state.withLock({ $0.upload }) { return upload }
        let (id, isAmbiguous) = try await translated { () throws(S3Failure) in try await self.client.begin(self.key) }
        let upload = S3Documents.Upload(key: key, id: id)
        state.withLock {
            $0.upload = upload
            $0.isAmbiguous = $0.isAmbiguous || isAmbiguous
        }
        return upload
    }

    /// Sends what is left, as the last part, and waits for all.
    private func sendRest() async throws {
        if let part = state.withLock({ $0.filling }), part.bytes > 0 { try await send(part) }
        while state.withLock({ !$0.flights.isEmpty }) { try await acknowledgeOldest() }
    }

    /// Makes all that was written durable: as parts where there are some, or as an object that is a beginning.
    private func flush() async throws -> StoredPrefix {
        if state.withLock({ $0.upload }) != nil {
            try await sendRest()
        } else if state.withLock({ $0.durable.bytes < $0.written }) {
            try await putWhole()
            state.withLock { $0.durable = StoredPrefix(bytes: $0.written, crc64: $0.digest.value) }
        }
        return state.withLock { $0.durable }
    }

    private func putWhole() async throws {
        let pieces = state.withLock { state in
            state.hasObject = true
            return state.filling?.pieces ?? []
        }
        try await translated { () throws(S3Failure) in try await self.client.put(self.key, pieces) }
    }

    /// Ends what is on its way, whatever becomes of it.
    private func land() async {
        let flights = state.withLock { $0.flights }
        for flight in flights { flight.task.cancel() }
        for flight in flights { _ = try? await flight.task.value }
    }

    private func release() {
        let filling = state.withLock { state in
            defer { state.filling = nil }
            return state.filling
        }
        filling?.release()
    }

    /// Runs work to its end also where the caller's task is cancelled.
    private func unhurried<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await Task { try await body() }.value
    }
}

/// Turns the failures of a client into what callers of an object store know.
func translated<Result>(
    isolation: isolated (any Actor)? = #isolation, _ body: () async throws(S3Failure) -> Result
) async throws -> Result {
    do {
        return try await body()
    } catch {
        throw error.objectStoreError
    }
}
