import TowlineStore

/// Folds the write-ahead log into the database between two groups, so that no group waits for it in its middle and
/// the log does not grow without end.
struct Checkpointer {
    private let pages: Int
    private var threshold: Int
    private var lastFrames = 0

    /// A checkpointer that acts when the log has grown by a number of pages.
    init(pages: Int) {
        self.pages = max(1, pages)
        threshold = self.pages
    }

    /// Folds the log in when it has grown enough.
    ///
    /// What readers still need stays for the next time.
    mutating func runIfNeeded(on connection: SQLConnection) throws {
        let frames = connection.logFrames
        // The writer has begun the log anew: all of it had been folded in.
        if frames < lastFrames { threshold = pages }
        lastFrames = frames
        guard frames >= threshold else { return }
        threshold = frames + pages
        try connection.checkpoint(truncate: false)
    }

    /// Folds in all of the log and empties its file.
    func finish(on connection: SQLConnection) throws {
        try connection.checkpoint(truncate: true)
    }
}
