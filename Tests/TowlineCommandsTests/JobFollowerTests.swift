import Synchronization
import Testing
import TowlineClient

@testable import TowlineCommands

/// Answers each question with the next step of a script; the last step stays.
private struct ScriptedObserver: JobObserver {
    enum Step: Sendable {
        case statuses([String: UploadStatus])
        case bytes(String, Int64, of: Int64?)
        case error(AdminClientError)
    }

    var steps: [Step]
    let asked: Asked

    final class Asked: Sendable {
        let ids = Mutex<[[String]]>([])
    }

    mutating func snapshots(of ids: [String]) async throws -> [JobSnapshot] {
        asked.ids.withLock { $0.append(ids) }
        let step = steps.count > 1 ? steps.removeFirst() : steps[0]
        switch step {
        case .statuses(let statuses):
            return ids.compactMap { id in
                statuses[id].map { status in
                    var snapshot = JobSnapshot(accepted: id)
                    snapshot.status = status
                    snapshot.bytesTotal = status.isStored ? 2048 : nil
                    snapshot.errorCode = status.isFailure ? "URLInvalidError" : nil
                    snapshot.errorMessage = status.isFailure ? "HTTP 404" : nil
                    return snapshot
                }
            }
        case .bytes(let id, let received, let total):
            var snapshot = JobSnapshot(accepted: id)
            snapshot.status = .downloading
            snapshot.bytesReceived = received
            snapshot.bytesTotal = total
            return [snapshot]
        case .error(let error): throw error
        }
    }
}

private let unreachable = AdminClientError(kind: .unreachable, status: nil, message: "no server answers at http://h")

@Suite("following jobs")
struct JobFollowerTests {
    private let captured = Captured()
    private let asked = ScriptedObserver.Asked()
    private let clock = StepClock()

    private func follower(
        _ ids: [String], _ steps: [ScriptedObserver.Step], isTerminal: Bool = false
    ) -> JobFollower<ScriptedObserver, StepClock> {
        JobFollower(
            ids.map { FollowedJob(id: $0, label: "\($0).mp4") },
            observer: ScriptedObserver(steps: steps, asked: asked), pace: .init(waits: [.seconds(1)]), clock: clock,
            console: captured.console(isTerminal: isTerminal, size: TerminalSize(columns: 80, rows: 24)))
    }

    @Test("without a terminal each change is a line, and what did not change is silent")
    func plain() async throws {
        var follower = follower(
            ["a", "b"],
            [
                .statuses(["a": .pending, "b": .downloading]), .statuses(["a": .downloading, "b": .downloading]),
                .statuses(["a": .success, "b": .downloadFail]),
            ])
        let results = try await follower.follow()
        #expect(results.map(\.status) == [.success, .downloadFail])
        #expect(
            captured.errorLines == [
                "b DOWNLOADING b.mp4", "a DOWNLOADING a.mp4", "a SUCCESS a.mp4 (2.0 KiB)",
                "b DOWNLOAD_FAIL b.mp4 (URLInvalidError: HTTP 404)",
            ])
        #expect(captured.out.isEmpty)
    }

    @Test("jobs that have ended are not asked about again")
    func asksForOpenJobs() async throws {
        var follower = follower(
            ["a", "b"], [.statuses(["a": .success, "b": .pending]), .statuses(["b": .success])])
        _ = try await follower.follow()
        #expect(asked.ids.withLock { $0 } == [["a", "b"], ["b"]])
    }

    @Test("a stored file waits for its callback, and counts as done after 30 seconds")
    func callbackWait() async throws {
        var follower = follower(["a"], [.statuses(["a": .uploadSuccess])])
        let results = try await follower.follow()
        #expect(results.map(\.status) == [.uploadSuccess])
        #expect(clock.now.offset == .seconds(30))
    }

    @Test("a callback that ends in time makes it a success")
    func callbackEnds() async throws {
        var follower = follower(["a"], [.statuses(["a": .uploadSuccess]), .statuses(["a": .success])])
        #expect(try await follower.follow().map(\.status) == [.success])
        #expect(clock.now.offset == .seconds(1))
    }

    @Test("a short outage is waited out")
    func shortOutage() async throws {
        var follower = follower(["a"], [.error(unreachable), .error(unreachable), .statuses(["a": .success])])
        #expect(try await follower.follow().map(\.status) == [.success])
        #expect(captured.errorLines.count { $0.hasPrefix("waiting: ") } == 1)
    }

    @Test("an outage of 30 seconds ends with the code for a server out of reach")
    func longOutage() async throws {
        var follower = follower(["a"], [.error(unreachable)])
        let failure = await #expect(throws: CommandFailure.self) { try await follower.follow() }
        #expect(failure?.status == .unreachable)
        #expect(clock.now.offset == .seconds(30))
    }

    @Test("a refusal ends at once")
    func refusal() async throws {
        let refusal = AdminClientError(kind: .refused, status: 404, message: "there is no job a")
        var follower = follower(["a"], [.error(refusal)])
        await #expect(throws: refusal) { try await follower.follow() }
    }

    @Test("a cancelled task ends with what is known")
    func cancelled() async throws {
        let follower = follower(["a"], [.statuses(["a": .downloading])])
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            var follower = follower
            return try await follower.follow()
        }
        #expect(try await task.value.map(\.status) == [.downloading])
    }

    @Test("on a terminal the bars are drawn in place, with rate and time left")
    func terminal() async throws {
        var follower = follower(
            ["a"],
            [.bytes("a", 1 << 20, of: 4 << 20), .bytes("a", 2 << 20, of: 4 << 20), .statuses(["a": .success])],
            isTerminal: true)
        _ = try await follower.follow()
        let frames = captured.error.split(separator: "\u{1B}[1A").map(String.init)
        #expect(
            frames == [
                "\r\u{1B}[2Ka.mp4  waiting\n",
                "\r\u{1B}[2Ka.mp4  [######------------------]  25%  1.0/4.0 MiB\n",
                "\r\u{1B}[2Ka.mp4  [############------------]  50%  2.0/4.0 MiB     1.0 MiB/s     0:02 left\n",
                "\r\u{1B}[2Ka.mp4  done, 2.0 KiB\n",
            ])
    }

    @Test("after the admin API has failed once, states come from the VOD API for good")
    func fallback() async throws {
        let primary = ScriptedObserver(steps: [.error(unreachable), .statuses(["a": .success])], asked: asked)
        let secondary = ScriptedObserver(steps: [.statuses(["a": .downloading])], asked: .init())
        let reasons = Mutex<[AdminClientError]>([])
        var observer = FallbackJobObserver(primary, secondary) { error in reasons.withLock { $0.append(error) } }
        for _ in 0..<3 {
            #expect(try await observer.snapshots(of: ["a"]).map(\.status) == [.downloading])
        }
        #expect(reasons.withLock { $0 } == [unreachable])
        #expect(asked.ids.withLock { $0.count } == 1)
    }

    @Test("when both fail, the admin API is asked again")
    func bothFail() async throws {
        let primary = ScriptedObserver(steps: [.error(unreachable), .statuses(["a": .success])], asked: asked)
        let secondary = ScriptedObserver(steps: [.error(unreachable)], asked: .init())
        var observer = FallbackJobObserver(primary, secondary) { _ in Issue.record("it must not fall back") }
        await #expect(throws: unreachable) { try await observer.snapshots(of: ["a"]) }
        #expect(try await observer.snapshots(of: ["a"]).map(\.status) == [.success])
    }
}
