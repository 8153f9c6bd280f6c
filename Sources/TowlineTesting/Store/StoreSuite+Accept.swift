import TowlineCore
import TowlineStore

extension StoreSuite {
    static let acceptCases: [Case] = [
        Case("accepted jobs are pending, in the order of the call, and can be read") { trial in
            let requests = [trial.request("1.mp4"), trial.request("2.mp4"), trial.request("3.mp4")]
            let jobs = try await trial.accept(requests)
            try expectEqual(jobs.map(\.request), requests, "requests of the returned jobs")
            try expectEqual(Set(jobs.map(\.id)).count, 3, "different job ids")
            try expectEqual(Set(jobs.map(\.media)).count, 3, "different media ids")
            for job in jobs {
                try expectEqual(job.state, .pending, "state")
                try expectEqual(job.run, 1, "run")
                try expectEqual(job.attempts, 0, "attempts")
                try expectEqual(job.runStartedAt, job.createdAt, "start of the first run")
                try expectEqual(try await trial.read(job.id), job, "the job as read")
            }
        },
        Case("every field of a request comes back as it was given") { trial in
            let request = trial.request("é 视频 \u{1F3AC}.mp4") { request in
                request.sourceURL += "?token=a%20b&x='\";--"
                request.displayURL = "https://origin.test/é 视频"
                request.userData = #"{"Extend":"x"}"#
                request.extend = "line\nbreak \u{FFFD}"
                request.callback = .http(url: "https://other.test/hook?a=b")
                request.metadata.description = "about"
                request.metadata.tags = ["one", "two,three", "四"]
                request.metadata.coverURL = "https://origin.test/cover.png"
                request.metadata.categoryID = "12"
                request.metadata.templateGroupID = "tg"
                request.metadata.workflowID = "wf"
                request.metadata.storageLocation = "loc"
                request.metadata.referenceID = "ref-000001"
                request.metadata.expectedBytes = 1 << 40
                request.metadata.expected.bytes = 1 << 41
                request.metadata.expected.crc64 = .max
                request.metadata.expected.sha256 = "5a"
                request.metadata.expected.md5 = "6b"
                request.metadata.fileExtension = nil
            }
            let job = try await trial.accept([request])[0]
            try expectEqual(try await trial.read(job.id).request, request, "the request as read")
        },
        Case("jobs of other accounts and unknown ids are left out") { trial in
            let own = try await trial.accept(1)[0]
            let foreign = try await trial.accept(1, account: trial.otherAccount)[0]
            let ids = [own.id, foreign.id, JobID(rawValue: 1)]
            let seen = try await trial.store.jobs(ids, account: trial.account)
            try expectEqual(seen.map(\.id), [own.id], "jobs of the account")
            let all = try await trial.store.jobs(ids, account: nil)
            try expectEqual(Set(all.map(\.id)), [own.id, foreign.id], "jobs for an operator")
        },
        Case("a nonce that was used accepts nothing") { trial in
            let nonce = RequestNonce(accessKeyID: "key", value: "n1", lifetime: .seconds(60))
            let call = JobSubmission(account: trial.account, nonce: nonce, requests: [trial.request()])
            _ = try await trial.store.accept(call)
            try await expectError(.nonceUsed, "a replayed call") { _ = try await trial.store.accept(call) }
            try expectEqual(try await trial.store.jobCounts()[.pending], 1, "pending jobs")
            var other = call
            other.nonce = RequestNonce(accessKeyID: "other", value: "n1", lifetime: .seconds(60))
            _ = try await trial.store.accept(other)
            trial.advance(by: .seconds(61))
            _ = try await trial.store.accept(call)
            try expectEqual(try await trial.store.jobCounts()[.pending], 3, "pending jobs")
        },
        Case("a session id is taken for ten minutes within its account and application") { trial in
            var call = JobSubmission(account: trial.account, sessionID: "s", requests: [trial.request()])
            _ = try await trial.store.accept(call)
            try await expectError(.conflict, "a second call") { _ = try await trial.store.accept(call) }
            var elsewhere = call
            elsewhere.app = AppID("app-2")
            _ = try await trial.store.accept(elsewhere)
            elsewhere.account = trial.otherAccount
            _ = try await trial.store.accept(elsewhere)
            trial.advance(by: .seconds(540))
            try await expectError(.conflict, "a call after 540 s") { _ = try await trial.store.accept(call) }
            trial.advance(by: .seconds(61))
            call.requests = [trial.request("again.mp4")]
            _ = try await trial.store.accept(call)
            try expectEqual(try await trial.store.jobCounts()[.pending], 4, "pending jobs")
        },
        Case("a refused session id leaves the nonce unused") { trial in
            let nonce = RequestNonce(accessKeyID: "key", value: "n1")
            var call = JobSubmission(account: trial.account, sessionID: "s", requests: [trial.request()])
            _ = try await trial.store.accept(call)
            call.nonce = nonce
            try await expectError(.conflict, "a taken session id") { _ = try await trial.store.accept(call) }
            call.sessionID = "t"
            _ = try await trial.store.accept(call)
        },
        Case("a replayed call is a used nonce, not a taken session id") { trial in
            let nonce = RequestNonce(accessKeyID: "key", value: "n1")
            let call = JobSubmission(
                account: trial.account, sessionID: "s", nonce: nonce, requests: [trial.request()])
            _ = try await trial.store.accept(call)
            try await expectError(.nonceUsed, "a replayed call") { _ = try await trial.store.accept(call) }
        },
        Case("of calls with one nonce at the same time exactly one is accepted") { trial in
            let nonce = RequestNonce(accessKeyID: "key", value: "n1")
            let call = JobSubmission(account: trial.account, nonce: nonce, requests: [trial.request()])
            let accepted = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<20 {
                    group.addTask { (try? await trial.store.accept(call)) != nil }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            try expectEqual(accepted, 1, "accepted calls")
            try expectEqual(try await trial.store.jobCounts()[.pending], 1, "pending jobs")
        },
        Case("times grow from call to call") { trial in
            var last = try await trial.accept(1)[0].createdAt
            for _ in 0..<20 {
                trial.advance(by: .milliseconds(1))
                let next = try await trial.accept(1)[0].createdAt
                try expect(next > last, "a job was made at \(next.milliseconds), after \(last.milliseconds)")
                last = next
            }
        },
    ]

    static let listCases: [Case] = [
        Case("jobs are found by their exact source URL, newest first") { trial in
            var expected: [JobID] = []
            for _ in 0..<3 {
                expected.insert(try await trial.accept([trial.request("same.mp4")])[0].id, at: 0)
                trial.advance(by: .seconds(1))
            }
            try await trial.accept([trial.request("same.mp4?x=1")])
            try await trial.accept([trial.request("same.mp4")], account: trial.otherAccount)
            let url = "https://origin.test:443/same.mp4"
            let found = try await trial.store.jobs(sourceURL: url, account: trial.account, limit: 10)
            try expectEqual(found.map(\.id), expected, "jobs")
            let newest = try await trial.store.jobs(sourceURL: url, account: trial.account, limit: 2)
            try expectEqual(newest.map(\.id), Array(expected.prefix(2)), "the newest jobs")
            let none = try await trial.store.jobs(sourceURL: url + "x", account: trial.account, limit: 2)
            try expect(none.isEmpty, "a job was found by another URL")
        },
        Case("pages of a list hold every job once, newest first") { trial in
            var expected: [JobID] = []
            for number in 0..<23 {
                expected.insert(try await trial.accept([trial.request("\(number).mp4")])[0].id, at: 0)
                trial.advance(by: .milliseconds(5))
            }
            try expectEqual(try await trial.list(JobFilter(), limit: 5), expected, "jobs in pages of 5")
            try expectEqual(try await trial.list(JobFilter(), limit: 23), expected, "jobs in one page")
        },
        Case("a list is filtered by state, origin and text") { trial in
            try await trial.accept([trial.request("old.mp4", origin: "https://a.test:443")])
            let claimed = try await trial.claimOne()
            try await trial.finish(claimed, .failed(JobFailure(.urlInvalid, "404")))
            let jobs = try await trial.accept([
                trial.request("blue.mp4", origin: "https://a.test:443"),
                trial.request("green.mp4", origin: "https://b.test:443"),
                trial.request("x.mp4", origin: "https://b.test:443") { $0.metadata.title = "100%_green" },
            ])
            try expectEqual(
                try await trial.list(JobFilter(state: .failed)), [claimed.job.id], "failed jobs")
            try expectEqual(
                Set(try await trial.list(JobFilter(state: .pending))), Set(jobs.map(\.id)), "pending jobs")
            try expectEqual(
                Set(try await trial.list(JobFilter(origin: "https://b.test:443"))),
                [jobs[1].id, jobs[2].id], "jobs of an origin")
            try expectEqual(
                Set(try await trial.list(JobFilter(text: "green"))), [jobs[1].id, jobs[2].id], "jobs by text")
            try expectEqual(try await trial.list(JobFilter(text: "%_")), [jobs[2].id], "jobs by literal text")
            try expectEqual(
                try await trial.list(JobFilter(state: .pending, origin: "https://a.test:443", text: "blue")),
                [jobs[0].id], "jobs by all filters")
            try expectEqual(try await trial.list(JobFilter(state: .stored)), [], "stored jobs")
        },
        Case("jobs are counted by state") { trial in
            try await trial.accept(5)
            let claims = try await trial.claim(3).items
            try await trial.finish(claims[0], .stored(bytes: 1, small: nil))
            try await trial.finish(claims[1], .failed(JobFailure(.urlInvalid, "404")))
            let counts = try await trial.store.jobCounts()
            try expectEqual(counts[.pending] ?? 0, 2, "pending")
            try expectEqual(counts[.pulling] ?? 0, 1, "pulling")
            try expectEqual(counts[.succeeded] ?? 0, 1, "succeeded")
            try expectEqual(counts[.failed] ?? 0, 1, "failed")
            try expectEqual(counts.values.reduce(0, +), 5, "all")
        },
    ]
}

extension StoreTrial {
    /// Every job of a list, page by page.
    func list(_ filter: JobFilter, limit: Int = 10) async throws -> [JobID] {
        var filter = filter
        var ids: [JobID] = []
        while true {
            let page = try await store.jobs(matching: filter, limit: limit)
            try expect(page.items.count <= limit, "a page of \(page.items.count) jobs")
            ids += page.items.map(\.id)
            guard let next = page.next else { return ids }
            filter.before = try unwrap(JobID(next), "the next page's mark is no job id")
        }
    }
}
