/// Compares two byte sequences in a time that depends on their lengths only.
///
/// Use it wherever one side is a secret or is derived from one. A difference in length is answered at once: the lengths
/// of digests are public.
///
/// - Parameters:
///   - left: Bytes of any length.
///   - right: Bytes of any length.
/// - Returns: `true` when both hold the same bytes in the same order; two empty sequences are equal.
package func constantTimeEquals(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for (one, other) in zip(left, right) {
        difference |= one ^ other
    }
    return difference == 0
}

/// Compares the UTF-8 bytes of two texts in a time that depends on their lengths only.
///
/// Unlike `==` on `String` it does not treat canonically equivalent texts as equal.
///
/// - Parameters:
///   - left: Any text.
///   - right: Any text.
/// - Returns: `true` when both texts have the same UTF-8 bytes.
package func constantTimeEquals(_ left: String, _ right: String) -> Bool {
    constantTimeEquals(Array(left.utf8), Array(right.utf8))
}
