import HTTPTypes
package import Hummingbird
import Logging
import MNSWire
import NIOCore
import TowlineCore
import TowlineQueue
import TowlineStore

/// The HTTP side of the queues: reads a request of the queue protocol, runs its operation and writes the answer.
///
/// Wire reference: mns-api.md 1 to 5. Errors are answered after the sender is known, so that nobody learns from them
/// without a key.
package struct MNSResponder: HTTPResponder {
    package typealias Context = MNSContext

    private let service: MNSService

    /// A responder over a service.
    package init(service: MNSService) { self.service = service }

    package func respond(to request: Request, context: MNSContext) async throws -> Response {
        let requestID = service.makeRequestID()
        let answer: MNSAnswer
        do {
            answer = try await self.answer(request, context, requestID)
        } catch {
            answer = failure(error, requestID: requestID)
        }
        // An answer to HEAD has no body on the wire.
        let isHead = request.method == .head
        return (isHead ? MNSAnswer(status: answer.status) : answer).response(requestID: requestID)
    }

    private func answer(_ request: Request, _ context: MNSContext, _ requestID: String) async throws -> MNSAnswer {
        let head = MNSRequestHead(request)
        let account = try await service.authenticator.account(of: head)
        let operation = try MNSRouter.route(method: head.method, target: head.target)
        let body = try await body(of: request, head)
        if let digest = head.contentMD5, !digest.isEmpty, !MNSDigest.contentMD5(digest, matches: body) {
            throw MNSError(.invalidDigest)
        }
        let call = MNSCall(
            service: service, account: account, head: head, body: body, requestID: requestID, channel: context.channel)
        return try await call.run(operation)
    }

    private func body(of request: Request, _ head: MNSRequestHead) async throws -> [UInt8] {
        guard head.hasBody else { return [] }
        let limit = service.maxBodyBytes
        let tooLarge = MNSError.invalid("The request's body must have at most \(limit) bytes")
        if let length = head.contentLength, length > limit { throw tooLarge }
        do {
            let buffer = try await request.body.collect(upTo: limit)
            return Array(buffer.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw tooLarge
        } catch {
            // The caller went away, or did not send the body in time: nobody reads this answer.
            service.logger.debug("a request's body did not arrive", metadata: ["error": "\(error)"])
            throw MNSError.invalid("The request's body did not arrive")
        }
    }

    private func failure(_ error: any Error, requestID: String) -> MNSAnswer {
        let refusal: MNSError
        switch error {
        case let error as MNSError: refusal = error
        case let error as QueueError: refusal = MNSError(error)
        case let error as StoreError where error.code == .unavailable || error.code == .full:
            service.logger.error(
                "the store is not available", metadata: ["error": "\(error)", "request.id": "\(requestID)"])
            refusal = MNSError(.serviceUnavailable)
        default:
            service.logger.error(
                "a request failed", metadata: ["error": "\(error)", "request.id": "\(requestID)"])
            refusal = MNSError(.internalError)
        }
        let document = MNSErrorDocument(refusal, requestID: requestID, hostID: service.publicURL)
        return MNSAnswer(status: .init(code: refusal.status), body: document.encoded())
    }
}
