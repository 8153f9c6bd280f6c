import TowlineCore
import TowlineStore

extension StoreSuite {
    static let accountCases: [Case] = [
        Case("keys are found with their secret until they are revoked, and marked afterwards") { trial in
            let key = AccessKey(id: "LTAI1", secret: "s3cret é", account: trial.account)
            try expectEqual(try await trial.store.key(key.id), nil, "an unknown key")
            try await trial.store.createKey(key)
            try expectEqual(try await trial.store.key(key.id), key, "the key")
            try expectEqual(try await trial.store.key(key.id), key, "the key, again")
            try await trial.store.revokeKey(key.id)
            let revoked = try unwrap(try await trial.store.key(key.id), "the revoked key is gone")
            try expect(revoked.isRevoked, "the key is not marked as revoked")
            try await trial.store.revokeKey(key.id)
            try await expectError(.notFound, "revoking an unknown key") { try await trial.store.revokeKey("nope") }
        },
        Case("storing a key again is fine, storing another under its id is not") { trial in
            let key = AccessKey(id: "LTAI1", secret: "one", account: trial.account)
            try await trial.store.createKey(key)
            try await trial.store.createKey(key)
            try await expectError(.conflict, "another secret") {
                try await trial.store.createKey(AccessKey(id: "LTAI1", secret: "two", account: trial.account))
            }
            try await expectError(.conflict, "another account") {
                try await trial.store.createKey(AccessKey(id: "LTAI1", secret: "one", account: trial.otherAccount))
            }
            try expectEqual(try await trial.store.key("LTAI1"), key, "the key")
        },
        Case("keys are listed newest first") { trial in
            for id in ["a", "b", "c"] {
                try await trial.store.createKey(AccessKey(id: id, secret: id, account: trial.account))
                trial.advance(by: .seconds(1))
            }
            try await trial.store.revokeKey("b")
            let listed = try await trial.store.listKeys()
            try expectEqual(listed.map(\.id), ["c", "b", "a"], "ids")
            try expectEqual(listed.map { $0.revokedAt != nil }, [false, true, false], "revoked")
        },
        Case("a callback configuration comes back byte for byte until it is replaced or removed") { trial in
            var configuration = CallbackConfiguration(account: trial.account, app: AppID("app-7"))
            configuration.callbackType = "hTTp"
            configuration.callbackURL = "https://r.test/a%20b?x=é&y= "
            configuration.eventTypeList = "UploadByURLComplete, FileUploadComplete"
            configuration.authSwitch = "On"
            configuration.authKey = "k\"ey'"
            configuration.mnsEndpoint = "http://1000.mns.cn-shanghai.example.com/?é= "
            configuration.mnsQueueName = "Orders-1"
            configuration.isOwnQueue = true
            try await trial.store.setCallback(configuration, nonce: nil)
            func stored(_ app: AppID = AppID("app-7")) async throws -> CallbackConfiguration? {
                try await trial.store.callback(account: trial.account, app: app)
            }
            try expectEqual(try await stored(), configuration, "the configuration")
            try expectEqual(try await stored(.standard), nil, "another application's configuration")
            configuration.authKey = ""
            configuration.callbackURL = ""
            configuration.isOwnQueue = false
            configuration.mnsQueueName = ""
            try await trial.store.setCallback(configuration, nonce: nil)
            try expectEqual(try await stored(), configuration, "the replaced configuration")
            try await trial.store.deleteCallback(account: trial.account, app: configuration.app, nonce: nil)
            try expectEqual(try await stored(), nil, "the removed configuration")
            try await trial.store.deleteCallback(account: trial.account, app: configuration.app, nonce: nil)
        },
        Case("a removed configuration sends nothing") { trial in
            try await trial.setCallback()
            _ = try await trial.finishedJob()
            try await trial.store.deleteCallback(account: trial.account, app: .standard, nonce: nil)
            let job = try await trial.finishedJob()
            try expectEqual(job.state, .succeeded, "state")
            try expectEqual(try await trial.claimDeliveries().items.count, 2, "deliveries of the first job")
        },
        Case("a used nonce changes no configuration") { trial in
            let nonce = RequestNonce(accessKeyID: "key", value: "n")
            var configuration = CallbackConfiguration(account: trial.account, app: .standard)
            configuration.callbackURL = "https://one.test/"
            try await trial.store.setCallback(configuration, nonce: nonce)
            var other = configuration
            other.callbackURL = "https://two.test/"
            try await expectError(.nonceUsed, "a replayed set") {
                try await trial.store.setCallback(other, nonce: nonce)
            }
            try await expectError(.nonceUsed, "a replayed delete") {
                try await trial.store.deleteCallback(account: trial.account, app: .standard, nonce: nonce)
            }
            let stored = try await trial.store.callback(account: trial.account, app: .standard)
            try expectEqual(stored, configuration, "the configuration")
        },
    ]

