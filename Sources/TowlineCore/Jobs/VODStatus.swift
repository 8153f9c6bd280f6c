/// The nine values of `Status` in `GetURLUploadInfos` (vod-api.md 2.3).
package enum VODStatus: String, Sendable, Hashable, CaseIterable {
    case pending = "PENDING"
    case processing = "PROCESSING"
    case downloading = "DOWNLOADING"
    case downloadSuccess = "DOWNLOAD_SUCCESS"
    case downloadFail = "DOWNLOAD_FAIL"
    case uploading = "UPLOADING"
    case uploadSuccess = "UPLOAD_SUCCESS"
    case uploadFail = "UPLOAD_FAIL"
    case success = "SUCCESS"

    /// The status of a job as design section 6 maps it.
    ///
    /// `PROCESSING` becomes `DOWNLOADING` with the first byte, and `DOWNLOAD_SUCCESS` becomes `UPLOADING` when the
    /// object store begins to make the bytes durable.
    package init(_ job: Job) {
        switch job.state {
        case .pending: self = .pending
        case .pulling: self = job.phase == .starting ? .processing : .downloading
        case .storing: self = job.phase == .uploading ? .uploading : .downloadSuccess
        case .stored: self = .uploadSuccess
        case .succeeded: self = .success
        case .failed: self = job.failure?.code.isStorageFault == true ? .uploadFail : .downloadFail
        case .cancelled: self = .downloadFail
        }
    }
}
