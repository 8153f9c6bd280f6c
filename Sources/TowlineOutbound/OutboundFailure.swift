import Foundation
import NIOCore
import NIOSSL
import TowlineCore

/// Turns failures of the layers below into ``OutboundError``, deciding whether another try can help.
enum OutboundFailure {
    /// How far a request had come when its connection was found closed.
    enum Reach {
        /// Nothing was written.
        case notSent
        /// The request was written, at least in part.
        case sent
    }

    /// The connection ended before the first byte of a response.
    static func closedBeforeResponse(_ reach: Reach) -> OutboundError {
        var error = OutboundError(
            .connectionClosed,
            retryable: true,
            "The connection was closed before a response came."
        )
        error.isBeforeResponse = true
        error.isUnsent = reach == .notSent
        return error
    }

    /// The channel turned out to be connected to another address than the approved one.
    static func wrongPeer(_ address: IPAddress) -> OutboundError {
        OutboundError(
            .addressForbidden,
            retryable: false,
            "The connection did not go to the address that was approved.",
            address: address,
            rule: "not-approved"
        )
    }

    /// A response that cannot be read.
    static func whileParsing(_ error: HTTP1ParseError, hasHead: Bool) -> OutboundError {
        switch error {
        case .malformed(let what):
            // A head that breaks the rules will do so again; inside a body bytes may have been lost.
            OutboundError(.badResponse, retryable: hasHead, "The response is not valid HTTP/1.1: \(what).")
        case .headTooLarge:
            OutboundError(.headerTooLarge, retryable: false, "The response's header fields are larger than allowed.")
        case .truncated:
            OutboundError(.truncated, retryable: true, "The connection ended before the response did.")
        case .nothingReceived: closedBeforeResponse(.sent)
        }
    }

    /// A channel error before the connection was ready.
    static func whileConnecting(_ error: any Error) -> OutboundError {
        switch error {
        case let error as OutboundError: error
        case ChannelError.connectTimeout: timeout(.connect)
        case let error as IOError:
            OutboundError(.connectFailed, retryable: true, "No connection: \(text(of: error)).")
        case let error as NIOSSLError: tls(error)
        case is BoringSSLError:
            OutboundError(.tlsFailed, retryable: true, "The TLS handshake failed.")
        case is NIOSSLExtraError:
            OutboundError(.tlsFailed, retryable: false, "The certificate does not match the host.")
        default: OutboundError(.connectFailed, retryable: true, "No connection could be made.")
        }
    }

    /// The channel ended before the connection was ready.
    static func closedWhileConnecting(isTLS: Bool) -> OutboundError {
        guard isTLS else { return OutboundError(.connectFailed, retryable: true, "The connection ended at once.") }
        var error = OutboundError(.tlsFailed, retryable: true, "The connection ended during the TLS handshake.")
        error.mayWantHTTP2 = true
        return error
    }

    /// The times that can run out.
    enum Limit {
        case connect
        case firstByte
        case idle
        case total
        case pooled
    }

    /// A time that ran out.
    static func timeout(_ limit: Limit) -> OutboundError {
        switch limit {
        case .connect:
            OutboundError(.connectTimeout, retryable: true, "The connection was not ready within the time allowed.")
        case .firstByte:
            OutboundError(
                .firstByteTimeout,
                retryable: true,
                "The response's head did not come within the time allowed."
            )
        case .idle:
            OutboundError(.idleTimeout, retryable: true, "No bytes of the body came within the time allowed.")
        case .total: OutboundError(.totalTimeout, retryable: true, "The call took longer than its time allows.")
        case .pooled: OutboundError(.connectionClosed, retryable: true, "The connection was idle for too long.")
        }
    }

    /// A channel error during an exchange.
    static func whileExchanging(_ error: any Error, hasResponse: Bool) -> OutboundError {
        var failure =
            switch error {
            case let error as IOError:
                OutboundError(.connectionClosed, retryable: true, "The connection broke: \(text(of: error)).")
            case is NIOSSLError, is BoringSSLError:
                OutboundError(.connectionClosed, retryable: true, "The TLS connection broke.")
            default: OutboundError(.connectionClosed, retryable: true, "The connection broke.")
            }
        failure.isBeforeResponse = !hasResponse
        return failure
    }

    /// The name of a TLS version as it is commonly written.
    static func name(of version: TLSVersion) -> String {
        switch version {
        case .tlsv1: "TLSv1.0"
        case .tlsv11: "TLSv1.1"
        case .tlsv12: "TLSv1.2"
        case .tlsv13: "TLSv1.3"
        }
    }

    private static func tls(_ error: NIOSSLError) -> OutboundError {
        guard case .handshakeFailed(let cause) = error else {
            return OutboundError(.tlsFailed, retryable: true, "The TLS handshake failed.")
        }
        let isCut = cause == .sslError([.eofDuringHandshake]) || cause == .syscallError
        let text = String(describing: cause)
        // There is no other sign of this alert. It is for good: what may come of it is another try with HTTP/2.
        if text.contains("NO_APPLICATION_PROTOCOL") { return protocolNotOffered() }
        // The text only makes the sentence better; what it decides about was decided above.
        let isCertificate = text.contains("CERTIFICATE_VERIFY_FAILED")
        let sentence = isCertificate ? "The certificate of the host is not trusted." : "The TLS handshake failed."
        var failure = OutboundError(.tlsFailed, retryable: isCut, sentence)
        failure.mayWantHTTP2 = isCut
        return failure
    }

    private static func text(of error: IOError) -> String {
        switch error.errnoCode {
        case ECONNREFUSED: "refused"
        case ECONNRESET, EPIPE: "reset by the peer"
        case EHOSTUNREACH, EHOSTDOWN: "the host cannot be reached"
        case ENETUNREACH, ENETDOWN, EADDRNOTAVAIL: "the network cannot be reached"
        case ETIMEDOUT: "timed out"
        case EMFILE, ENFILE: "too many open files"
        default: "system error \(error.errnoCode)"
        }
    }
}
