import TowlineObjects

/// How a file is divided among connections: pieces handed out in order, put in place in any order.
///
/// Pure. What counts as received is the beginning without a gap; nothing is handed out far beyond it.
struct PiecePlan {
    private let total: Int64
    private let pieceBytes: Int64
    private let window: Int64
    private let shares: Int64
    /// Bytes from the beginning of the file that are in place without a gap.
    private(set) var prefix: Int64
    /// The digest of these.
    private(set) var crc64: CRC64
    private var next: Int64
    private var returned: [Range<Int64>] = []
    private var done: [Int64: (end: Int64, crc64: CRC64)] = [:]

    /// A plan for the rest of a file.
    ///
    /// - Parameters:
    ///   - total: The file's length.
    ///   - prefix: Bytes that are in place.
    ///   - crc64: Their digest.
    ///   - pieceBytes: The length of a piece at most.
    ///   - shares: A piece is no more than such a part of what nobody has, so that all connections end together; but at
    ///     least a sixteenth of the longest piece.
    ///   - window: How far beyond the first gap pieces are handed out.
    init(total: Int64, prefix: Int64, crc64: CRC64, pieceBytes: Int64, shares: Int64 = 32, window: Int64) {
        self.total = total
        self.prefix = prefix
        self.crc64 = crc64
        self.pieceBytes = max(1, pieceBytes)
        self.window = max(window, pieceBytes)
        self.shares = max(1, shares)
        next = prefix
    }

    /// Whether every byte is in place.
    var isComplete: Bool { prefix == total }

    /// Hands out the first piece that nobody has; nil when there is none within the window.
    mutating func take() -> Range<Int64>? {
        if let first = returned.first {
            returned.removeFirst()
            return first
        }
        guard next < total, next - prefix < window else { return nil }
        let length = min(pieceBytes, max(1, pieceBytes / 16, (total - next) / shares))
        let piece = next..<min(next + length, total)
        next = piece.upperBound
        return piece
    }

    /// Takes note of bytes in place.
    mutating func putInPlace(_ bytes: Range<Int64>, crc64: CRC64) {
        guard !bytes.isEmpty else { return }
        done[bytes.lowerBound] = (bytes.upperBound, crc64)
        while let piece = done.removeValue(forKey: prefix) {
            self.crc64 = self.crc64.followed(by: piece.crc64, count: piece.end - prefix)
            prefix = piece.end
        }
    }

    /// Takes back a piece, or the rest of one, to hand it out again before any other.
    mutating func giveBack(_ bytes: Range<Int64>) {
        guard !bytes.isEmpty else { return }
        returned.append(bytes)
        returned.sort { $0.lowerBound < $1.lowerBound }
    }
}
