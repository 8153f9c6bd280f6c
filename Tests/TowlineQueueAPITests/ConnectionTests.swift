import Synchronization
import Testing

@testable import TowlineQueueAPI

@Suite("Queue API: connections")
struct ConnectionTests {
    private final class Log: Sendable {
        private let entries = Mutex<[String]>([])
        var all: [String] { entries.withLock { $0 } }
        func add(_ entry: String) { entries.withLock { $0.append(entry) } }
    }

    @Test("what is written is not undone, what is not written is")
    func answers() {
        let (connection, log) = (MNSConnection(), Log())
        for id in ["a", "b", "c"] { #expect(connection.expectAnswer(to: id) { log.add(id) }) }
        #expect(connection.answerBegins { "x" } == nil)
        #expect(connection.answerBegins { "a" } == "a")
        connection.answerEnded("a", isWritten: true)
        #expect(connection.answerBegins { "b" } == "b")
        connection.answerEnded("b", isWritten: false)
        #expect(log.all == ["b"])
        connection.gone()
        #expect(log.all == ["b", "c"])
        connection.gone()
        #expect(log.all == ["b", "c"])
        #expect(!connection.expectAnswer(to: "d") { log.add("d") })
    }

    @Test("an answer on its way when the client goes is judged when it arrives", arguments: [true, false])
    func inFlight(isWritten: Bool) {
        let (connection, log) = (MNSConnection(), Log())
        #expect(connection.expectAnswer(to: "a") { log.add("a") })
        #expect(connection.answerBegins { "a" } == "a")
        connection.gone()
        #expect(log.all.isEmpty)
        connection.answerEnded("a", isWritten: isWritten)
        #expect(log.all == (isWritten ? [] : ["a"]))
    }

    @Test("a watcher is told once, at once when the client has gone, and not after it stopped")
    func watching() {
        let (connection, log) = (MNSConnection(), Log())
        connection.watch { log.add("stopped") }
        connection.stopWatching()
        connection.watch { log.add("first") }
        connection.gone()
        connection.gone()
        connection.watch { log.add("second") }
        #expect(log.all == ["first", "second"])
    }

    @Test("the id of an answer is looked for only when something waits for it")
    func idle() {
        let connection = MNSConnection()
        #expect(
            connection.answerBegins {
                Issue.record("nobody waits for an answer")
                return nil
            } == nil)
    }

    @Test("request ids have 24 upper-case hexadecimal digits and do not repeat")
    func requestIDs() {
        let ids = MNSRequestIDs()
        let made = Set((0..<1000).map { _ in ids.next() })
        #expect(made.count == 1000)
        #expect(made.allSatisfy { $0.count == 24 && $0.allSatisfy { "0123456789ABCDEF".contains($0) } })
        #expect(MNSRequestIDs().next().prefix(16) != MNSRequestIDs().next().prefix(16))
    }
}
