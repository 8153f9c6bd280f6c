import TowlineCore

/// The URLs of one file in the order in which one attempt tries them.
///
/// Pure. An attempt begins with the URL that it has bytes from, else with the job's own, and goes through the others once
/// each. Bytes of two URLs never meet: nothing proves that they belong together.
struct SourceList {
    /// One URL of a file.
    struct Entry {
        /// 0 for the job's own, then its mirrors.
        let index: Int
        let url: HTTPURL
        /// What is sent along; only to the job's own origin.
        let headers: [SourceHeader]
    }

    private var entries: [Entry]
    private var position = 0
    private var failures: [JobFailure] = []

    /// The URLs of a request.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - first: The one to begin with; one that there is not is the job's own.
    /// - Throws: `HTTPURLError` when the job's own URL is none; mirrors that are none are left out.
    init(_ request: PullRequest, first: Int) throws(HTTPURLError) {
        let own = try HTTPURL(parsing: request.displayURL)
        entries = [Entry(index: 0, url: own, headers: request.headers)]
        for (index, text) in request.metadata.mirrors.enumerated() {
            guard let url = try? HTTPURL(parsing: text) else { continue }
            entries.append(
                Entry(index: index + 1, url: url, headers: url.isSameOrigin(as: own) ? request.headers : []))
        }
        if let place = entries.firstIndex(where: { $0.index == first }) { entries.swapAt(0, place) }
        entries[1...].sort { $0.index < $1.index }
    }

    /// The URL in use.
    var current: Entry { entries[position] }

    /// Goes to the next URL after one that failed.
    ///
    /// - Returns: False when there is none left.
    mutating func moveOn(after failure: JobFailure) -> Bool {
        failures.append(failure)
        guard position + 1 < entries.count else { return false }
        position += 1
        return true
    }

    /// Whether a failure says nothing about other URLs of the file.
    static func isOfOneSource(_ code: FailureCode) -> Bool {
        switch code {
        case .urlInvalid, .addressForbidden, .sourceUnavailable, .sourceTimeout, .sourceTruncated, .tooManyRedirects,
            .contentMismatch:
            true
        case .fileTooLarge, .storageFailed, .cancelled, .expired, .internalError: false
        }
    }

    /// What the attempt failed with when every URL did: the first cause that can pass, else the first cause.
    ///
    /// With one URL it is that URL's failure as it is.
    func failure(last: JobFailure) -> JobFailure {
        let all = failures.isEmpty ? [last] : failures
        guard all.count > 1, let first = all.first else { return last }
        let decisive = all.first { $0.code.isRetryable } ?? first
        return JobFailure(decisive.code, "\(decisive.message); none of the file's \(all.count) URLs brought it")
    }
}
