import Foundation
import Testing
import TowlineStore

@testable import TowlineStorePostgres

@Suite("what nodes say to each other")
struct SignalsTests {
    @Test("is heard with as much stack the hundred thousandth time as the first")
    func many() async {
        let connector = PostgresConnector(settings: [], session: [], intercept: nil, logger: quiet, onConnect: {})
        let pool = PostgresPool(name: "none", size: 1, limit: 1, connector: connector)
        let hub = PostgresSignals(signals: StoreSignals(), pool: pool)
        let heard = Shared(0)
        hub.hearOfQueues { _ in heard.withLock { $0 += 1 } }
        await withCheckedContinuation { continuation in
            let thread = Thread {
                for _ in 0..<50_000 {
                    hub.receive(QueueBell.prefix)
                    hub.wakeAll()
                }
                continuation.resume()
            }
            thread.stackSize = 512 << 10
            thread.start()
        }
        #expect(heard.withLock { $0 } == 100_000)
        await pool.close(StoreError(.unavailable, "closed"))
    }
}
