import HTTPTypes
import Hummingbird
import MNSWire
import NIOCore

/// What an operation answers.
struct MNSAnswer: Sendable {
    let status: HTTPResponse.Status
    /// The document; empty for none.
    var body: [UInt8] = []
    /// Where a created queue is.
    var location: String?

    /// 204, which never has a body.
    static let noContent = MNSAnswer(status: .noContent)

    /// 200 with a document.
    static func ok(_ body: [UInt8]) -> MNSAnswer { MNSAnswer(status: .ok, body: body) }

    /// The answer on the wire.
    func response(requestID: String) -> Response {
        var headers = HTTPFields()
        headers.reserveCapacity(8)
        if let name = MNSField.requestID { headers.append(HTTPField(name: name, value: requestID)) }
        if let name = MNSField.version { headers.append(HTTPField(name: name, value: MNSHeader.versionValue)) }
        if let location, let name = MNSField.location { headers.append(HTTPField(name: name, value: location)) }
        guard !body.isEmpty else { return Response(status: status, headers: headers) }
        headers.append(HTTPField(name: .contentType, value: MNSHeader.answerContentType))
        return Response(
            status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}
