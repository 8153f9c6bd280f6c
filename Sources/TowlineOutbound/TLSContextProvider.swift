import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Builds the TLS settings of a client when the first https call needs them, and shares them among its connections.
///
/// Reading the system's trust store takes milliseconds and memory, so it happens once and off the event loops.
final class TLSContextProvider: Sendable {
    private let extraCAFile: String?
    private let loading = Mutex<[ApplicationProtocol: Task<NIOSSLContext, any Error>]>([:])

    init(extraCAFile: String?) {
        self.extraCAFile = extraCAFile
    }

    /// The shared settings that offer one protocol; a failed try to build them is made anew by the next call.
    func context(
        offering applicationProtocol: ApplicationProtocol = .http1
    ) async throws(OutboundError) -> NIOSSLContext {
        let task = loading.withLock { loading in
            if let task = loading[applicationProtocol] { return task }
            let extraCAFile = extraCAFile
            let task = Task {
                try await NIOThreadPool.singleton.runIfActive {
                    try Self.makeContext(extraCAFile: extraCAFile, offering: applicationProtocol)
                }
            }
            loading[applicationProtocol] = task
            return task
        }
        do {
            return try await task.value
        } catch {
            loading.withLock { if $0[applicationProtocol] == task { $0[applicationProtocol] = nil } }
            throw (error as? OutboundError)
                ?? OutboundError(.tlsFailed, retryable: true, "The system's trusted certificates cannot be read.")
        }
    }

    /// Reads the certificates of a PEM file.
    ///
    /// - Throws: ``OutboundError`` with code `tlsFailed` when the file cannot be read or holds none.
    static func certificates(inPEMFile path: String) throws(OutboundError) -> [NIOSSLCertificate] {
        let certificates = (try? NIOSSLCertificate.fromPEMFile(path)) ?? []
        guard !certificates.isEmpty else {
            throw OutboundError(
                .tlsFailed,
                retryable: false,
                "The file of extra certificates (net.ca-file) cannot be read or holds no PEM certificate."
            )
        }
        return certificates
    }

    private static func makeContext(
        extraCAFile: String?, offering applicationProtocol: ApplicationProtocol
    ) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = [applicationProtocol.rawValue]
        configuration.shutdownTimeout = .seconds(1)
        if let extraCAFile {
            configuration.additionalTrustRoots = [.certificates(try certificates(inPEMFile: extraCAFile))]
        }
        return try NIOSSLContext(configuration: configuration)
    }
}
