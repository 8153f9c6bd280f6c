package import VODSignatures

/// What a ListQueue asks for, which stands in its headers.
///
/// Wire reference: mns-api 3.5.
package struct MNSListOptions: Sendable, Hashable {
    /// Only names that begin with this; empty for all.
    package var prefix: String
    /// Where the page begins: the `NextMarker` of the page before; `nil` for the first.
    package var marker: String?
    /// How many queues the page has at most, 1 to 1000; `nil` for 1000.
    package var pageSize: Int?
    /// Whether each queue comes with all its attributes.
    package var withMetadata: Bool

    /// Asks for queues.
    ///
    /// - Parameters:
    ///   - prefix: Only names that begin with this.
    ///   - marker: Where the page begins.
    ///   - pageSize: How many queues at most.
    ///   - withMetadata: Whether to send all attributes.
    package init(prefix: String = "", marker: String? = nil, pageSize: Int? = nil, withMetadata: Bool = false) {
        self.prefix = prefix
        self.marker = marker
        self.pageSize = pageSize
        self.withMetadata = withMetadata
    }

    /// Reads the options of a request; empty headers count as absent.
    ///
    /// - Parameter headers: All headers of the request, names in any case.
    /// - Throws: ``MNSError`` with `InvalidArgument` that names the header.
    package init(headers: [NameValuePair]) throws(MNSError) {
        self.init(
            prefix: headers.value(MNSHeader.listPrefix) ?? "", marker: headers.value(MNSHeader.listMarker))
        if let text = headers.value(MNSHeader.listPageSize) {
            pageSize = try MNSLimits.listPageSize.parseInRange(text)
        }
        switch ASCIIText.lowercased(headers.value(MNSHeader.listWithMetadata) ?? "false") {
        case "true": withMetadata = true
        case "false": withMetadata = false
        default: throw .invalid("\(MNSHeader.listWithMetadata) must be true or false")
        }
    }

    /// The headers of a request with these options.
    package var headers: [NameValuePair] {
        var headers: [NameValuePair] = []
        if let marker, !marker.isEmpty { headers.append((MNSHeader.listMarker, marker)) }
        if !prefix.isEmpty { headers.append((MNSHeader.listPrefix, prefix)) }
        if let pageSize { headers.append((MNSHeader.listPageSize, String(pageSize))) }
        if withMetadata { headers.append((MNSHeader.listWithMetadata, "true")) }
        return headers
    }
}

extension [NameValuePair] {
    /// The trimmed value of the first header of a name in any case; `nil` when it is absent or empty.
    func value(_ name: String) -> String? {
        let lowercased = ASCIIText.lowercased(name)
        guard let header = first(where: { ASCIIText.lowercased($0.name) == lowercased }) else { return nil }
        let value = ASCIIText.trimmed(header.value)
        return value.isEmpty ? nil : value
    }
}
