package import TowlineCore

/// A value that stands in a column as a small number; numbers are never given a new meaning.
package protocol StoredAsNumber: CaseIterable, Equatable, Sendable {
    /// The number in the column.
    var number: Int { get }
}

extension StoredAsNumber {
    /// The value of a number.
    ///
    /// - Throws: ``StoreError`` with code `corrupted` for an unknown number.
    package init(number: Int) throws {
        guard let value = Self.allCases.first(where: { $0.number == number }) else {
            throw StoreError(.corrupted, "the database holds \(number), which is no \(Self.self)")
        }
        self = value
    }
}

extension JobState: StoredAsNumber {
    package var number: Int {
        switch self {
        case .pending: 0
        case .pulling: 1
        case .storing: 2
        case .stored: 3
        case .succeeded: 4
        case .failed: 5
        case .cancelled: 6
        }
    }
}

extension PullPhase: StoredAsNumber {
    package var number: Int {
        switch self {
        case .starting: 0
        case .downloading: 1
        case .downloaded: 2
        case .uploading: 3
        }
    }
}

extension DeliveryState: StoredAsNumber {
    package var number: Int {
        switch self {
        case .pending: 0
        case .sending: 1
        case .delivered: 2
        case .dead: 3
        // Never in a column: pending at an endpoint that is disabled.
        case .held: 4
        }
    }
}

extension EventType: StoredAsNumber {
    package var number: Int {
        switch self {
        case .uploadByURLComplete: 1
        case .fileUploadComplete: 2
        }
    }
}

/// Why a run or a delivery is in a lane's queue: the column `waiting` of `runs`.
package enum Waiting {
    /// Claimable now, in the order of priority and due time.
    package static let ready = 1
    /// Claimable later, in the order of due time.
    package static let scheduled = 2
}

extension DeliveryOrigin {
    /// The number in the column `origin`; never given a new meaning.
    package var number: Int {
        switch self {
        case .event: 0
        case .redelivery: 1
        case .replay: 2
        }
    }
}
