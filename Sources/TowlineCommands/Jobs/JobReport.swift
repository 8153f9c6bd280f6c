import TowlineClient
import TowlineCore

/// A job with its history, for a person to read.
struct JobReport: Sendable {
    private let job: AdminJob
    private let entries: [Entry]

    /// One line of the timeline.
    private struct Entry: Sendable {
        let time: String
        let text: String
        var isBad = false
    }

    /// Reads the detail of a job as the admin API shows it.
    init(_ detail: JSONValue) {
        job = AdminJob(detail)
        var entries = [Entry(time: job.createdAt, text: "accepted")]
        entries += (detail["attemptList"]?.elements ?? []).map(Self.attempt)
        if let endedAt = job.endedAt {
            let isBad = job.status.isFailure
            entries.append(Entry(time: endedAt, text: "run \(job.run) ended: \(job.state)", isBad: isBad))
        }
        entries += (detail["events"]?.elements ?? []).map(Self.event)
        entries += (detail["deliveries"]?.elements ?? []).map(Self.delivery)
        // Times have whole seconds; within one the order above tells what came first.
        self.entries = entries.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
            .map(\.element)
    }

    /// The lines: the facts, an empty line, the timeline.
    func lines(style: Style) -> [String] {
        let size = job.status.isStored ? job.bytesTotal.map { "\(Measure.bytes($0)) (\($0) bytes)" } : job.size
        let facts: KeyValuePairs<String, String?> = [
            "Job": job.id,
            "Title": job.title,
            "Source": job.source,
            "State": "\(job.state) (\(job.status)), run \(job.run)",
            "Size": size,
            "Error": job.failure,
            "Media": job.mediaID,
            "Object": job.objectKey,
            "Created": job.createdAt,
            "Ended": job.endedAt,
        ]
        let shown = facts.compactMap { name, value in value.map { (name, TerminalText.clean($0)) } }
        let head = shown.map { name, value in
            style.bold(TerminalText.pad(name, 9)) + (name == "Error" ? style.red(value) : value)
        }
        let timeline = entries.map { entry in
            let text = TerminalText.clean(entry.text)
            return "\(style.dim(TerminalText.clean(entry.time)))  \(entry.isBad ? style.red(text) : text)"
        }
        return head + ["", style.bold("Timeline")] + timeline
    }

    private static func attempt(_ json: JSONValue) -> Entry {
        var words = ["run \(json["run"]?.text ?? "?"), attempt \(json["number"]?.text ?? "?")"]
        if let node = json["node"]?.string { words.append("on \(node)") }
        if let address = json["address"]?.string { words.append("from \(address)") }
        var facts: [String] = []
        if let status = json["httpStatus"]?.text { facts.append("HTTP \(status)") }
        let redirects = json["redirects"]?.elements ?? []
        if !redirects.isEmpty { facts.append("after \(redirects.count) redirect\(redirects.count == 1 ? "" : "s")") }
        if let bytes = json["bytesReceived"]?.integerValue { facts.append(Measure.bytes(bytes)) }
        if let time = json["durationMilliseconds"]?.integerValue {
            facts.append("in \(Measure.span(milliseconds: time))")
        }
        let code = json["errorCode"]?.string
        if let code { facts.append("failed: \(code): \(json["errorMessage"]?.string ?? "")") }
        return Entry(
            time: json["startedAt"]?.string ?? "",
            text: words.joined(separator: " ") + ": " + facts.joined(separator: ", "),
            isBad: code != nil)
    }

    private static func event(_ json: JSONValue) -> Entry {
        Entry(
            time: json["createdAt"]?.string ?? "",
            text: "event \(json["type"]?.string ?? "") \(json["id"]?.string ?? "")")
    }

    private static func delivery(_ json: JSONValue) -> Entry {
        let state = json["state"]?.string ?? ""
        let attempts = json["attempts"]?.integerValue ?? 0
        var text =
            "delivery \(json["id"]?.string ?? "") of \(json["eventType"]?.string ?? "") to \(json["url"]?.string ?? "")"
        text += ": \(state), \(attempts) attempt\(attempts == 1 ? "" : "s")"
        if let reason = json["reason"]?.string { text += ", \(reason)" }
        return Entry(
            time: json["endedAt"]?.string ?? json["createdAt"]?.string ?? "", text: text, isBad: state == "dead")
    }
}
