import TowlineClient
import TowlineCore

/// A job with its history, for a person to read.
struct JobReport: Sendable {
    private let job: AdminJob
    private let entries: [Entry]
    private let more: More

    /// What only some jobs have.
    private struct More: Sendable {
        /// What the caller asked for.
        var asked: [(name: String, value: String)] = []
        /// What is known of the bytes.
        var found: [(name: String, value: String)] = []
    }

    /// One line of the timeline, with what belongs to it below.
    private struct Entry: Sendable {
        let time: String
        let text: String
        var isBad = false
        var details: [RecordingReport.Line] = []
    }

    /// Reads the detail of a job as the admin API shows it.
    init(_ detail: JSONValue) {
        job = AdminJob(detail)
        var entries = [Entry(time: job.createdAt, text: "accepted")]
        entries += (detail["attemptList"]?.elements ?? []).map(Self.attempt)
        more = Self.more(detail)
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
        var facts = Facts()
        facts.add("Job", job.id)
        facts.add("Title", job.title)
        facts.add("Source", job.source)
        for (name, value) in more.asked { facts.add(name, value) }
        facts.add("State", "\(job.state) (\(job.status)), run \(job.run)")
        facts.add("Size", size)
        facts.add("Error", job.failure, isBad: true)
        facts.add("Media", job.mediaID)
        facts.add("Object", job.objectKey)
        for (name, value) in more.found { facts.add(name, value) }
        facts.add("Created", job.createdAt)
        facts.add("Ended", job.endedAt)
        let head = facts.lines(style: style)
        let timeline = entries.flatMap { entry in
            let text = TerminalText.clean(entry.text)
            let line = "\(style.dim(TerminalText.clean(entry.time)))  \(entry.isBad ? style.red(text) : text)"
            return [line] + entry.details.map { $0.text(style: style) }
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
            isBad: code != nil, details: json["recording"].map { RecordingReport($0).lines } ?? [])
    }

    private static func more(_ detail: JSONValue) -> More {
        var more = More()
        for mirror in detail["mirrors"]?.elements ?? [] { more.asked.append(("Mirror", mirror.string ?? "")) }
        if let priority = detail["priority"]?.integerValue, priority != 8 {
            more.asked.append(("Priority", "\(priority)"))
        }
        if let seconds = detail["expireSeconds"]?.integerValue {
            more.asked.append(("Expires", "after waiting \(seconds) s"))
        }
        if let checkpoint = detail["checkpoint"], let bytes = checkpoint["bytes"]?.integerValue {
            let version = checkpoint["validator"]?.string.map { " of \($0)" } ?? ""
            more.found.append(("Checkpoint", "\(Measure.bytes(bytes)) (\(bytes) bytes)\(version)"))
        }
        let digests: KeyValuePairs = ["CRC-64": "crc64", "SHA-256": "sha256", "MD5": "md5"]
        for (name, key) in digests {
            if let digest = detail["digests"]?[key]?.string { more.found.append((name, digest)) }
        }
        return more
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
