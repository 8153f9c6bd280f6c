import Testing
import TowlineTesting

extension StoreSuite.Case: CustomTestStringConvertible {
    /// The sentence about stores.
    public var testDescription: String { description }
}

@Suite(
    "the conformance suite on PostgreSQL", .serialized,
    .enabled(if: PostgresServer.isAvailable, "no PostgreSQL server"))
struct ConformanceTests {
    @Test("a store keeps its contract", arguments: StoreSuite.allCases)
    func conforms(_ storeCase: StoreSuite.Case) async throws {
        try await storeCase.run(PostgresUnderTest())
    }
}
