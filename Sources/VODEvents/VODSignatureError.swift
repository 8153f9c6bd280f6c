/// Why a signature was refused or could not be made.
///
/// Handle it by ``code``. Neither keys nor the expected signature ever appear in it.
public struct VODSignatureError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What went wrong; new codes may be added in later versions.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String {
            case noKeys = "no_keys"
            case secretMalformed = "secret_malformed"
            case idMissing = "id_missing"
            case idMalformed = "id_malformed"
            case timestampMissing = "timestamp_missing"
            case timestampMalformed = "timestamp_malformed"
            case timestampTooOld = "timestamp_too_old"
            case timestampTooNew = "timestamp_too_new"
            case signatureMissing = "signature_missing"
            case signatureMalformed = "signature_malformed"
            case signatureMismatch = "signature_mismatch"
        }

        private let value: Value

        /// The receiver has no key to verify with, or one that is empty.
        public static let noKeys = Code(value: .noKeys)
        /// A secret is not `whsec_` and base64 of 24 to 64 bytes.
        public static let secretMalformed = Code(value: .secretMalformed)
        /// The header `webhook-id` is missing.
        public static let idMissing = Code(value: .idMissing)
        /// The header `webhook-id` is empty, longer than 256 characters, or holds a dot, a blank or a non-ASCII character.
        public static let idMalformed = Code(value: .idMalformed)
        /// The header with the timestamp is missing.
        public static let timestampMissing = Code(value: .timestampMissing)
        /// The timestamp is not a number of seconds in 1 to 12 digits.
        public static let timestampMalformed = Code(value: .timestampMalformed)
        /// The timestamp lies further back than the tolerance: a late or a replayed request.
        public static let timestampTooOld = Code(value: .timestampTooOld)
        /// The timestamp lies further ahead than the tolerance: the clocks differ.
        public static let timestampTooNew = Code(value: .timestampTooNew)
        /// The header with the signature is missing.
        public static let signatureMissing = Code(value: .signatureMissing)
        /// The signature does not have the form of its scheme.
        public static let signatureMalformed = Code(value: .signatureMalformed)
        /// No key gives this signature: another key, another URL, or an altered request.
        public static let signatureMismatch = Code(value: .signatureMismatch)

        /// A fixed label in snake case, for logs and metrics.
        public var description: String { value.rawValue }
    }

    /// What went wrong.
    public let code: Code

    /// One sentence for people that names the header and what is allowed.
    public let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
