import VODSignatures

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What ``VODClient/uploadMediaByURL(_:)`` asks for (vod-api 1.1).
public struct UploadMediaByURLRequest: Sendable, Hashable {
    /// The sources, 1 to 20.
    public var sources: [UploadSource]
    /// Where the events of these jobs go and what they carry; nil leaves both to the configuration.
    public var userData: UploadUserData?
    /// A mark against submitting twice: at most 50 letters, digits, hyphens and underscores.
    ///
    /// The server refuses the same mark for ten minutes.
    public var sessionID: String?
    /// The application; nil for the default, `app-1000000`.
    public var appID: String?
    /// The transcoding template group of all sources that name none.
    public var templateGroupID: String?
    /// The workflow of all sources that name none; wins over template groups.
    public var workflowID: String?
    /// The storage to use; nil for the account's default.
    public var storageLocation: String?

    /// Makes a request; what is not given is not sent.
    public init(
        sources: [UploadSource], userData: UploadUserData? = nil, sessionID: String? = nil, appID: String? = nil,
        templateGroupID: String? = nil, workflowID: String? = nil, storageLocation: String? = nil
    ) {
        self.sources = sources
        self.userData = userData
        self.sessionID = sessionID
        self.appID = appID
        self.templateGroupID = templateGroupID
        self.workflowID = workflowID
        self.storageLocation = storageLocation
    }

    /// Sources that one call takes (vod-api 1.1).
    public static let sourceLimit = 20

    /// The parameters of the call; the URLs are percent-encoded before they are joined, in the metadata too.
    func parameters() throws(VODClientError) -> [NameValuePair] {
        var parameters: [NameValuePair] = [
            ("UploadURLs", try VODClient.encodedList(sources.map(\.url), "sources", limit: Self.sourceLimit))
        ]
        let entries = sources.compactMap { source in
            source.metadata.map { MetadataEntry(sourceURL: PercentEncoding.encode(source.url), metadata: $0) }
        }
        if !entries.isEmpty { parameters.append(("UploadMetadatas", try Self.json(entries))) }
        if let userData { parameters.append(("UserData", try Self.json(UserDataObject(userData)))) }
        let rest: KeyValuePairs<String, String?> = [
            "SessionId": sessionID, "AppId": appID, "TemplateGroupId": templateGroupID, "WorkflowId": workflowID,
            "StorageLocation": storageLocation,
        ]
        for (name, value) in rest {
            if let value { parameters.append((name, value)) }
        }
        return parameters
    }

    private static func json(_ value: some Encodable) throws(VODClientError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch {
            throw .invalidRequest("The metadata cannot be written as JSON: \(error)")
        }
    }
}

/// One URL to pull, with what is said about it.
public struct UploadSource: Sendable, Hashable {
    /// An http or https URL, not encoded beyond what a URL needs anyway; commas and blanks within it are fine.
    public var url: String
    /// Title and the rest; nil leaves all of it to the server.
    public var metadata: UploadMetadata?

    /// Joins a URL with its metadata.
    public init(url: String, metadata: UploadMetadata? = nil) {
        self.url = url
        self.metadata = metadata
    }
}

/// What is said about one source (vod-api 1.3); lengths count bytes of UTF-8.
public struct UploadMetadata: Sendable, Hashable {
    /// At most 128 bytes, no emoji.
    ///
    /// Towline takes the file name when there is none; the vendor's service wants one.
    public var title: String?
    /// The size in bytes that is expected: a hint.
    public var fileSize: Int64?
    /// At most 1024 bytes, no emoji.
    public var description: String?
    /// The URL of a cover image.
    public var coverURL: String?
    /// The category.
    public var categoryID: Int64?
    /// At most 16 tags of at most 32 bytes, without commas and emoji.
    public var tags: [String]
    /// Beats the template group of the request.
    public var templateGroupID: String?
    /// Beats template groups.
    public var workflowID: String?
    /// Such as `mp4`; beats the extension in the URL, and is needed where the URL has none.
    public var fileExtension: String?
    /// A media id of the caller's own: 6 to 64 letters, digits, `-` and `_`.
    public var referenceID: String?
    /// What Towline alone understands; the vendor's service passes over it.
    public var towline = TowlineSourceOptions()

    /// Makes metadata; what is not given is not sent.
    public init(
        title: String? = nil, fileSize: Int64? = nil, description: String? = nil, coverURL: String? = nil,
        categoryID: Int64? = nil, tags: [String] = [], templateGroupID: String? = nil, workflowID: String? = nil,
        fileExtension: String? = nil, referenceID: String? = nil
    ) {
        self.title = title
        self.fileSize = fileSize
        self.description = description
        self.coverURL = coverURL
        self.categoryID = categoryID
        self.tags = tags
        self.templateGroupID = templateGroupID
        self.workflowID = workflowID
        self.fileExtension = fileExtension
        self.referenceID = referenceID
    }
}

