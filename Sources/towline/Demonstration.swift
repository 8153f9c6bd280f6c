import Foundation
import TowlineClient
import TowlineCommands
import TowlineServer
import VODEvents

/// The steps of the demo, told as they happen.
struct Demonstration {
    let addresses: TowlineServer.Addresses
    let settings: Settings
    let submitter: String?
    private let authKey = "Demo4Towline"

    func run() async throws {
        printNow("towline \(TowlineVersion.current): the main job, end to end\n")
        printNow("1. server    api=\(addresses.api) admin=\(addresses.admin)")
        try await DemoPeers.withPeers(authKey: authKey) { peers in
            printNow("   origin    \(peers.sourceURL)  (\(DemoSample.bytes.count) bytes of H.264 and AAC)")
            printNow("   receiver  \(peers.callbackURL)")
            let client = try VODClient(
                endpoint: addresses.api, accessKeyID: "towline-dev", accessKeySecret: "towline-dev-secret")
            _ = try await client.setMessageCallback(.http(url: peers.callbackURL, authKey: authKey))
            printNow("2. callback  set, signed with an AuthKey")
            let jobID = try await submit(peers.sourceURL, client: client)
            try await follow(jobID, client: client)
            try await receive(peers)
            try compare(fileURL: peers.fileURL)
            try await receiveFromQueue(peers, client: client)
        }
        printNow("\nEvery step held: submitted, pulled, stored, reported, verified.")
    }

    private func submit(_ url: String, client: VODClient) async throws -> String {
        let jobID: String?
        if let submitter {
            printNow("3. submit    UploadMediaByURL by: \(submitter)")
            jobID = try ExternalSubmitter(command: submitter, addresses: addresses).submit(url)
        } else {
            printNow("3. submit    UploadMediaByURL, signed with ACS3-HMAC-SHA256")
            let source = UploadSource(url: url, metadata: UploadMetadata(title: "Towline's sample"))
            jobID = try await client.uploadMediaByURL(UploadMediaByURLRequest(sources: [source])).jobs.first?.jobID
        }
        guard let jobID else { throw CommandFailure(.failed, "the submission named no job") }
        printNow("   JobId     \(jobID)")
        return jobID
    }

    /// Asks `GetURLUploadInfos` until the job has ended, and shows each status once.
    private func follow(_ jobID: String, client: VODClient) async throws {
        var shown: UploadStatus?
        for _ in 0..<600 {
            let info = try await client.getURLUploadInfos(jobIDs: [jobID]).infos.first
            if let status = info?.status, status != shown {
                printNow("4. status    \(status)\(info?.fileSize.map { "  \($0) bytes" } ?? "")")
                shown = status
            }
            switch info?.status {
            case .success: return
            case .downloadFail, .uploadFail:
                throw CommandFailure(.failed, "the job failed: \(info?.errorMessage ?? "no reason given")")
            default: try await Task.sleep(for: .milliseconds(100))
            }
        }
        throw CommandFailure(.failed, "the job did not end within a minute")
    }

    private func receive(_ peers: DemoPeers) async throws {
        for number in 1...2 {
            guard let callback = await peers.nextCallback() else {
                throw CommandFailure(.failed, "event \(number) did not arrive")
            }
            switch callback {
            case .success(let verified):
                printNow(
                    "5. callback  \(verified.callback.event.eventType), signature verified, id \(verified.callback.id ?? "-")"
                )
                printNow("   \(String(decoding: verified.body, as: UTF8.self))")
                if case .fileUploadComplete(let file) = verified.callback.event.payload {
                    peers.remember(fileURL: file.fileURL)
                }
            case .failure(let error): throw CommandFailure(.failed, "a callback was not genuine: \(error)")
            }
        }
    }

    /// The second channel: the events of another job as messages of a built-in queue.
    private func receiveFromQueue(_ peers: DemoPeers, client: VODClient) async throws {
        let queue = try DemoQueue(api: addresses.api)
        _ = try await client.setMessageCallback(.queue(named: DemoQueue.name, endpoint: addresses.api))
        let source = UploadSource(url: peers.sourceURL, metadata: UploadMetadata(title: "Towline's sample"))
        let answer = try await client.uploadMediaByURL(UploadMediaByURLRequest(sources: [source]))
        printNow("7. queue     callback set to the queue \(DemoQueue.name); JobId \(answer.jobs.first?.jobID ?? "-")")
        for number in 1...2 {
            guard let (event, messageID) = try await queue.nextEvent() else {
                throw CommandFailure(.failed, "event \(number) did not come out of the queue")
            }
            printNow("   received  \(event.eventType), message \(messageID), deleted")
        }
    }

    /// Reads the stored file where `FileUrl` says it is, and compares it byte for byte.
    private func compare(fileURL: String?) throws {
        guard let fileURL, let media = fileURL.range(of: "/media/"), case .folder(let folder) = settings.objects else {
            throw CommandFailure(.failed, "no FileUrl arrived")
        }
        let path = "\(folder)/\(fileURL[media.upperBound...])"
        guard let stored = FileManager.default.contents(atPath: path), Array(stored) == DemoSample.bytes else {
            throw CommandFailure(.failed, "the stored file differs from the source: \(path)")
        }
        printNow("6. stored    \(stored.count) bytes, the same as the source's: \(path)")
    }
}

/// Lets another program submit, with the variables that `towline dev` prints.
private struct ExternalSubmitter {
    let command: String
    let addresses: TowlineServer.Addresses

    func submit(_ url: String) throws -> String? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command + " \"$1\"", "sh", url]
        process.environment = ProcessInfo.processInfo.environment.merging([
            "TOWLINE_API_URL": addresses.api, "TOWLINE_ADMIN_URL": addresses.admin,
            "TOWLINE_ACCESS_KEY_ID": "towline-dev", "TOWLINE_ACCESS_KEY_SECRET": "towline-dev-secret",
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "towline-dev", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "towline-dev-secret",
        ]) { $1 }
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw CommandFailure(.failed, "the submitting command ended with \(process.terminationStatus)")
        }
        struct Answer: Decodable {
            struct Job: Decodable { let JobId: String }
            let jobs: [Job]
        }
        return try JSONDecoder().decode(Answer.self, from: text).jobs.first?.JobId
    }
}
