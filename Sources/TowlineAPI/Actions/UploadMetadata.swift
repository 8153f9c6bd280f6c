import TowlineCore

/// Reads the `UploadMetadatas` parameter (vod-api.md 1.3).
enum UploadMetadata {
    /// Extensions of sources, in lower case (vod-api.md 10.2).
    static let extensions: Set<String> = Set(
        """
        3gp asf avi dat dv f4v flv gif m2t m3u8 m4v mj2 mjpeg mkv mov mp4 mpe mpeg mpg mts ogg qt rm rmvb swf ts vob \
        webm wmv aac ac3 acm amr ape caf flac m4a mp3 ra wav wma
        """.split(separator: " ").map(String.init))

    /// The entries by the canonical form of their URL; an entry for a URL that is not a URL has no effect, as one for
    /// a URL that was not submitted.
    static func read(_ text: String?) throws(VODError) -> [String: JSONValue] {
        guard let text else { return [:] }
        let value: JSONValue
        do {
            value = try JSONParser.parse(text)
        } catch {
            throw .invalidNamedParameter("UploadMetadatas", "It is a JSON array of objects: \(error).")
        }
        let entries: [JSONValue]
        switch value {
        case .array(let elements): entries = elements
        case .object: entries = [value]  // one old example passes a single object
        default: throw .invalidNamedParameter("UploadMetadatas", "It is a JSON array of objects.")
        }
        var byURL: [String: JSONValue] = [:]
        for entry in entries {
            guard case .object = entry else {
                throw .invalidNamedParameter("UploadMetadatas", "Each element is an object.")
            }
            guard let source = entry.member(ignoringCase: "SourceURL")?.string else {
                throw .invalidNamedParameter("UploadMetadatas", "Each element has a SourceURL.")
            }
            if let url = try? SubmittedURL(source) { byURL[url.canonical] = entry }
        }
        return byURL
    }

    /// Checks the fields of one entry and joins them with what the call says for all URLs.
    static func metadata(
        for url: SubmittedURL, entry: JSONValue?, parameters: ActionParameters
    ) throws(VODError) -> MediaMetadata {
        var metadata = MediaMetadata()
        func field(_ name: String) throws(VODError) -> String? {
            guard let value = entry?.member(ignoringCase: name), value != .null else { return nil }
            guard let text = value.text else {
                throw .invalidNamedParameter("UploadMetadatas", "\(name) is a string.")
            }
            return text.isEmpty ? nil : text
        }
        metadata.title = try checked(field("Title"), name: "Title", limit: 128, isPlain: true) ?? defaultTitle(url)
        metadata.description = try checked(field("Description"), name: "Description", limit: 1024, isPlain: true)
        metadata.tags = try tags(field("Tags"))
        metadata.coverURL = try checked(field("CoverURL"), name: "CoverURL", limit: 2048)
        metadata.categoryID = try field("CateId")
        if let category = metadata.categoryID, Int64(category) == nil {
            throw .invalidNamedParameter("UploadMetadatas", "CateId is a whole number.")
        }
        metadata.templateGroupID = try checked(
            field("TemplateGroupId") ?? parameters["TemplateGroupId"], name: "TemplateGroupId", limit: 128)
        metadata.workflowID = try checked(
            field("WorkflowId") ?? parameters["WorkflowId"], name: "WorkflowId", limit: 128)
        metadata.storageLocation = try checked(
            parameters["StorageLocation"], name: "StorageLocation", limit: 256)
        metadata.referenceID = try referenceID(field("ReferenceId"))
        metadata.expectedBytes = try fileSize(field("FileSize"))
        metadata.expected.bytes = try number(field("TowlineSize"), name: "TowlineSize", what: "a whole number of bytes")
        metadata.expected.crc64 = try number(
            field("TowlineCrc64"), name: "TowlineCrc64", what: "a whole number of 64 bits, in decimal digits")
        metadata.expected.sha256 = try hexadecimal(field("TowlineSha256"), name: "TowlineSha256", digits: 64)
        metadata.expected.md5 = try hexadecimal(field("TowlineMd5"), name: "TowlineMd5", digits: 32)
        metadata.fileExtension = try fileExtension(field("FileExtension"), of: url)
        return metadata
    }

    private static func defaultTitle(_ url: SubmittedURL) -> String {
        var title = String(String.UnicodeScalarView((url.url.fileName ?? "").unicodeScalars.filter { !isIllegal($0) }))
        if title.isEmpty { title = url.url.hostName }
        while title.utf8.count > 128 { title.removeLast() }
        return title
    }

    private static func checked(
        _ text: String?, name: String, limit: Int, isPlain: Bool = false
    ) throws(VODError) -> String? {
        guard let text else { return nil }
        guard text.utf8.count <= limit else { throw .lengthExceeded(name, limit: limit) }
        if isPlain, text.unicodeScalars.contains(where: isIllegal) { throw .illegalCharacters(name) }
        return text
    }

    /// Emoji, their modifiers and control characters.
    ///
    /// Digits, `#` and `©` are emoji only by a long stretch of the standard and are fine.
    private static func isIllegal(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D: false
        case 0..<0x20, 0x7F..<0xA0, 0x200D, 0x20E3, 0xFE0F, 0xE0000...0xE007F: true
        default: scalar.properties.isEmojiPresentation || (scalar.value > 0xFFFF && scalar.properties.isEmoji)
        }
    }

    private static func tags(_ text: String?) throws(VODError) -> [String] {
        guard let text else { return [] }
        let tags = text.split(separator: ",").map(String.init)
        guard tags.count <= 16 else { throw .tagsExceeded }
        for tag in tags { _ = try checked(tag, name: "Tags", limit: 32, isPlain: true) }
        return tags
    }

    private static func referenceID(_ text: String?) throws(VODError) -> String? {
        guard let text else { return nil }
        guard (6...64).contains(text.utf8.count), text.utf8.allSatisfy(\.isNameCharacter) else {
            throw .invalidNamedParameter(
                "UploadMetadatas", "ReferenceId has 6 to 64 letters, digits, '-' and '_'.")
        }
        return text
    }

    private static func fileSize(_ text: String?) throws(VODError) -> Int64? {
        guard let text else { return nil }
        guard let bytes = Int64(text), bytes >= 0 else {
            throw .invalidNamedParameter("UploadMetadatas", "FileSize is a whole number of bytes.")
        }
        return bytes
    }

    /// A number in decimal digits and nothing else.
    private static func number<Number: FixedWidthInteger>(
        _ text: String?, name: String, what: String
    ) throws(VODError) -> Number? {
        guard let text else { return nil }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Number(text) else {
            throw .invalidNamedParameter("UploadMetadatas", "\(name) is \(what).")
        }
        return number
    }

    /// A digest in hexadecimal digits of either case.
    private static func hexadecimal(_ text: String?, name: String, digits: Int) throws(VODError) -> String? {
        guard let text = text?.lowercased() else { return nil }
        let isDigest =
            text.utf8.count == digits
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        guard isDigest else {
            throw .invalidNamedParameter("UploadMetadatas", "\(name) has \(digits) hexadecimal digits.")
        }
        return text
    }

    /// `FileExtension` beats the extension in the URL; one of them must be there and be known (vod-api.md 1.1).
    private static func fileExtension(_ named: String?, of url: SubmittedURL) throws(VODError) -> String {
        var candidate = (named ?? url.url.fileExtension ?? "").lowercased()
        if candidate.hasPrefix(".") { candidate.removeFirst() }
        guard extensions.contains(candidate) else { throw .illegalExtension(of: url.text) }
        return candidate
    }
}
