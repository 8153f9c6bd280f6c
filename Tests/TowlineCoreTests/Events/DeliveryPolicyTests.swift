import Testing
import TowlineCore

@Suite("Delivery policies")
struct DeliveryPolicyTests {
    @Test("exact makes three attempts with a second between them")
    func exact() {
        let policy = DeliveryPolicy.exact
        #expect(policy.wait(after: 1, random: 0) == .seconds(1))
        #expect(policy.wait(after: 2, random: 0) == .seconds(1))
        #expect(policy.wait(after: 3, random: 0) == nil)
    }

    @Test("durable makes twelve attempts over at least 76 hours")
    func durable() {
        let waits = (1...12).map { DeliveryPolicy.durable.wait(after: $0, random: 0) }
        #expect(waits.compactMap { $0 }.count == 11)
        #expect(waits[11] == nil)
        #expect(waits.compactMap { $0 }.reduce(.zero, +) >= .seconds(76 * 3600))
    }

    @Test("jitter only lengthens a wait, by a tenth at most", arguments: [0, 0.5, 0.999, 1, 7, -3])
    func jitter(random: Double) throws {
        for attempt in 1...11 {
            let plain = try #require(DeliveryPolicy.durable.wait(after: attempt, random: 0))
            let wait = try #require(DeliveryPolicy.durable.wait(after: attempt, random: random))
            #expect(wait >= plain)
            #expect(wait <= plain * 1.1 + .microseconds(1))
        }
    }

    @Test("policies are found by their names")
    func names() {
        #expect(DeliveryPolicy.Name(rawValue: "exact") == DeliveryPolicy.exact.name)
        #expect(DeliveryPolicy.Name(rawValue: "durable") == DeliveryPolicy.durable.name)
        #expect(DeliveryPolicy.Name(rawValue: "Exact") == nil)
    }
}
