import TowlineClient

/// Where a job stands at a moment.
struct JobSnapshot: Sendable, Hashable {
    let jobID: String
    var status: UploadStatus
    var mediaID: String?
    /// Bytes that the running attempt has; nil where nobody tells.
    var bytesReceived: Int64?
    /// Bytes that the source announced, or the size of the stored file.
    var bytesTotal: Int64?
    var errorCode: String?
    var errorMessage: String?

    /// A job of which nothing but its acceptance is known.
    init(accepted jobID: String) {
        self.jobID = jobID
        status = .pending
    }

    init(_ job: AdminJob) {
        jobID = job.id
        status = job.status
        mediaID = job.mediaID
        bytesReceived = job.bytesReceived
        bytesTotal = job.bytesTotal
        errorCode = job.errorCode
        errorMessage = job.errorMessage
    }

    init(_ info: URLUploadInfo) {
        jobID = info.jobID
        status = info.status
        mediaID = info.mediaID
        bytesTotal = info.fileSize
        errorCode = info.status.isFailure ? info.errorCode : nil
        errorMessage = info.status.isFailure ? info.errorMessage : nil
    }

    /// The size of the stored file; nil before.
    var fileSize: Int64? { status.isStored ? bytesTotal : nil }

    /// The code and the sentence of the failure that ended the job, if one did.
    var failure: String? {
        guard status.isFailure else { return nil }
        let parts = [errorCode, errorMessage].compactMap { $0 }
        return parts.isEmpty ? status.rawValue : parts.joined(separator: ": ")
    }
}
