import Foundation
import Hummingbird
import VODEvents

// A receiver of event notifications: verifies each callback, prints its event and answers.
//
//   RECEIVER_PORT             where to listen on 127.0.0.1, default 8080
//   RECEIVER_URL              the callback URL as configured at the sender, default http://127.0.0.1:PORT/vod/events
//   RECEIVER_KEYS             the AuthKey, or several separated by blanks while one replaces the other
//   RECEIVER_WEBHOOK_SECRETS  the same for secrets of the form whsec_…; with both set, both signatures are demanded
//
// It answers 200 to a verified event, 401 to a missing or wrong signature, 400 or 413 to a body that is no event.

/// The words of an environment variable; none when it is not set.
func words(_ name: String) -> [String] {
    (ProcessInfo.processInfo.environment[name] ?? "").split(separator: " ").map(String.init)
}

/// One line about an event.
func summary(of callback: VerifiedCallback) -> String {
    let event = callback.event
    let id = callback.id.map { " id=\($0)" } ?? ""
    switch event.payload {
    case .uploadByURLComplete(let upload):
        if let failure = upload.failure {
            return "pull failed\(id) job=\(upload.jobID ?? "-") \(failure.code ?? "-"): \(failure.message ?? "-")"
        }
        return "pull done\(id) job=\(upload.jobID ?? "-") video=\(event.videoID ?? "-") bytes=\(upload.sizeBytes ?? 0)"
    case .fileUploadComplete(let file):
        return "file stored\(id) video=\(event.videoID ?? "-") bytes=\(file.sizeBytes ?? 0) at \(file.fileURL ?? "-")"
    case .other:
        return "\(event.eventType)\(id) \(event.members.jsonText)"
    }
}

/// Listens until the process is told to stop.
func run() async throws {
    let port = words("RECEIVER_PORT").first.flatMap { Int($0) } ?? 8080
    let verifier = try CallbackVerifier(
        url: words("RECEIVER_URL").first ?? "http://127.0.0.1:\(port)/vod/events",
        keys: words("RECEIVER_KEYS"),
        webhookSecrets: words("RECEIVER_WEBHOOK_SECRETS").map { try WebhookSecret($0) }
    )
    let router = Router()
    router.post("/vod/events") { request, _ -> Response in
        let body = try await request.body.collect(upTo: VODEvent.DecodingLimits().maximumBytes)
        do throws(CallbackError) {
            let callback = try verifier.verify(
                headers: { name in request.headers.first { $0.name.canonicalName == name.lowercased() }?.value },
                body: Array(body.readableBytesView)
            )
            // Keep the event before answering: after a 200 it is not sent again. It may come twice all the same.
            print(summary(of: callback))
            return Response(status: .ok)
        } catch {
            print("refused: \(error)")
            return Response(status: .init(code: error.suggestedStatus))
        }
    }
    let app = Application(router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)))
    try await app.runService()
}

try await run()
