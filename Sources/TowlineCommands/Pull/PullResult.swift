import TowlineClient
import TowlineCore

/// What became of one URL of `towline pull`.
struct PullResult: Sendable, Hashable {
    /// As it stood on the command line.
    let url: String
    /// The job; nil when the URL was refused.
    var jobID: String?
    /// A `Status` of the wire, or ``refused`` or ``notSubmitted``.
    var status: String
    var mediaID: String?
    /// Bytes that the source announced, or the size of the stored file.
    var bytesTotal: Int64?
    var errorCode: String?
    var errorMessage: String?

    /// The server did not take the URL.
    static let refused = "REFUSED"
    /// The server was out of reach when it was the URL's turn.
    static let notSubmitted = "NOT_SUBMITTED"

    /// A URL without a job.
    init(url: String, status: String, code: String, message: String) {
        self.url = url
        self.status = status
        errorCode = code
        errorMessage = message
    }

    /// A URL with a job.
    init(url: String, snapshot: JobSnapshot) {
        self.url = url
        jobID = snapshot.jobID
        status = snapshot.status.rawValue
        mediaID = snapshot.mediaID
        bytesTotal = snapshot.bytesTotal
        errorCode = snapshot.status.isFailure ? snapshot.errorCode : nil
        errorMessage = snapshot.status.isFailure ? snapshot.errorMessage : nil
    }

    /// Whether the file is stored.
    var isStored: Bool { UploadStatus(rawValue: status).isStored }

    /// One object with every key, null where there is nothing; the names are those of a job in the admin API.
    var json: JSONValue {
        .members([
            "id": jobID.json ?? .null,
            "mediaId": mediaID.json ?? .null,
            "source": .string(url),
            "status": .string(status),
            "bytesTotal": bytesTotal.map { .integer($0) } ?? .null,
            "errorCode": errorCode.json ?? .null,
            "errorMessage": errorMessage.json ?? .null,
        ])
    }

    /// `JOBID STATUS URL`, a hyphen for no job, and what is known: the media and the size, or the error.
    var line: String {
        var words = [jobID ?? "-", status, url]
        if let errorCode {
            words.append("\(errorCode): \(errorMessage ?? "")")
        } else if isStored {
            if let mediaID { words.append("media=\(mediaID)") }
            if let bytesTotal { words.append("bytes=\(bytesTotal)") }
        }
        return TerminalText.clean(words.joined(separator: " "))
    }
}