    static let signalCases: [Case] = [
        Case("accepting wakes those who wait for jobs") { trial in
            try await trial.expectSignal(.jobsDue) { try await trial.accept(1) }
            try await trial.expectSignal(.jobsChanged) { try await trial.accept(1) }
        },
        Case("a free slot and a retry wake those who wait for jobs") { trial in
            try await trial.accept(2)
            let claim = try await trial.claim(10, perOrigin: 1).items[0]
            try await trial.expectSignal(.jobsDue) { try await trial.finish(claim, .stored(bytes: 1, small: nil)) }
            let next = try await trial.claim(10, perOrigin: 1).items[0]
            try await trial.expectSignal(.jobsDue) {
                try await trial.finish(
                    next, .retry(JobFailure(.sourceUnavailable, "503"), after: .seconds(1), madeProgress: false))
            }
        },
        Case("new deliveries, their retries and free slots wake those who wait for deliveries") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            try await trial.expectSignal(.deliveriesDue) { try await trial.finish(2) }
            let claim = try await trial.claimDeliveries(10, perEndpoint: 1).items[0]
            try await trial.expectSignal(.deliveriesDue) { try await trial.report(claim, .delivered) }
            let next = try await trial.claimDeliveries(10, perEndpoint: 1).items[0]
            try await trial.expectSignal(.deliveriesDue) { try await trial.report(next, .retry(after: .seconds(1))) }
        },
        Case("keys and abandoned objects are announced") { trial in
            try await trial.expectSignal(.keysChanged) {
                try await trial.store.createKey(AccessKey(id: "k", secret: "s", account: trial.account))
            }
            try await trial.expectSignal(.keysChanged) { try await trial.store.revokeKey("k") }
            try await trial.expectSignal(.objectsPending) {
                _ = try await trial.finishedJob(.failed(JobFailure(.urlInvalid, "404")))
            }
        },
    ]

    static let upkeepCases: [Case] = [
        Case("what has outlived its use is removed in bounded steps") { trial in
            for number in 0..<10 {
                let nonce = RequestNonce(accessKeyID: "key", value: "\(number)", lifetime: .seconds(60))
                let call = JobSubmission(
                    account: trial.account, sessionID: "\(number)", nonce: nonce, requests: [trial.request()])
                _ = try await trial.store.accept(call)
            }
            try expectEqual(try await trial.store.prune(limit: 100), 0, "removed too early")
            trial.advance(by: .seconds(61))
            try expectEqual(try await trial.store.prune(limit: 4), 4, "removed in the first step")
            try expectEqual(try await trial.store.prune(limit: 100), 6, "removed in the second step")
            trial.advance(by: .seconds(600))
            try expectEqual(try await trial.store.prune(limit: 100), 10, "removed session ids")
            try expectEqual(try await trial.store.prune(limit: 100), 0, "removed at the end")
        },
        Case("a store is ready until it is closed") { trial in
            try await trial.store.checkReadiness()
            await trial.store.close()
            try await expectError(.unavailable, "readiness after close") { try await trial.store.checkReadiness() }
            try await expectError(.unavailable, "a write after close") { try await trial.accept(1) }
            try await expectError(.unavailable, "a read after close") { _ = try await trial.store.jobCounts() }
            await trial.store.close()
        },
        Case("a cancelled caller changes nothing for others") { trial in
            let tasks = (0..<50).map { _ in Task { try await trial.accept(1) } }
            for (index, task) in tasks.enumerated() where index.isMultiple(of: 2) { task.cancel() }
            var accepted = 0
            for (index, task) in tasks.enumerated() {
                let result = await task.result
                if case .success = result { accepted += 1 }
                guard !index.isMultiple(of: 2) else { continue }
                _ = try result.get()
            }
            try expectEqual(try await trial.store.jobCounts()[.pending], accepted, "accepted jobs")
        },
    ]
}

extension StoreTrial {
    /// Fails unless a call has sent a signal when it returns.
    func expectSignal(
        _ topic: StoreTopic, file: StaticString = #fileID, line: UInt = #line, _ body: () async throws -> Void
    ) async throws {
        let before = store.signals.generation(of: topic)
        try await body()
        try expect(store.signals.generation(of: topic) > before, "no signal \(topic)", file: file, line: line)
    }
}
