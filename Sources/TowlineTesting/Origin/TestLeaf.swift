import Foundation
package import NIOCore
import NIOSSL

/// The ways in which a TLS server of a test can present itself.
package enum TestLeaf: Sendable, Hashable {
    /// A certificate that is right.
    case good
    /// A certificate that has expired.
    case expired
    /// A certificate for another name.
    case otherName
    /// Signed by an authority that the client does not know.
    case untrusted
    /// A certificate that is its own authority.
    case selfSigned
    /// The right certificate, but TLS 1.1 at most.
    case oldVersion
    /// The right certificate, and a choice of protocols (ALPN).
    case offering([String])
    /// The right certificate, but connections end without the farewell of TLS.
    case withoutFarewell

    private var text: String {
        switch self {
        case .good, .untrusted, .oldVersion, .offering, .withoutFarewell: TestCertificates.leaf
        case .expired: TestCertificates.expiredLeaf
        case .otherName: TestCertificates.otherNameLeaf
        case .selfSigned: TestCertificates.selfSignedLeaf
        }
    }

    /// Prepares accepted channels for TLS.
    package func setUp() throws -> ScriptedOrigin.ChannelSetUp {
        let certificate = try NIOSSLCertificate(bytes: Array(text.utf8), format: .pem)
        let key = try NIOSSLPrivateKey(bytes: Array(TestCertificates.key.utf8), format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(certificate)], privateKey: .privateKey(key))
        if self == .oldVersion {
            configuration.minimumTLSVersion = .tlsv1
            configuration.maximumTLSVersion = .tlsv11
        }
        if case .offering(let protocols) = self { configuration.applicationProtocols = protocols }
        configuration.shutdownTimeout = .milliseconds(100)
        let context = try NIOSSLContext(configuration: configuration)
        let eatsFarewell = self == .withoutFarewell
        return { channel in
            let pipeline = channel.pipeline.syncOperations
            if eatsFarewell { try pipeline.addHandler(FarewellEater()) }
            try pipeline.addHandler(NIOSSLServerHandler(context: context))
        }
    }

    /// The file with the authority of the certificates, in a folder that lives as long as the value; nil where the
    /// client does not know it.
    package func authority(in folder: TemporaryFolder) throws -> String? {
        guard self != .untrusted else { return nil }
        let path = folder.path + "/ca.pem"
        try Data(TestCertificates.authority.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }
}

/// Ends the connection below TLS as soon as TLS has sent the response, so that its farewell is lost.
package final class FarewellEater: ChannelOutboundHandler {
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    private var sentRecords = 0

    /// Makes a handler for one channel, to be added before that of TLS.
    package init() {}

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        // The farewell is an alert: in TLS 1.3 it looks like data, but is 24 bytes with its header at most.
        if sentRecords > 0, unwrapOutboundIn(data).readableBytes <= 24 {
            promise?.succeed(())
            context.close(promise: nil)
            return
        }
        sentRecords += 1
        context.write(data, promise: promise)
    }
}
