import HTTPTypes
import Hummingbird
import NIOCore
import TowlineCore
import TowlineQueue
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
        case let error as QueueError: self.init(error)
        default: self.init(.internalServerError, "InternalError", "the request failed; the log has the details")
        }
    }

    private init(_ error: QueueError) {
        switch error.code {
        case .queueMissing, .messageMissing: self.init(.notFound, "NotFound", error.message)
        case .queueExists: self.init(.conflict, "Conflict", error.message)
        default: self.init(.badRequest, "BadRequest", error.message)
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

    /// An answer with a JSON body that calls `onLoss` when it cannot be written.
    static func json(_ value: JSONValue, onLoss: @escaping @Sendable () async -> Void) -> Response {
        let bytes = ByteBuffer(bytes: value.utf8)
        var response = json(value)
        response.body = ResponseBody(contentLength: bytes.readableBytes) { writer in
            do {
                try await writer.write(bytes)
                try await writer.finish(nil)
            } catch {
                await onLoss()
                throw error
            }
        }
        return response
    }
}
