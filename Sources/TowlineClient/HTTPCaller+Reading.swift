import AsyncHTTPClient
import NIOCore

extension HTTPCaller {
    /// How the reading of a body ended.
    enum BodyEnd: Sendable {
        /// With its last byte.
        case whole
        /// With the last byte that the limit allows; there may be more.
        case cut
        /// With the deadline.
        case late
        /// With an error.
        case broken(any Error)
    }

    /// Reads a body up to a limit and a deadline, since the HTTP client's own deadline ends with the head.
    static func read(
        _ body: HTTPClientResponse.Body, limit: Int, until deadline: ContinuousClock.Instant
    ) async -> (bytes: ByteBuffer, end: BodyEnd) {
        await withTaskGroup(of: (bytes: ByteBuffer, end: BodyEnd)?.self) { group in
            group.addTask { await Self.read(body, limit: limit) }
            group.addTask {
                try? await Task.sleep(until: deadline, clock: .continuous)
                return nil
            }
            var isLate = false
            while let result = await group.next() {
                group.cancelAll()
                guard let result else {
                    isLate = true
                    continue
                }
                return isLate ? (result.bytes, .late) : result
            }
            return (ByteBuffer(), .late)
        }
    }

    private static func read(_ body: HTTPClientResponse.Body, limit: Int) async -> (bytes: ByteBuffer, end: BodyEnd) {
        var bytes = ByteBuffer()
        do {
            for try await var part in body {
                guard bytes.readableBytes + part.readableBytes <= limit else {
                    if let rest = part.readSlice(length: limit - bytes.readableBytes) {
                        bytes.writeImmutableBuffer(rest)
                    }
                    return (bytes, .cut)
                }
                bytes.writeBuffer(&part)
            }
            return (bytes, .whole)
        } catch {
            return (bytes, .broken(error))
        }
    }
}
