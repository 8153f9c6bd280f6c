import TowlineCore
import VODSignatures

/// One URL of a comma-joined list, in whichever of the official samples' encodings it came (vod-api.md 1.2).
struct SubmittedURL: Sendable {
    /// As submitted, decoded once where it was encoded: what replies and events show.
    let text: String
    /// What is connected.
    let url: HTTPURL

    /// What lookups compare: the canonical form without credentials.
    var canonical: String { url.absoluteString }

    /// Reads one URL: a text with `://` is taken literally, anything else is form-decoded once.
    init(_ piece: some StringProtocol) throws(HTTPURLError) {
        var text = piece.drop { $0 == " " }.description
        while text.hasSuffix(" ") { text.removeLast() }
        if !text.contains("://"), let decoded = try? FormCoding.decode("v=" + text).first?.value {
            text = decoded
        }
        self.text = text
        url = try HTTPURL(parsing: text)
    }

    /// Reads a list of 1 to `limit` URLs joined by commas.
    ///
    /// - Throws: ``VODError`` naming the parameter, the URL's place and what is allowed.
    static func list(
        _ value: String, parameter: String, limit: Int, error: (String, String) -> VODError
    ) throws(VODError) -> [SubmittedURL] {
        let pieces = value.split(separator: ",").filter { !$0.allSatisfy { $0 == " " } }
        guard !pieces.isEmpty else { throw error(parameter, "It names no URL.") }
        guard pieces.count <= limit else {
            throw error(parameter, "It names \(pieces.count) URLs; at most \(limit) are allowed.")
        }
        var urls: [SubmittedURL] = []
        for (index, piece) in pieces.enumerated() {
            do {
                urls.append(try SubmittedURL(piece))
            } catch let problem {
                throw error(parameter, "URL \(index + 1): \(problem.reason)")
            }
        }
        return urls
    }
}
