import Testing

@Suite("Hostile and broken origins", .serialized, .timeLimit(.minutes(3)))
struct OriginTableTests {
    @Test("each behaviour of an origin has its outcome", arguments: OriginTable.all)
    func behaviour(_ test: OriginCase) async throws {
        let bench = try await OriginBench(test)
        do {
            try await bench.run()
        } catch {
            await bench.close()
            throw error
        }
        await bench.close()
    }

    @Test("the table has at least 60 behaviours, none twice")
    func size() {
        #expect(OriginTable.all.count >= 60)
        #expect(Set(OriginTable.all.map(\.name)).count == OriginTable.all.count)
    }
}
