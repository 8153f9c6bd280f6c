import HTTPTypes
package import Hummingbird
import Logging
import NIOCore
import TowlineCore
import TowlineStore
import VODSignatures

/// The HTTP side of the VOD actions: reads a request, runs its action and writes the answer in the caller's format.
package struct VODResponder: HTTPResponder {
    package typealias Context = BasicRequestContext

    private let service: VODService
    private let maxBodyBytes: Int
    private let makeRequestID: @Sendable () -> String

    /// A responder over a service.
    ///
    /// - Parameters:
    ///   - service: What the actions work with.
    ///   - maxBodyBytes: The largest body, in bytes (`api.max-body-bytes`).
    ///   - makeRequestID: Gives upper-case UUIDs.
    package init(
        service: VODService, maxBodyBytes: Int, makeRequestID: @escaping @Sendable () -> String
    ) {
        self.service = service
        self.maxBodyBytes = maxBodyBytes
        self.makeRequestID = makeRequestID
    }

    package func respond(to request: Request, context: Context) async throws -> Response {
        let requestID = makeRequestID()
        var format = VODFormat.json
        var root = "Error"
        do {
            let call = try await read(request)
            format = call.isACS3 ? .json : .xml
            format = try Self.format(of: call)
            let action = try Self.action(of: call)
            root = action.name + "Response"
            let answer = try await run(action, call)
            let members = [JSONValue.Member("RequestId", .string(requestID))] + answer.members
            return response(status: .ok, format: format, body: format.document(root: root, members), requestID)
        } catch {
            var answer = failure(error, format: format, request: request, requestID: requestID)
            // An answer to HEAD has no body on the wire.
            if request.method == .head { answer.body = ResponseBody() }
            return answer
        }
    }

    private func read(_ request: Request) async throws -> VODRequest {
        let method = request.method.rawValue
        guard method == "GET" || method == "POST" else { throw VODError.unsupportedMethod }
        let target = request.head.path ?? "/"
        let path = String(target.prefix { $0 != "?" })
        guard path == "/" || path.isEmpty else { throw VODError.unknownAction }
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: maxBodyBytes)
        } catch is NIOTooManyBytesError {
            throw VODError(
                "RequestBodyTooLarge", status: 413, "The request body is larger than \(maxBodyBytes) bytes.")
        } catch {
            // The caller went away, or did not send the body in time: nobody reads this answer.
            service.logger.debug("a request's body did not arrive", metadata: ["error": "\(error)"])
            throw VODError("RequestBodyIncomplete", status: 400, "The request body did not arrive.")
        }
        var headers: [NameValuePair] = request.headers.map { ($0.name.canonicalName, $0.value) }
        if let authority = request.head.authority { headers.append(("host", authority)) }
        let isForm = headers.contains {
            $0.name == "content-type" && $0.value.lowercased().hasPrefix("application/x-www-form-urlencoded")
        }
        let bytes = Array(body.readableBytesView)
        do {
            return VODRequest(
                method: method, path: "/", query: try FormCoding.decode(String(target.dropFirst(path.count + 1))),
                form: isForm ? try FormCoding.decode(bytes) : [], headers: headers, body: bytes)
        } catch {
            throw VODError("InvalidParameter", status: 400, "\(error)")
        }
    }

    /// Headers sign for JSON alone; parameters choose, and get XML where they do not (vod-api.md 9.2, 9.4).
    private static func format(of call: VODRequest) throws(VODError) -> VODFormat {
        if call.isACS3 { return .json }
        switch call.parameter("Format")?.uppercased() {
        case nil, "", "XML": return .xml
        case "JSON": return .json
        default: throw .invalidFormat
        }
    }

    private static func action(of call: VODRequest) throws(VODError) -> any VODAction.Type {
        func common(_ parameter: String, header: String) throws(VODError) -> String {
            let value = call.isACS3 ? call.header(header) : call.parameter(parameter)
            guard let value, !value.isEmpty else { throw .missing(parameter) }
            return value
        }
        let name = try common("Action", header: "x-acs-action")
        guard try common("Version", header: "x-acs-version") == "2017-03-21" else { throw .invalidCommon("Version") }
        guard let action = VODService.actions[name] else { throw .unknownAction }
        return action
    }

    private func run(_ action: any VODAction.Type, _ call: VODRequest) async throws -> VODAnswer {
        let caller = try await service.authenticator.authenticate(call)
        // A replayed request must not spend its victim's calls.
        if !action.isMutating { try service.authenticator.consumeForRead(caller.nonce) }
        try service.limiter.admit(account: caller.account, action: action.name)
        let parameters = ActionParameters(call)
        try parameters.refuseControlCharacters()
        service.unknownParameters.note(parameters.names, known: action.parameters)
        return try await action.run(parameters, caller: caller, service: service)
    }

    private func failure(_ error: any Error, format: VODFormat, request: Request, requestID: String) -> Response {
        let vodError: VODError
        switch error {
        case let error as VODError: vodError = error
        case let error as StoreError where error.code == .nonceUsed: vodError = .nonceUsed
        case let error as StoreError where error.code == .unavailable || error.code == .full:
            service.logger.error("the store is not available", metadata: ["error": "\(error)"])
            vodError = .unavailable
        default:
            service.logger.error(
                "a request failed", metadata: ["error": "\(error)", "request.id": "\(requestID)"])
            vodError = .internalError
        }
        let members: [JSONValue.Member] = [
            .init("RequestId", .string(requestID)),
            .init("HostId", .string(request.head.authority ?? "")),
            .init("Code", .string(vodError.code)),
            .init("Message", .string(vodError.message)),
        ]
        let status = HTTPResponse.Status(code: vodError.status)
        var answer = response(
            status: status, format: format, body: format.document(root: "Error", members), requestID)
        if let wait = vodError.retryAfter, let name = HTTPField.Name("x-acs-retry-after") {
            answer.headers[name] = String(max(1, wait.wholeMilliseconds))
        }
        return answer
    }

    private func response(
        status: HTTPResponse.Status, format: VODFormat, body: [UInt8], _ requestID: String
    ) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = format.contentType
        if let name = HTTPField.Name("x-acs-request-id") { headers[name] = requestID }
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}
