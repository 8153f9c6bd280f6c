import Testing
import TowlineCore

@Suite("The nine statuses")
struct VODStatusTests {
    @Test("every state has its status, and every status is reached")
    func table() throws {
        let stored = JobFailure(.storageFailed, "")
        let table: [(JobState, PullPhase, JobFailure?, VODStatus)] = [
            (.pending, .starting, nil, .pending), (.pulling, .starting, nil, .processing),
            (.pulling, .downloading, nil, .downloading), (.storing, .downloaded, nil, .downloadSuccess),
            (.storing, .uploading, nil, .uploading), (.stored, .uploading, nil, .uploadSuccess),
            (.succeeded, .uploading, nil, .success), (.failed, .starting, JobFailure(.urlInvalid, ""), .downloadFail),
            (.failed, .starting, stored, .uploadFail), (.cancelled, .starting, nil, .downloadFail),
        ]
        for (state, phase, failure, status) in table {
            #expect(VODStatus(try job(state, phase, failure)) == status, "\(state)")
        }
        #expect(Set(table.map(\.3)) == Set(VODStatus.allCases))
        #expect(Set(table.map(\.0)) == Set(JobState.allCases))
    }

    private func job(_ state: JobState, _ phase: PullPhase, _ failure: JobFailure?) throws -> Job {
        let time = Timestamp(milliseconds: 0)
        return Job(
            id: JobID(rawValue: 1), account: .standard, app: .standard, media: MediaID(rawValue: 2),
            request: PullRequest(sourceURL: "", displayURL: "", origin: ""), run: 1, state: state, phase: phase,
            attempts: 1, failure: failure, bytesReceived: 0, bytesTotal: nil, objectKey: nil, createdAt: time,
            runStartedAt: time, endedAt: nil)
    }
}
