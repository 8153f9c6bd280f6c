/// Why a body is not an event that can be decoded.
///
/// Handle it by ``code``; the description is for people and holds at most the name of a member, never its value.
public struct VODEventError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What went wrong; new codes may be added in later versions.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String {
            case bodyTooLarge = "body_too_large"
            case tooDeep = "too_deep"
            case notJSON = "not_json"
            case notUTF8 = "not_utf8"
            case duplicateMember = "duplicate_member"
            case notAnObject = "not_an_object"
            case missingEventType = "missing_event_type"
            case notBase64 = "not_base64"
        }

        private let value: Value

        /// The body has more bytes than ``VODEvent/DecodingLimits/maximumBytes``; it was not looked at.
        public static let bodyTooLarge = Code(value: .bodyTooLarge)
        /// Objects and arrays are nested deeper than ``VODEvent/DecodingLimits/maximumDepth``.
        public static let tooDeep = Code(value: .tooDeep)
        /// The text is not JSON, even with trailing commas allowed; the offset tells where.
        public static let notJSON = Code(value: .notJSON)
        /// A text holds bytes that are not UTF-8, or half of a surrogate pair.
        public static let notUTF8 = Code(value: .notUTF8)
        /// An object holds the same name twice, so that two readers could disagree about it.
        public static let duplicateMember = Code(value: .duplicateMember)
        /// The JSON text is something else than an object.
        public static let notAnObject = Code(value: .notAnObject)
        /// There is no `EventType`, or it is not a text, or it is empty.
        public static let missingEventType = Code(value: .missingEventType)
        /// A queue message is neither a JSON object nor base64.
        public static let notBase64 = Code(value: .notBase64)

        /// A fixed label in snake case, for logs and metrics.
        public var description: String { value.rawValue }
    }

    /// What went wrong.
    public let code: Code

    /// Where in the JSON text, in bytes from its start; `nil` where a place makes no sense.
    public let offset: Int?

    private let detail: String

    init(_ code: Code, offset: Int? = nil, _ detail: String) {
        self.code = code
        self.offset = offset
        self.detail = detail
    }

    /// One sentence for people, with the place where it is known.
    public var description: String {
        offset.map { "\(detail) (byte \($0))" } ?? detail
    }
}
