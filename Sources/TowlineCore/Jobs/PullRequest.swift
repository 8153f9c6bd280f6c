/// What a caller asked for with one URL of an `UploadMediaByURL` call; never changes after it was accepted.
package struct PullRequest: Sendable, Hashable {
    /// The source's URL in the canonical form of `HTTPURL`, without credentials: what look-ups compare.
    ///
    /// Its query may hold a signature, so it is a secret outside the event.
    package var sourceURL: String
    /// The URL as it stands in replies and events, and as it is fetched: what the caller submitted, decoded once where
    /// it was encoded.
    package var displayURL: String
    /// Scheme, host and port in canonical form; jobs of one account and origin wait in one lane.
    package var origin: String
    /// Title, tags and the rest of the URL's metadata.
    package var metadata: MediaMetadata
    /// The `UserData` parameter as submitted.
    package var userData: String?
    /// `UserData.Extend` as text, handed back in events; at most 512 bytes.
    package var extend: String?
    /// `UserData.MessageCallback`: where this job's events go instead of the configured address.
    package var callback: CallbackTarget?
    /// Smaller is sooner, 1 to 16; 8 unless asked for.
    package var priority: Int
    /// Header fields for requests to the source's own origin: secrets, sealed by stores.
    package var headers: [SourceHeader]

    /// Joins the parts of a request.
    package init(
        sourceURL: String, displayURL: String, origin: String, metadata: MediaMetadata = MediaMetadata(),
        userData: String? = nil, extend: String? = nil, callback: CallbackTarget? = nil, priority: Int = 8,
        headers: [SourceHeader] = []
    ) {
        self.sourceURL = sourceURL
        self.displayURL = displayURL
        self.origin = origin
        self.metadata = metadata
        self.userData = userData
        self.extend = extend
        self.callback = callback
        self.priority = priority
        self.headers = headers
    }
}

/// One header field that a caller wants its source to be asked with.
package struct SourceHeader: Sendable, Hashable, CustomStringConvertible {
    package let name: String
    /// A secret.
    package let value: String

    /// Joins a name and a value.
    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// The name alone.
    package var description: String { name }

    /// Whether a field belongs to the client, to the connection or to the part of a file that is asked for, so that
    /// neither an operator nor a caller may set it.
    package static func isReserved(_ name: String) -> Bool { reservedNames.contains(name.lowercased()) }

    /// The names of ``isReserved(_:)`` in lower case.
    package static let reservedNames: Set<String> = [
        "accept-encoding", "connection", "content-length", "expect", "host", "http2-settings", "if-match",
        "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "keep-alive", "proxy-authorization",
        "proxy-connection", "range", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    /// The form in which stores seal header fields; nil without any.
    package static func text(of headers: [SourceHeader]) -> String? {
        headers.isEmpty
            ? nil : JSONValue.array(headers.map { .array([.string($0.name), .string($0.value)]) }).compactText
    }

    /// Reads the form that ``text(of:)`` writes; empty for anything else.
    package static func list(from text: String) -> [SourceHeader] {
        let pairs = (try? JSONParser.parse(text))?.elements ?? []
        return pairs.compactMap { pair in
            guard let parts = pair.elements, parts.count == 2, let name = parts[0].string, let value = parts[1].string
            else { return nil }
            return SourceHeader(name, value)
        }
    }
}

/// The element of `UploadMetadatas` for one URL, checked, and what the call said for all URLs (vod-api.md 1.1, 1.3).
package struct MediaMetadata: Sendable, Hashable {
    /// At most 128 bytes of UTF-8; the file name of the URL where the caller gave none.
    package var title = ""
    /// At most 1024 bytes of UTF-8.
    package var description: String?
    /// At most 16 tags of at most 32 bytes each.
    package var tags: [String] = []
    package var coverURL: String?
    package var categoryID: String?
    package var templateGroupID: String?
    package var workflowID: String?
    package var storageLocation: String?
    /// 6 to 64 characters.
    package var referenceID: String?
    /// The size in bytes that the caller expects: a hint.
    package var expectedBytes: Int64?
    /// What the file must be, or the job fails.
    package var expected = ExpectedContent()
    /// Lower-case, without the dot: from the metadata or from the URL's path.
    package var fileExtension: String?
    /// Further URLs of the same file, tried in order when those before them fail; at most eight.
    package var mirrors: [String] = []
    /// How long a run may wait for its turn, in seconds; nil for no limit.
    package var expireSeconds: Int?

    /// Metadata with every field empty.
    package init() {}

    /// The fields as a JSON object without the empty ones: the form in which stores keep them.
    package var json: JSONValue {
        .members([
            "title": .string(title),
            "description": description.json,
            "tags": tags.isEmpty ? nil : .array(tags.map { .string($0) }),
            "coverURL": coverURL.json,
            "categoryID": categoryID.json,
            "templateGroupID": templateGroupID.json,
            "workflowID": workflowID.json,
            "storageLocation": storageLocation.json,
            "referenceID": referenceID.json,
            "expectedBytes": expectedBytes.map { .integer($0) },
            "fileExtension": fileExtension.json,
            "expected": expected.json,
            "mirrors": mirrors.isEmpty ? nil : .array(mirrors.map { .string($0) }),
            "expireSeconds": expireSeconds.map { .integer($0) },
        ])
    }

    /// Reads the form that ``json`` writes; what is missing stays empty.
    package init(json: JSONValue) {
        title = json["title"]?.string ?? ""
        description = json["description"]?.string
        tags = json["tags"]?.elements?.compactMap(\.string) ?? []
        coverURL = json["coverURL"]?.string
        categoryID = json["categoryID"]?.string
        templateGroupID = json["templateGroupID"]?.string
        workflowID = json["workflowID"]?.string
        storageLocation = json["storageLocation"]?.string
        referenceID = json["referenceID"]?.string
        expectedBytes = json["expectedBytes"]?.integerValue
        fileExtension = json["fileExtension"]?.string
        expected = ExpectedContent(json: json["expected"])
        mirrors = json["mirrors"]?.elements?.compactMap(\.string) ?? []
        expireSeconds = json["expireSeconds"]?.integerValue.map { Int($0) }
    }
}