/// Where the events of a request's jobs go and what they carry (vod-api 1.4).
public struct UploadUserData: Sendable, Hashable {
    /// An http or https URL of at most 256 bytes that gets the events in place of the configured address.
    public var callbackURL: String?
    /// Any text of at most 512 bytes; events hand it back as `Extend`.
    public var extend: String?
    /// Towline's own: 1, the most urgent, to 16; 8 without it.
    public var priority: Int?
    /// Towline's own: how long the jobs may wait for their turn; 0 for ever, nil for the server's setting.
    public var expireSeconds: Int?

    /// Makes user data; what is not given is not sent.
    public init(
        callbackURL: String? = nil, extend: String? = nil, priority: Int? = nil, expireSeconds: Int? = nil
    ) {
        self.callbackURL = callbackURL
        self.extend = extend
        self.priority = priority
        self.expireSeconds = expireSeconds
    }
}

/// How Towline fetches one source and what it must be (docs/compatibility.md).
public struct TowlineSourceOptions: Sendable, Hashable {
    /// Up to eight further URLs of the same file, tried in order when those before them fail.
    public var mirrors: [String] = []
    /// Header fields for the source's own origin, by name; secrets.
    public var headers: [String: String] = [:]
    /// `USER:PASSWORD` for HTTP Basic at the source's own origin; a secret.
    public var login: String?
    /// The exact size in bytes.
    public var size: Int64?
    /// The CRC-64 as OSS shows it.
    public var crc64: UInt64?
    /// 64 hexadecimal digits.
    public var sha256: String?
    /// 32 hexadecimal digits.
    public var md5: String?

    /// No options.
    public init() {}
}

/// An element of `UploadMetadatas`: numbers are sent as text, as the vendor's documents have it.
private struct MetadataEntry: Encodable {
    let sourceURL: String
    let metadata: UploadMetadata

    enum CodingKeys: String, CodingKey {
        case sourceURL = "SourceURL"
        case title = "Title"
        case fileSize = "FileSize"
        case description = "Description"
        case coverURL = "CoverURL"
        case categoryID = "CateId"
        case tags = "Tags"
        case templateGroupID = "TemplateGroupId"
        case workflowID = "WorkflowId"
        case fileExtension = "FileExtension"
        case referenceID = "ReferenceId"
        case mirrors = "TowlineMirrors"
        case headers = "TowlineHeaders"
        case login = "TowlineLogin"
        case size = "TowlineSize"
        case crc64 = "TowlineCrc64"
        case sha256 = "TowlineSha256"
        case md5 = "TowlineMd5"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sourceURL, forKey: .sourceURL)
        try container.encodeIfPresent(metadata.title, forKey: .title)
        try container.encodeIfPresent(metadata.fileSize.map { String($0) }, forKey: .fileSize)
        try container.encodeIfPresent(metadata.description, forKey: .description)
        try container.encodeIfPresent(metadata.coverURL, forKey: .coverURL)
        try container.encodeIfPresent(metadata.categoryID.map { String($0) }, forKey: .categoryID)
        if !metadata.tags.isEmpty { try container.encode(metadata.tags.joined(separator: ","), forKey: .tags) }
        try container.encodeIfPresent(metadata.templateGroupID, forKey: .templateGroupID)
        try container.encodeIfPresent(metadata.workflowID, forKey: .workflowID)
        try container.encodeIfPresent(metadata.fileExtension, forKey: .fileExtension)
        try container.encodeIfPresent(metadata.referenceID, forKey: .referenceID)
        let own = metadata.towline
        if !own.mirrors.isEmpty { try container.encode(own.mirrors, forKey: .mirrors) }
        if !own.headers.isEmpty { try container.encode(own.headers, forKey: .headers) }
        try container.encodeIfPresent(own.login, forKey: .login)
        try container.encodeIfPresent(own.size.map { String($0) }, forKey: .size)
        try container.encodeIfPresent(own.crc64.map { String($0) }, forKey: .crc64)
        try container.encodeIfPresent(own.sha256, forKey: .sha256)
        try container.encodeIfPresent(own.md5, forKey: .md5)
    }
}

/// The object within `UserData`.
private struct UserDataObject: Encodable {
    struct Callback: Encodable {
        let type = "http"
        let url: String

        enum CodingKeys: String, CodingKey {
            case type = "CallbackType"
            case url = "CallbackURL"
        }
    }

    let callback: Callback?
    let extend: String?
    let priority: Int?
    let expireSeconds: Int?

    enum CodingKeys: String, CodingKey {
        case callback = "MessageCallback"
        case extend = "Extend"
        case priority = "TowlinePriority"
        case expireSeconds = "TowlineExpireSeconds"
    }

    init(_ userData: UploadUserData) {
        callback = userData.callbackURL.map { Callback(url: $0) }
        extend = userData.extend
        priority = userData.priority
        expireSeconds = userData.expireSeconds
    }
}
