import Foundation
import NIOCore
import NIOSSL
import TowlineTesting

/// The certificates that a receiver of a test can show.
enum TestLeaf: Sendable {
    case good
    case expired
    case otherName
    /// Signed by an authority that the client does not know.
    case untrusted

    private var text: String {
        switch self {
        case .good, .untrusted: TestCertificates.leaf
        case .expired: TestCertificates.expiredLeaf
        case .otherName: TestCertificates.otherNameLeaf
        }
    }

    /// Prepares accepted channels for TLS.
    func setUp() throws -> ScriptedOrigin.ChannelSetUp {
        let certificate = try NIOSSLCertificate(bytes: Array(text.utf8), format: .pem)
        let key = try NIOSSLPrivateKey(bytes: Array(TestCertificates.key.utf8), format: .pem)
        let context = try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: [.certificate(certificate)], privateKey: .privateKey(key)))
        return { channel in
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
        }
    }

    /// The file with the authority of the certificates, in a folder that lives as long as the value; nil where the
    /// client does not know it.
    func authority(in folder: TemporaryFolder) throws -> String? {
        guard self != .untrusted else { return nil }
        let path = folder.path + "/ca.pem"
        try Data(TestCertificates.authority.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }
}
