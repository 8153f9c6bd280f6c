/// A refusal in the words of the queue protocol: what a server answers and what a client is told.
///
/// Wire reference: mns-api 5.
package struct MNSError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The code, which brings the HTTP status.
    package let code: MNSErrorCode
    /// One sentence for people.
    package let message: String

    /// Makes a refusal.
    ///
    /// - Parameters:
    ///   - code: The code.
    ///   - message: What exactly is wrong and what is allowed; `nil` for the code's own sentence.
    package init(_ code: MNSErrorCode, _ message: String? = nil) {
        self.code = code
        self.message = message ?? code.text
    }

    /// The HTTP status to answer with.
    package var status: Int { code.status }

    /// Code and message.
    package var description: String { "\(code.name): \(message)" }

    /// What a server without topics answers to something that lies beyond queues.
    ///
    /// The vendor has no code for it; the one for an unknown path is what its clients know.
    ///
    /// - Parameter feature: What was asked for, in the plural and with a capital: `Topics`.
    /// - Returns: 400 `InvalidRequestURL`.
    package static func unsupported(_ feature: String) -> MNSError {
        MNSError(.invalidRequestURL, "\(feature) are not offered here: this server has queues only.")
    }

    /// A body that is not XML.
    ///
    /// - Parameter failure: What the reader found.
    /// - Returns: 400 `MalformedXML` with the place.
    package static func malformed(_ failure: XMLFailure) -> MNSError {
        MNSError(.malformedXML, failure.description)
    }

    /// An element or a parameter that breaks a rule.
    ///
    /// - Parameter requirement: Names it and says what is allowed: `DelaySeconds must be …`.
    /// - Returns: 400 `InvalidArgument` with the rule as its sentence.
    package static func invalid(_ requirement: String) -> MNSError {
        MNSError(.invalidArgument, requirement + ".")
    }

    /// The same refusal, said of one entry of a batch.
    func inEntry(_ entry: String) -> MNSError {
        MNSError(code, "\(entry): \(message)")
    }
}

/// The body of every answer that is neither a success nor about single entries of a batch.
///
/// Wire reference: mns-api 5.1.
package struct MNSErrorDocument: Sendable, Hashable {
    /// Code and message.
    package var error: MNSError
    /// The id of the request, the same as in `x-mns-request-id`.
    package var requestID: String
    /// The address of the server: `http://host`.
    package var hostID: String

    /// Makes the document.
    ///
    /// - Parameters:
    ///   - error: Code and message.
    ///   - requestID: The id of the request.
    ///   - hostID: The address of the server.
    package init(_ error: MNSError, requestID: String, hostID: String) {
        self.error = error
        self.requestID = requestID
        self.hostID = hostID
    }

    /// Encodes an answer; all four elements are there, as clients need them, and an empty one says `-`.
    package func encoded() -> [UInt8] {
        XMLWriter.document(.answer, root: "Error") { writer in
            for (name, text) in [
                ("Code", error.code.name), ("Message", error.message), ("RequestId", requestID), ("HostId", hostID),
            ] {
                writer.element(name, text.isEmpty ? "-" : text)
            }
        }
    }

    /// Decodes an answer.
    ///
    /// - Parameters:
    ///   - bytes: The body of the answer.
    ///   - status: Its HTTP status.
    /// - Throws: ``MNSError`` when the body is something else, such as a gateway's page.
    package init(decoding bytes: [UInt8], status: Int) throws(MNSError) {
        let root = try MNSDocument.root(bytes, named: ["Error"], limits: .answer)
        let code = MNSErrorCode(named: try root.requiredText("Code"), status: status)
        self.init(
            MNSError(code, try root.text("Message")), requestID: try root.text("RequestId") ?? "",
            hostID: try root.text("HostId") ?? "")
    }
}
