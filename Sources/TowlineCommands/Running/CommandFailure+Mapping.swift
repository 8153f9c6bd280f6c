import TowlineClient

extension CommandFailure {
    /// The one mapping from errors of the clients to what a person reads; nil for errors of others.
    init?(describing error: any Error) {
        switch error {
        case let error as CommandFailure: self = error
        case let error as VODClientError: self.init(error)
        case let error as AdminClientError: self.init(error)
        case is CancellationError: self.init(.interrupted, "interrupted")
        default: return nil
        }
    }

    private init(_ error: VODClientError) {
        let isOurs = error.kind != .refused
        let message = isOurs ? Self.clause(Self.sentence(error.message)) : Self.sentence(error.message)
        switch error.kind {
        case .unreachable:
            self.init(
                .unreachable,
                "\(message); start a server with 'towline dev', or name one with --api or TOWLINE_API_URL")
        case .timeout:
            self.init(
                .unreachable, "\(message); look at the server's log, or name another with --api or TOWLINE_API_URL")
        case .invalidRequest:
            self.init(.usage, message)
        case .unexpectedAnswer:
            self.init(.failed, "\(message); check --api or TOWLINE_API_URL")
        default:
            self.init(.failed, "\(error.code): \(message)" + Self.advice(code: error.code))
        }
    }

    private init(_ error: AdminClientError) {
        let message = Self.sentence(error.message)
        switch error.kind {
        case .unreachable:
            self.init(
                .unreachable,
                "\(message); start a server with 'towline dev', or name one with --admin or TOWLINE_ADMIN_URL")
        case .unexpectedAnswer:
            self.init(.failed, "\(message); check --admin or TOWLINE_ADMIN_URL")
        case .refused where error.status == 401:
            self.init(
                .failed, "the admin API wants a token, or another one; give it with --token or TOWLINE_ADMIN_TOKEN")
        case .refused:
            self.init(error.status == 400 ? .usage : .failed, message)
        }
    }

    /// What to do about the codes that people meet.
    private static func advice(code: String) -> String {
        switch code {
        case "SignatureDoesNotMatch":
            "; check --access-key-secret or TOWLINE_ACCESS_KEY_SECRET"
        case "InvalidAccessKeyId.NotFound", "InvalidAccessKeyId.Inactive":
            "; check --access-key-id or TOWLINE_ACCESS_KEY_ID, 'towline keys list' shows the keys"
        case "InvalidTimeStamp.Expired": "; set the clock of this machine"
        case "Throttling.User": "; try again in a moment"
        default: ""
        }
    }

    /// A server's message as part of a sentence: one line, without a full stop, and without the text to sign that a
    /// refused signature quotes.
    private static func sentence(_ message: String) -> String {
        var text = TerminalText.clean(message)
        if let range = text.firstRange(of: "server string to sign is:") { text = String(text[..<range.lowerBound]) }
        while let last = text.last, last == "." || last == " " { text.removeLast() }
        return text
    }

    /// A sentence of ours as it stands within a line: begun in lower case.
    private static func clause(_ sentence: String) -> String {
        sentence.prefix(1).lowercased() + sentence.dropFirst()
    }
}
