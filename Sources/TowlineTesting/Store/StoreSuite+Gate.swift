import TowlineCore
import TowlineStore

extension StoreSuite {
    static let gateCases: [Case] = [
        Case("a job is stored until its own callback was delivered") { trial in
            try await trial.setCallback()
            let job = try await trial.finishedJob()
            try expectEqual(job.state, .stored, "state")
            let claims = try await trial.claimDeliveries().items
            try expectEqual(claims.count, 2, "deliveries")
            let file = try unwrap(claims.first { $0.event.type == .fileUploadComplete }, "no FileUploadComplete")
            let own = try unwrap(claims.first { $0.event.type == .uploadByURLComplete }, "no UploadByURLComplete")
            try await trial.report(file, .delivered)
            try expectEqual(try await trial.read(job.id).state, .stored, "state after FileUploadComplete")
            try await trial.report(own, .delivered)
            try expectEqual(try await trial.read(job.id).state, .succeeded, "state after UploadByURLComplete")
            let counts = try await trial.store.jobCounts()
            try expectEqual(counts[.succeeded], 1, "succeeded jobs")
            try expectEqual(counts[.stored] ?? 0, 0, "stored jobs")
        },
        Case("a job moves on after the third attempt of its callback, which goes on") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            let job = try await trial.finishedJob()
            for attempt in 1...3 {
                try expectEqual(try await trial.read(job.id).state, .stored, "state before attempt \(attempt) ended")
                let claim = try unwrap(try await trial.claimDeliveries().items.first, "no delivery is due")
                try expectEqual(claim.attempt, attempt, "attempt")
                try await trial.report(claim, .retry(after: .zero))
            }
            try expectEqual(try await trial.read(job.id).state, .succeeded, "state")
            try expectEqual(try await trial.claimDeliveries().items.first?.attempt, 4, "attempt")
        },
        Case("a job moves on when its callback is dead") { trial in
            try await trial.setCallback(events: "UploadByURLComplete")
            let job = try await trial.finishedJob()
            let claim = try unwrap(try await trial.claimDeliveries().items.first, "no delivery is due")
            try await trial.report(claim, .dead(reason: "410"))
            try expectEqual(try await trial.read(job.id).state, .succeeded, "state")
        },
        Case("a filter without UploadByURLComplete leaves nothing open") { trial in
            try await trial.setCallback(events: "FileUploadComplete")
            let job = try await trial.finishedJob()
            try expectEqual(job.state, .succeeded, "state")
            let claims = try await trial.claimDeliveries().items
            try expectEqual(claims.map(\.event.type), [.fileUploadComplete], "deliveries")
        },
        Case("failed and cancelled jobs wait for no callback") { trial in
            try await trial.setCallback()
            let failed = try await trial.finishedJob(.failed(JobFailure(.urlInvalid, "404")))
            try expectEqual(failed.state, .failed, "state")
            let claim = try unwrap(try await trial.claimDeliveries().items.first, "no delivery is due")
            try await trial.report(claim, .delivered)
            try expectEqual(try await trial.read(failed.id).state, .failed, "state after the delivery")
        },
        Case("a request's own address replaces the configured one") { trial in
            let request = trial.request { $0.callback = .http(url: "https://own.test/hook") }
            try await trial.accept([request])
            try await trial.finish(try await trial.claimOne(), .stored(bytes: 1, small: nil))
            try expect(
                try await trial.claimDeliveries().items.isEmpty, "delivered without a configuration")
            try await trial.setCallback()
            let job = try await trial.accept([request])[0]
            try await trial.finish(try await trial.claimOne(), .stored(bytes: 1, small: nil))
            let claims = try await trial.claimDeliveries().items
            try expectEqual(claims.count, 2, "deliveries")
            for claim in claims {
                try expectEqual(claim.event.job, job.id, "job")
                try expectEqual(claim.target, .http(url: "https://own.test/hook"), "target")
            }
        },
        Case("a configuration counts for its own account and application only") { trial in
            try await trial.setCallback(account: trial.otherAccount)
            var elsewhere = CallbackConfiguration(account: trial.account, app: AppID("app-2"))
            elsewhere.callbackURL = "https://elsewhere.test/hook"
            elsewhere.eventTypeList = "ALL"
            try await trial.store.setCallback(elsewhere, nonce: nil)
            _ = try await trial.finishedJob()
            try expect(try await trial.claimDeliveries().items.isEmpty, "delivered to a foreign address")
        },
    ]
}
