package import TowlineCore

extension TimeOrderedID {
    /// The least identifier of a moment.
    package static func first(at time: Timestamp) -> Self {
        Self(rawValue: UInt128(min(max(0, time.milliseconds), (1 << 48) - 1)) << 80)
    }

    /// The moment of its making, in milliseconds since 1970.
    package var milliseconds: Int64 { Int64(rawValue >> 80) }
}
