#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The span around now in which a signed timestamp is believed.
struct ReplayWindow {
    let now: Date
    let tolerance: Duration

    /// Checks the text of a timestamp header.
    ///
    /// - Returns: The text without surrounding blanks, which is what the signature covers.
    func check(_ header: String?, named name: String) throws(VODSignatureError) -> String {
        guard let header else { throw VODSignatureError(.timestampMissing, "The header \(name) is missing.") }
        let text = Bytes.trimmed(header)
        guard (1...12).contains(text.utf8.count), text.utf8.allSatisfy(Bytes.isDigit), let seconds = Int64(text) else {
            throw VODSignatureError(.timestampMalformed, "The header \(name) must be Unix time in seconds.")
        }
        let (whole, fraction) = tolerance.components
        let allowed = Double(whole) + Double(fraction) * 1e-18
        let age = now.timeIntervalSince1970 - Double(seconds)
        guard age <= allowed else {
            throw VODSignatureError(.timestampTooOld, "The time in \(name) lies more than \(tolerance) in the past.")
        }
        guard age >= -allowed else {
            throw VODSignatureError(.timestampTooNew, "The time in \(name) lies more than \(tolerance) ahead.")
        }
        return text
    }
}
