/// Writes the answers of scripted receivers.
package enum ReceiverAnswer {
    /// A whole answer that keeps the connection open.
    ///
    /// - Parameters:
    ///   - status: What stands where the status belongs, a number or not.
    ///   - headers: Further header lines, without their ends.
    ///   - body: The body; its length is announced.
    /// - Returns: Its bytes as text.
    package static func text(
        _ status: some CustomStringConvertible, headers: [String] = [], body: String = "ok"
    )
        -> String
    {
        let lines = ["HTTP/1.1 \(status) Scripted"] + headers + ["Content-Length: \(body.utf8.count)"]
        return lines.map { $0 + "\r\n" }.joined() + "\r\n" + body
    }

    /// The head of an answer whose body does not come by itself.
    package static func head(_ status: Int, _ headers: String...) -> String {
        (["HTTP/1.1 \(status) Scripted"] + headers).map { $0 + "\r\n" }.joined() + "\r\n"
    }

    /// One chunk of a chunked body.
    package static func chunk(bytes count: Int) -> [UInt8] {
        Array("\(String(count, radix: 16))\r\n".utf8) + [UInt8](repeating: 65, count: count) + Array("\r\n".utf8)
    }
}
