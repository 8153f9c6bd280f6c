/// Why a document is not XML that this module reads, and where.
///
/// Handle it by ``code``; the description is for people and holds at most a name of the document, never its text.
package struct XMLFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// What went wrong; each has a fixed label in snake case, for logs and metrics.
    package enum Code: String, Sendable, Hashable, CaseIterable {
        /// The document is longer than ``XMLLimits/totalBytes``; it was not looked at.
        case tooLarge = "too_large"
        /// Elements are nested deeper than ``XMLLimits/depth``.
        case tooDeep = "too_deep"
        /// There are more elements than ``XMLLimits/elements``.
        case tooManyElements = "too_many_elements"
        /// One element has more attributes than ``XMLLimits/attributes``.
        case tooManyAttributes = "too_many_attributes"
        /// The text of one element is longer than ``XMLLimits/textBytes``.
        case textTooLong = "text_too_long"
        /// There is a document type or another markup declaration; nothing after it was looked at.
        case documentType = "document_type"
        /// There is a processing instruction; nothing after it was looked at.
        case processingInstruction = "processing_instruction"
        /// The document says or shows that it is in another encoding than UTF-8.
        case encoding = "encoding"
        /// Bytes are not UTF-8.
        case invalidUTF8 = "invalid_utf8"
        /// A character, written or referred to, is none that XML 1.0 can carry; NUL is one.
        case invalidCharacter = "invalid_character"
        /// A reference names another entity than the five predefined ones.
        case unknownEntity = "unknown_entity"
        /// An element has two attributes of one name.
        case duplicateAttribute = "duplicate_attribute"
        /// An end tag belongs to another element than the one that is open.
        case unbalanced = "unbalanced"
        /// Text stands beside elements.
        case mixedContent = "mixed_content"
        /// Something follows the root element.
        case trailingContent = "trailing_content"
        /// The document ends too early; an empty one does.
        case truncated = "truncated"
        /// Anything else that is not well-formed.
        case malformed = "malformed"
    }

    /// What went wrong.
    package let code: Code

    /// Where, in bytes from the start of the document.
    package let offset: Int

    private let detail: String

    init(_ code: Code, offset: Int, _ detail: String) {
        self.code = code
        self.offset = offset
        self.detail = detail
    }

    /// One sentence for people, with the place.
    package var description: String { "\(detail) (byte \(offset))." }
}
