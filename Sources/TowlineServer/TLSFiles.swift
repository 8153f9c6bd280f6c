import Foundation
import NIOCore
import NIOSSL
import Synchronization

/// The certificate and key of the API listener, read again when the files change.
final class TLSFiles: Sendable {
    private struct Loaded {
        var chain: [NIOSSLCertificateSource]
        var key: NIOSSLPrivateKeySource
        var stamp: [Date?]
        var checkedAt: ContinuousClock.Instant
    }

    private let files: Settings.API.TLS
    private let loaded: Mutex<Loaded>
    /// How long the files are taken as unchanged without a look.
    private static let patience: Duration = .seconds(1)

    /// Reads the files.
    ///
    /// - Throws: ``ServerError`` with both paths when one of them is not PEM.
    init(_ files: Settings.API.TLS) throws {
        self.files = files
        loaded = Mutex(try Self.load(files))
    }

    /// A configuration that takes the newest files for each handshake.
    func serverConfiguration() -> TLSConfiguration {
        let (chain, key) = current
        var configuration = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: key)
        configuration.minimumTLSVersion = .tlsv12
        configuration.sslContextCallback = { [self] _, promise in
            let (chain, key) = current
            var change = NIOSSLContextConfigurationOverride()
            change.certificateChain = chain
            change.privateKey = key
            promise.succeed(change)
        }
        return configuration
    }

    /// What is in force; files that cannot be read for now leave it as it was.
    private var current: ([NIOSSLCertificateSource], NIOSSLPrivateKeySource) {
        loaded.withLock { loaded in
            if ContinuousClock.now - loaded.checkedAt >= Self.patience {
                loaded.checkedAt = .now
                if Self.stamp(files) != loaded.stamp, let new = try? Self.load(files) { loaded = new }
            }
            return (loaded.chain, loaded.key)
        }
    }

    private static func load(_ files: Settings.API.TLS) throws -> Loaded {
        let stamp = stamp(files)
        do {
            return Loaded(
                chain: try NIOSSLCertificate.fromPEMFile(files.certificateFile).map { .certificate($0) },
                key: .privateKey(try NIOSSLPrivateKey(file: files.keyFile, format: .pem)), stamp: stamp,
                checkedAt: .now)
        } catch {
            throw ServerError(
                "api.tls-certificate \(files.certificateFile) or api.tls-key \(files.keyFile) cannot be read as PEM",
                exitCode: 2)
        }
    }

    private static func stamp(_ files: Settings.API.TLS) -> [Date?] {
        [files.certificateFile, files.keyFile].map {
            try? FileManager.default.attributesOfItem(atPath: $0)[.modificationDate] as? Date
        }
    }
}
