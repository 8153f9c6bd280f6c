import Synchronization
import TowlineCore
import TowlineStore

/// Writes down what one attempt does, request by request.
final class FlightRecorder: Sendable {
    private struct State {
        var recording = AttemptRecording()
        var open = 0
    }

    private let state = Mutex(State())
    private let clock: any MonotonicClock
    private let startedAt: Duration

    /// A recorder of an attempt that begins now.
    init(clock: any MonotonicClock) {
        self.clock = clock
        startedAt = clock.elapsed
    }

    /// What is written down so far.
    var recording: AttemptRecording { state.withLock { $0.recording } }

    /// Takes note of something beside the requests.
    func note(_ change: (inout AttemptRecording) -> Void) { state.withLock { change(&$0.recording) } }

    /// Begins a request.
    func begin(_ request: SourceRequest, source: Int) -> RequestNote {
        state.withLock { state in
            state.open += 1
            state.recording.connections = max(state.recording.connections, state.open)
        }
        return RequestNote(request, source: source, startedAt: clock.elapsed)
    }

    /// Ends a request.
    func end(_ note: RequestNote) {
        var request = note.request
        request.startedAt = note.startedAt - startedAt
        request.duration = clock.elapsed - note.startedAt
        state.withLock { state in
            state.open -= 1
            state.recording.add(request)
        }
    }
}

/// One request that is under way.
struct RequestNote: Sendable {
    fileprivate var request = RecordedRequest()
    fileprivate let startedAt: Duration

    fileprivate init(_ asked: SourceRequest, source: Int, startedAt: Duration) {
        self.startedAt = startedAt
        request.source = source
        request.url = asked.url.masked
        request.range = asked.range?.text
    }

    /// Takes note of an answer.
    mutating func take(_ response: SourceResponse) {
        if let known = response.request { request.take(known) }
        request.status = response.status
        request.contentLength = response.contentLength
        request.validator = response.fields.entityTags.first ?? response.fields.lastModified.first
        request.contentRange = response.fields.contentRanges.first
    }

    /// Takes note of bytes that came.
    mutating func receive(_ count: Int) { request.bytes += Int64(count) }

    /// Takes note of why it brings no more.
    mutating func fail(_ error: any Error) {
        switch error {
        case let error as SourceError:
            if let known = error.request { request.take(known) }
            request.status = error.httpStatus ?? request.status
            request.failure = error.failure.description
        case let error as JobFailure: request.failure = error.description
        case is CancellationError: request.failure = "stopped"
        default: request.failure = "\(type(of: error))"
        }
    }

    /// Takes note that the answer is of no use.
    mutating func discard(_ reason: String) { request.failure = reason }
}

extension RecordedRequest {
    /// Takes what the fetcher knows about the way of a request.
    fileprivate mutating func take(_ known: RecordedRequest) {
        var known = known
        known.source = source
        known.url = url
        known.range = range
        known.bytes = bytes
        known.failure = failure
        self = known
    }
}

extension SourceRange {
    /// The value of the `Range` field.
    var text: String { "bytes=\(first)-\(last.map(String.init) ?? "")" }
}
