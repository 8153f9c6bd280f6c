/// Where a job stands, as `Status` says it (vod-api 2.3); unknown values are kept.
public struct UploadStatus: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    /// The value as on the wire.
    public let rawValue: String

    /// Wraps a value as it is.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// Accepted, waiting.
    public static let pending = UploadStatus(rawValue: "PENDING")
    /// Picked up; no byte has arrived.
    public static let processing = UploadStatus(rawValue: "PROCESSING")
    /// The source is being fetched.
    public static let downloading = UploadStatus(rawValue: "DOWNLOADING")
    /// The source is fetched.
    public static let downloadSuccess = UploadStatus(rawValue: "DOWNLOAD_SUCCESS")
    /// The source could not be fetched, or the job was cancelled; the end.
    public static let downloadFail = UploadStatus(rawValue: "DOWNLOAD_FAIL")
    /// The bytes are being written to storage.
    public static let uploading = UploadStatus(rawValue: "UPLOADING")
    /// Stored; the callback is still open.
    public static let uploadSuccess = UploadStatus(rawValue: "UPLOAD_SUCCESS")
    /// The bytes could not be stored; the end.
    public static let uploadFail = UploadStatus(rawValue: "UPLOAD_FAIL")
    /// Stored, and the callback is done; the end.
    public static let success = UploadStatus(rawValue: "SUCCESS")

    /// Whether nothing changes any more: ``success``, ``downloadFail`` or ``uploadFail``.
    public var isTerminal: Bool { self == .success || isFailure }

    /// Whether the file is stored: ``uploadSuccess`` or ``success``.
    public var isStored: Bool { self == .uploadSuccess || self == .success }

    /// Whether the job ended without a file: ``downloadFail`` or ``uploadFail``.
    public var isFailure: Bool { self == .downloadFail || self == .uploadFail }

    /// The value as on the wire.
    public var description: String { rawValue }
}
