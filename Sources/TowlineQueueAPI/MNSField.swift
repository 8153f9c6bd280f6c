import HTTPTypes
import MNSWire

/// The names of the answer's own headers, in the case that clients look for (mns-api.md 1.3).
enum MNSField {
    static let requestID = HTTPField.Name(MNSHeader.requestID)
    static let version = HTTPField.Name(MNSHeader.version)
    static let location = HTTPField.Name(MNSHeader.location)
}
