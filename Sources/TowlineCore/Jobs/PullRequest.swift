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
    /// Smaller is sooner; 8 unless asked for.
    package var priority: Int

    /// Joins the parts of a request.
    package init(
        sourceURL: String, displayURL: String, origin: String, metadata: MediaMetadata = MediaMetadata(),
        userData: String? = nil, extend: String? = nil, callback: CallbackTarget? = nil, priority: Int = 8
    ) {
        self.sourceURL = sourceURL
        self.displayURL = displayURL
        self.origin = origin
        self.metadata = metadata
        self.userData = userData
        self.extend = extend
        self.callback = callback
        self.priority = priority
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
    }
}
