import Testing

/// Each theme runs its behaviours one after the other, so that their times hold; the themes run side by side.
@Suite("Hostile and broken origins", .timeLimit(.minutes(3)))
struct OriginTableTests {
    @Test("each behaviour has its outcome: lengths", .serialized, arguments: OriginTable.lengths)
    func lengths(_ test: OriginCase) async throws { try await run(test) }

    @Test("each behaviour has its outcome: chunks", .serialized, arguments: OriginTable.chunks)
    func chunks(_ test: OriginCase) async throws { try await run(test) }

    @Test("each behaviour has its outcome: heads", .serialized, arguments: OriginTable.heads)
    func heads(_ test: OriginCase) async throws { try await run(test) }

    @Test("each behaviour has its outcome: content encodings", .serialized, arguments: OriginTable.encodings)
    func encodings(_ test: OriginCase) async throws { try await run(test) }

    @Test("each behaviour has its outcome: floods", .serialized, arguments: OriginTable.floods)
    func floods(_ test: OriginCase) async throws { try await run(test) }

    @Test("each behaviour has its outcome: slowness and silence", .serialized, arguments: OriginTable.times)
    func times(_ test: OriginCase) async throws { try await run(test) }

    @Test("each behaviour has its outcome: breaks of connections", .serialized, arguments: OriginTable.breaks)
    func breaks(_ test: OriginCase) async throws { try await run(test) }

    @Test("each behaviour has its outcome: ranges", .serialized, arguments: OriginTable.ranges)
    func ranges(_ test: OriginCase) async throws { try await run(test) }

    @Test("each behaviour has its outcome: statuses", .serialized, arguments: OriginTable.statuses)
    func statuses(_ test: OriginCase) async throws { try await run(test) }

    @Test("each behaviour has its outcome: redirects", .serialized, arguments: OriginTable.redirects)
    func redirects(_ test: OriginCase) async throws { try await run(test) }

    @Test("each behaviour has its outcome: addresses", .serialized, arguments: OriginTable.addresses)
    func addresses(_ test: OriginCase) async throws { try await run(test) }

    @Test("each behaviour has its outcome: TLS", .serialized, arguments: OriginTable.tls)
    func tls(_ test: OriginCase) async throws { try await run(test) }

    @Test("each behaviour has its outcome: Retry-After", .serialized, arguments: OriginTable.retryAfter)
    func retryAfter(_ test: OriginCase) async throws { try await run(test) }

    private func run(_ test: OriginCase) async throws {
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
        let all = OriginTable.themes.flatMap { $0 }
        #expect(all.count >= 60)
        #expect(Set(all.map(\.name)).count == all.count)
    }
}
