/// The answer of ``VODClient/uploadMediaByURL(_:)`` (vod-api 1.6).
public struct UploadMediaByURLResponse: Sendable, Hashable {
    /// One job that was accepted.
    public struct UploadJob: Sendable, Hashable {
        /// The id of the job, 32 hexadecimal digits.
        public let jobID: String
        /// The URL of its source, not encoded.
        public let sourceURL: String
    }

    /// The id of the call.
    public let requestID: String
    /// A job for each source.
    public let jobs: [UploadJob]
}

/// The answer of ``VODClient/getURLUploadInfos(jobIDs:)`` (vod-api 2.2).
public struct GetURLUploadInfosResponse: Sendable, Hashable {
    /// The id of the call.
    public let requestID: String
    /// What is known of each job.
    public let infos: [URLUploadInfo]
    /// The ids or URLs, whichever was asked by, that name no job.
    public let nonExistent: [String]
}

/// The answer of ``VODClient/cancelURLUploadJobs(jobIDs:)`` (vod-api 2.4).
public struct CancelURLUploadJobsResponse: Sendable, Hashable {
    /// The id of the call.
    public let requestID: String
    /// The ids of the jobs that are cancelled now.
    public let canceledJobs: [String]
    /// The ids or URLs, whichever was asked by, that name no job.
    public let nonExistent: [String]
}

/// What is known of one job (vod-api 2.2).
public struct URLUploadInfo: Sendable, Hashable {
    /// The id of the job.
    public let jobID: String
    /// The URL of its source, not encoded.
    public let uploadURL: String?
    /// The id of the media; Towline shows it from the start, other servers perhaps only on success.
    public let mediaID: String?
    /// Where the job stands.
    public let status: UploadStatus
    /// The size in bytes, as announced by the source or as stored; nil while unknown.
    public let fileSize: Int64?
    /// The code of the failure; some servers send `200` on success.
    public let errorCode: String?
    /// The failure in a sentence.
    public let errorMessage: String?
    /// When the job was accepted, as `yyyy-MM-ddTHH:mm:ssZ`.
    public let creationTime: String?
    /// When the job ended, as `yyyy-MM-ddTHH:mm:ssZ`; nil while it runs.
    public let completeTime: String?
    /// The `UserData` of the request, as it was submitted.
    public let userData: String?
}

extension UploadMediaByURLResponse: Decodable {
    private enum CodingKeys: String, CodingKey {
        case requestID = "RequestId"
        case jobs = "UploadJobs"
    }

    /// Reads the answer as it comes over the wire.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        requestID = try container.decodeIfPresent(String.self, forKey: .requestID) ?? ""
        jobs = try container.decode([UploadJob].self, forKey: .jobs)
    }
}

extension UploadMediaByURLResponse.UploadJob: Decodable {
    private enum CodingKeys: String, CodingKey {
        case jobID = "JobId"
        case sourceURL = "SourceURL"
    }
}

extension GetURLUploadInfosResponse: Decodable {
    private enum CodingKeys: String, CodingKey {
        case requestID = "RequestId"
        case infos = "URLUploadInfoList"
        case nonExistent = "NonExists"
    }

    /// Reads the answer as it comes over the wire.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        requestID = try container.decodeIfPresent(String.self, forKey: .requestID) ?? ""
        infos = try container.decodeIfPresent([URLUploadInfo].self, forKey: .infos) ?? []
        nonExistent = try container.decodeTexts(forKey: .nonExistent)
    }
}

extension CancelURLUploadJobsResponse: Decodable {
    private enum CodingKeys: String, CodingKey {
        case requestID = "RequestId"
        case canceledJobs = "CanceledJobs"
        case nonExistent = "NonExists"
    }

    /// Reads the answer as it comes over the wire.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        requestID = try container.decodeIfPresent(String.self, forKey: .requestID) ?? ""
        canceledJobs = try container.decodeTexts(forKey: .canceledJobs)
        nonExistent = try container.decodeTexts(forKey: .nonExistent)
    }
}

extension URLUploadInfo: Decodable {
    private enum CodingKeys: String, CodingKey {
        case jobID = "JobId"
        case uploadURL = "UploadURL"
        case mediaID = "MediaId"
        case status = "Status"
        case fileSize = "FileSize"
        case errorCode = "ErrorCode"
        case errorMessage = "ErrorMessage"
        case creationTime = "CreationTime"
        case completeTime = "CompleteTime"
        case userData = "UserData"
    }

    /// Reads the record as it comes over the wire: a number where text is documented is fine, empty text is nothing.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        jobID = try container.decode(String.self, forKey: .jobID)
        status = UploadStatus(rawValue: try container.decode(String.self, forKey: .status))
        uploadURL = container.decodeText(forKey: .uploadURL)
        mediaID = container.decodeText(forKey: .mediaID)
        fileSize = container.decodeText(forKey: .fileSize).flatMap { Int64($0) }
        errorCode = container.decodeText(forKey: .errorCode)
        errorMessage = container.decodeText(forKey: .errorMessage)
        creationTime = container.decodeText(forKey: .creationTime)
        completeTime = container.decodeText(forKey: .completeTime)
        userData = container.decodeText(forKey: .userData)
    }
}

/// An answer that is nothing but a request id.
struct RequestIDAnswer: Decodable {
    let requestID: String

    private enum CodingKeys: String, CodingKey {
        case requestID = "RequestId"
    }
}

extension KeyedDecodingContainer {
    /// Text, or a number as text; nil when it is absent, empty or something else.
    func decodeText(forKey key: Key) -> String? {
        if let text = try? decodeIfPresent(String.self, forKey: key) { return text.isEmpty ? nil : text }
        return (try? decodeIfPresent(Int64.self, forKey: key)).map { String($0) }
    }

    /// A list of texts; a lone text counts as a list of one, and what is absent as empty.
    func decodeTexts(forKey key: Key) throws -> [String] {
        if let text = try? decodeIfPresent(String.self, forKey: key) { return text.isEmpty ? [] : [text] }
        return try decodeIfPresent([String].self, forKey: key) ?? []
    }
}
