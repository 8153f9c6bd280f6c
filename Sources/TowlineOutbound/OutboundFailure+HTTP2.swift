import NIOCore
import NIOHTTP2
import NIOSSL

extension OutboundFailure {
    /// A response that breaks the rules.
    static func http2(_ what: String, hasHead: Bool) -> OutboundError {
        // A head that breaks the rules will do so again; inside a body bytes may have been lost.
        OutboundError(.badResponse, retryable: hasHead, "The response is not valid HTTP/2: \(what).")
    }

    /// A head that breaks the rules.
    static func http2(_ error: HTTP1ParseError, hasHead: Bool) -> OutboundError {
        if case .malformed(let what) = error { return http2(what, hasHead: hasHead) }
        return whileParsing(error, hasHead: hasHead)
    }

    /// What the layer of frames found wrong.
    static func http2(_ error: any Error, hasHead: Bool) -> OutboundError {
        switch error {
        case is NIOHTTP2Errors.ExcessivelyLargeHeaderBlock, is NIOHTTP2Errors.ExcessiveContinuationFrames:
            whileParsing(.headTooLarge, hasHead: hasHead)
        case is NIOHTTP2Errors.ExcessiveControlFrames, is NIOHTTP2Errors.ExcessiveRSTFrames,
            is NIOHTTP2Errors.ExcessiveEmptyDataFrames, is NIOHTTP2Errors.ExcessiveOutboundFrameBuffering:
            http2("too many frames that carry nothing", hasHead: hasHead)
        case is NIOHTTP2Errors.FlowControlViolation, is NIOHTTP2Errors.InvalidFlowControlWindowSize:
            http2("more was sent than the window allows", hasHead: hasHead)
        case is NIOHTTP2Errors.MissingPseudoHeader, is NIOHTTP2Errors.InvalidStatusValue:
            http2("the head has no valid status", hasHead: hasHead)
        case is NIOHTTP2Errors.InvalidHTTP2HeaderFieldName, is NIOHTTP2Errors.InvalidHTTP2HeaderFieldValue,
            is NIOHTTP2Errors.ForbiddenHeaderField:
            http2("a field has a name or value that is not allowed", hasHead: hasHead)
        case is NIOHTTP2Errors.UnableToParseFrame:
            http2("its frames or fields cannot be read, or are far too large", hasHead: hasHead)
        case is any NIOHTTP2Error: http2("its frames break the rules", hasHead: hasHead)
        default: whileExchanging(error, hasResponse: hasHead)
        }
    }

    /// The peer ended the stream.
    static func http2Reset(_ code: HTTP2ErrorCode, hasHead: Bool) -> OutboundError {
        switch code {
        case .refusedStream: return closedBeforeResponse(.notSent)
        case .http11Required:
            return OutboundError(
                .badResponse, retryable: false, "The origin wants HTTP/1.1 for this request but does not offer it.")
        default:
            guard !hasHead else { return whileParsing(.truncated, hasHead: true) }
            var error = OutboundError(
                .connectionClosed, retryable: true, "The origin ended the request before a response came.")
            error.isBeforeResponse = true
            return error
        }
    }

    /// The peer chose no protocol that was offered.
    static func protocolNotOffered() -> OutboundError {
        var error = OutboundError(
            .tlsFailed, retryable: false, "The origin offers neither HTTP/1.1 nor HTTP/2 over TLS.")
        error.isProtocolRefused = true
        error.mayWantHTTP2 = true
        return error
    }
}
