import HTTPTypes
import Hummingbird
import NIOCore
import TowlineCore
import TowlineStore

/// An error of the admin API: `{"error":{"code":…,"message":…}}`.
struct AdminError: Error {
    let status: HTTPResponse.Status
    let code: String
    let message: String

    init(_ status: HTTPResponse.Status, _ code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    /// The one mapping from errors to answers.
    init(_ error: any Error) {
        switch error {
        case let error as AdminError: self = error
        case let error as StoreError where error.code == .notFound: self.init(.notFound, "NotFound", error.message)
        case let error as StoreError where error.code == .conflict: self.init(.conflict, "Conflict", error.message)
        case let error as StoreError where error.code == .unavailable || error.code == .full:
            self.init(.serviceUnavailable, "Unavailable", error.message)
        default: self.init(.internalServerError, "InternalError", "the request failed; the log has the details")
        }
    }

    static func badRequest(_ message: String) -> AdminError { AdminError(.badRequest, "BadRequest", message) }

    /// Nothing has this name.
    static func missing(_ what: String, _ name: String) -> AdminError {
        AdminError(.notFound, "NotFound", "there is no \(what) \(name.prefix(64))")
    }

    var response: Response {
        let body = JSONValue.members([
            "error": .members(["code": .string(code), "message": .string(message)])
        ])
        return .json(body, status: status)
    }
}

extension Response {
    /// An answer with a JSON body.
    static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json;charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: value.utf8)))
    }
}
