import TowlineCore

/// The recording of one attempt, line by line: each request with its way over the network, and what held it up.
struct RecordingReport: Sendable {
    /// One line below an attempt.
    struct Line: Sendable, Hashable {
        /// Time since the attempt's start; empty for a line that belongs to the one before.
        let time: String
        let body: String
        var isBad = false

        /// The line, its time to the right of a column of its own.
        func text(style: Style) -> String {
            let body = TerminalText.clean(body)
            return style.dim(TerminalText.pad(time, 12, alignment: .right)) + "  " + (isBad ? style.red(body) : body)
        }
    }

    let lines: [Line]

    /// Reads a recording as the admin API shows it.
    init(_ json: JSONValue) {
        var lines: [Line] = []
        if let bytes = json["resumedAt"]?.integerValue {
            lines.append(Line(time: "+0 ms", body: "goes on after \(Measure.bytes(bytes)) of an earlier attempt"))
        }
        let requests = json["requests"]?.elements ?? []
        let omitted = json["requestsOmitted"]?.integerValue ?? 0
        for (index, request) in requests.enumerated() {
            if omitted > 0, index == requests.count / 2 {
                lines.append(Line(time: "", body: "… \(omitted) more requests …"))
            }
            lines += Self.lines(of: request)
        }
        if let count = json["connections"]?.integerValue, count > 1 {
            lines.append(Line(time: "", body: "up to \(count) connections at once"))
        }
        if let wait = json["throttledSeconds"] {
            lines.append(Line(time: "", body: "kept back by limits of bandwidth for \(Self.span(wait))"))
        }
        if let wait = json["retryAfterSeconds"] {
            lines.append(Line(time: "", body: "the source asked for a pause of \(Self.span(wait))"))
        }
        if let wait = json["nextAttemptAfterSeconds"] {
            lines.append(Line(time: "", body: "next attempt after \(Self.span(wait))"))
        }
        self.lines = lines
    }

    private static func lines(of request: JSONValue) -> [Line] {
        let source = request["source"]?.integerValue ?? 0
        var head = "GET \(request["url"]?.string ?? "")"
        if let range = request["range"]?.string { head += " \(range)" }
        if source > 0 { head += " (mirror \(source))" }
        var lines = [Line(time: "+\(span(request["startedAfterSeconds"] ?? .null))", body: head)]
        for redirect in request["redirects"]?.elements ?? [] {
            lines.append(Line(time: "", body: "  redirect \(redirect.string ?? "")"))
        }
        for address in request["unreachable"]?.elements ?? [] {
            lines.append(Line(time: "", body: "  unreachable \(address.string ?? "")", isBad: true))
        }
        if let way = way(of: request) { lines.append(Line(time: "", body: "  \(way)")) }
        if let answer = answer(to: request) { lines.append(Line(time: "", body: "  \(answer)")) }
        lines.append(end(of: request))
        return lines
    }

    /// The address, the connection and the times until the answer.
    private static func way(of request: JSONValue) -> String? {
        guard let address = request["address"]?.string else {
            let resolved = request["resolved"]?.elements?.compactMap(\.string) ?? []
            return resolved.isEmpty ? nil : "resolved to \(resolved.joined(separator: ", "))"
        }
        var facts = ["to \(address)"]
        let resolved = request["resolved"]?.elements?.count ?? 0
        if resolved > 1 { facts[0] += " of \(resolved) addresses" }
        if let proxy = request["proxy"]?.string { facts.append("through \(proxy)") }
        facts += [request["tls"]?.string, request["http"]?.string].compactMap(\.self)
        if request["reused"] == .bool(true) { facts.append("on an open connection") }
        let times: KeyValuePairs = [
            "look-up": "lookupSeconds", "connect": "connectSeconds", "answer": "firstByteSeconds",
        ]
        for (name, key) in times {
            if let time = request[key] { facts.append("\(name) \(span(time))") }
        }
        return facts.joined(separator: ", ")
    }

    private static func answer(to request: JSONValue) -> String? {
        guard let status = request["status"]?.integerValue else { return nil }
        var facts = ["HTTP \(status)"]
        if let length = request["contentLength"]?.integerValue { facts.append("\(length) bytes announced") }
        if let range = request["contentRange"]?.string { facts.append(range) }
        if let validator = request["validator"]?.string { facts.append(validator) }
        return facts.joined(separator: ", ")
    }

    private static func end(of request: JSONValue) -> Line {
        let bytes = request["bytes"]?.integerValue ?? 0
        let seconds = request["seconds"]?.text.flatMap { Double($0) } ?? 0
        var text = "  \(Measure.bytes(bytes)) in \(span(request["seconds"] ?? .null))"
        if seconds > 0.001, bytes > 0 { text += ", \(Measure.rate(bytesPerSecond: Double(bytes) / seconds))" }
        if let failure = request["failure"]?.string { text += ", \(failure)" }
        return Line(time: "", body: text, isBad: request["failure"] != nil)
    }

    private static func span(_ seconds: JSONValue) -> String {
        Measure.span(milliseconds: Int64(((seconds.text.flatMap { Double($0) } ?? 0) * 1000).rounded()))
    }
}
