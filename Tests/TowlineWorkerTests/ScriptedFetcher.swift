import NIOCore
import Synchronization
import TowlineCore
import TowlineWorker

/// A source by script: each fetch takes the next answer of its URL; the last one stays.
final class ScriptedFetcher: SourceFetcher {
    enum Answer: Sendable {
        case bytes([UInt8], announced: Int64?)
        case failure(SourceError)
        /// Sends some bytes, then fails.
        case broken([UInt8], announced: Int64?, SourceError)
        /// Sends some bytes, then nothing until the task is cancelled.
        case hangs([UInt8])
    }

    private let answers: Mutex<[String: [Answer]]>
    private let sent = Mutex<[String: [[SourceHeader]]]>([:])
    private let counts = Mutex<[String: Int]>([:])

    init(_ answers: [String: [Answer]]) { self.answers = Mutex(answers) }

    /// The header fields of each request for a URL.
    func headers(_ url: String) -> [[SourceHeader]] { sent.withLock { $0[url] ?? [] } }

    func count(_ url: String) -> Int { counts.withLock { $0[url] ?? 0 } }

    func fetch(_ request: SourceRequest) async throws -> SourceResponse {
        let name = request.url.absoluteString
        counts.withLock { $0[name, default: 0] += 1 }
        sent.withLock { $0[name, default: []].append(request.headers) }
        let answer = answers.withLock { answers -> Answer? in
            guard let list = answers[name], let first = list.first else { return nil }
            if list.count > 1 { answers[name] = Array(list.dropFirst()) }
            return first
        }
        switch answer {
        case nil: throw SourceError(JobFailure(.urlInvalid, "the source answered HTTP 404"), httpStatus: 404)
        case .failure(let error): throw error
        case .bytes(let bytes, let announced): return response(bytes, announced) { nil }
        case .broken(let bytes, let announced, let error): return response(bytes, announced) { throw error }
        case .hangs(let bytes):
            return response(bytes, nil) {
                try await Task.sleep(for: .seconds(3600))
                return nil
            }
        }
    }

    private func response(
        _ bytes: [UInt8], _ announced: Int64?, end: @escaping @Sendable () async throws -> ByteBuffer?
    ) -> SourceResponse {
        let pieces = stride(from: 0, to: bytes.count, by: 1000).map {
            ByteBuffer(bytes: bytes[$0..<min($0 + 1000, bytes.count)])
        }
        let next = Mutex(0)
        let body = AsyncThrowingStream<ByteBuffer, any Error> {
            let index = next.withLock { index in
                defer { index += 1 }
                return index
            }
            return index < pieces.count ? pieces[index] : try await end()
        }
        return SourceResponse(status: 200, contentLength: announced, address: "203.0.113.7", redirects: [], body: body)
    }
}
