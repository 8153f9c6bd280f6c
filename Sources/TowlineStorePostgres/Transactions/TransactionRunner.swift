import Foundation
import Synchronization
import TowlineCore
import TowlineStore

/// Runs operations in transactions on a connection's thread.
final class TransactionRunner: Sendable {
    /// How often a transaction is run in all that the server cannot bring in order with others.
    private static let tries = 6

    private let settings: PostgresStoreConfiguration
    private let signals: PostgresSignals
    /// The order of turns as this node knows it.
    let turns: LaneTurns
    /// Lanes that this node has met.
    let lanes: LaneCache
    /// This node's part of the queues.
    let desk: QueueDesk

    /// A runner that sends signals after commits.
    init(settings: PostgresStoreConfiguration, signals: PostgresSignals, turns: LaneTurns, lanes: LaneCache) {
        self.turns = turns
        self.lanes = lanes
        self.settings = settings
        self.signals = signals
        desk = QueueDesk(settings: settings)
    }

    /// Runs an operation and commits.
    ///
    /// It is run again when the server asks for it, and once on a new connection when the old one turns out to be gone
    /// before the commit was sent. When the connection is lost while the server commits, nobody knows whether it did:
    /// that is thrown as ``StoreError`` with code `unavailable`.
    ///
    /// - Throws: What the operation throws; ``PostgresFailure``.
    func run<T>(on session: PostgresSession, _ body: (Transaction) throws -> T) throws -> T {
        var left = Self.tries
        var mayReconnect = true
        while true {
            left -= 1
            let isFresh = session.isDisconnected
            let transaction = Transaction(
                connection: try session.connected(), session: session, settings: settings, turns: turns,
                laneCache: lanes, desk: desk)
            do {
                let result = try body(transaction)
                try commit(transaction)
                return result
            } catch let failure as PostgresFailure where failure.isSerialization && left > 0 {
                transaction.rollback()
                // 2 ms to 64 ms: those who were in each other's way must not meet again.
                Thread.sleep(forTimeInterval: Double.random(in: 0.001...0.002) * Double(1 << (Self.tries - left)))
            } catch let failure as PostgresFailure where failure.isConnectionLost && mayReconnect && !isFresh {
                session.disconnect()
                mayReconnect = false
            } catch {
                transaction.rollback()
                throw error
            }
        }
    }

    private func commit(_ transaction: Transaction) throws {
        do {
            try transaction.commit()
        } catch let failure as PostgresFailure where failure.isConnectionLost {
            throw StoreError(
                .unavailable,
                "the connection to PostgreSQL was lost during a commit; whether it took place is not known: "
                    + failure.message)
        }
        try transaction.noteWoken()
        transaction.effects.act()
        signals.send(transaction.effects)
    }
}
