import Foundation
import Logging
import NIOPosix
import TowlineCore
import TowlineObjects
import TowlineObjectsS3
import TowlineOutbound
import TowlineStore
import TowlineStoreSQLite

/// Checks what a server needs from its machine by doing what a start does: folders, key file and database are made where
/// they are missing, and an older database is migrated.
package struct Doctor: Sendable {
    /// One check with its outcome.
    package struct Finding: Sendable, Hashable {
        /// How a check ended.
        package enum Outcome: String, Sendable {
            case ok
            case warning
            case failed
        }

        package let check: String
        package let outcome: Outcome
        /// What was found, and what to do about it.
        package let detail: String
    }

    private let settings: Settings

    /// A doctor for the settings of a server.
    package init(settings: Settings) { self.settings = settings }

    /// Runs every check, in the order in which a server would stumble.
    package func examine() async -> [Finding] {
        [
            dataFolder, freeSpace, await store, await objects, openFiles, certificates, sourceHeaders,
            listenerCertificate,
            await listener(settings.api.listen, setting: "api.listen"),
            await listener(settings.admin.listen, setting: "admin.listen"),
        ]
    }

    private func check(_ name: String, _ work: () throws -> String) -> Finding {
        do {
            return Finding(check: name, outcome: .ok, detail: try work())
        } catch {
            return Finding(check: name, outcome: .failed, detail: "\(error)")
        }
    }

    private var dataFolder: Finding {
        check("data folder") {
            if settings.data.isTemporary { return "a temporary one, made at the start" }
            try DataFolder.prepare(settings.data.path)
            return "\(settings.data.path) can be written"
        }
    }

    private var freeSpace: Finding {
        let path = settings.data.isTemporary ? NSTemporaryDirectory() : settings.data.path
        guard
            let free = (try? FileManager.default.attributesOfFileSystem(forPath: path))?[.systemFreeSize] as? NSNumber
        else { return Finding(check: "free space", outcome: .warning, detail: "cannot be told for \(path)") }
        let gibibytes = Double(free.int64Value) / Double(1 << 30)
        let detail = "\((gibibytes * 10).rounded() / 10) GiB under \(path)"
        return Finding(check: "free space", outcome: gibibytes < 1 ? .warning : .ok, detail: detail)
    }

    private var store: Finding {
        get async {
            if settings.data.isTemporary {
                return Finding(check: "store", outcome: .ok, detail: "a new one, made at the start")
            }
            do {
                return Finding(check: "store", outcome: .ok, detail: try await StoreMigration(settings: settings).run())
            } catch let error as ServerError {
                let isInUse = error.description.contains("another")
                return Finding(check: "store", outcome: isInUse ? .warning : .failed, detail: error.description)
            } catch {
                return Finding(check: "store", outcome: .failed, detail: "\(error)")
            }
        }
    }

    private var objects: Finding {
        get async {
            switch settings.objects {
            case .folder(let path):
                return check("object store") {
                    if settings.data.isTemporary { return "a temporary folder, made at the start" }
                    try DataFolder.prepare(path)
                    return "\(path) can be written"
                }
            case .bucket(let location):
                let bucket = BucketObjects(settings: settings, location: location, logger: .init(label: "doctor"))
                var finding = Finding(check: "object store", outcome: .ok, detail: "\(location) can be asked")
                do {
                    try await bucket.store.checkReadiness()
                } catch {
                    let sentence = (error as? ObjectStoreError)?.message ?? "\(error)"
                    finding = Finding(check: "object store", outcome: .failed, detail: sentence)
                }
                await bucket.close()
                return finding
            }
        }
    }

    private var openFiles: Finding {
        let limit = ProcessLimits.openFiles
        return Finding(
            check: "open files", outcome: limit < 4096 ? .warning : .ok,
            detail: limit < 4096 ? "at most \(limit); raise the hard limit to 4096 or more" : "up to \(limit)")
    }

    private var certificates: Finding {
        let folders = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"]
        if let file = settings.net.caFile, !FileManager.default.isReadableFile(atPath: file) {
            return Finding(check: "certificates", outcome: .failed, detail: "net.ca-file \(file) cannot be read")
        }
        guard let found = folders.first(where: { FileManager.default.isReadableFile(atPath: $0) }) else {
            return Finding(
                check: "certificates", outcome: .warning,
                detail: "no system trust store found; install ca-certificates or set net.ca-file")
        }
        return Finding(check: "certificates", outcome: .ok, detail: found)
    }

    private var sourceHeaders: Finding {
        check("net.source-headers-file") {
            guard let file = settings.net.sourceHeadersFile else { return "none" }
            return "\(try SourceHeadersFile.load(file).count) rules in \(file)"
        }
    }

    private var listenerCertificate: Finding {
        guard let files = settings.api.tls else {
            return Finding(check: "api.tls-certificate", outcome: .ok, detail: "none, plain HTTP")
        }
        return check("api.tls-certificate") {
            _ = try TLSFiles(files)
            return "\(files.certificateFile) and its key can be read"
        }
    }

    private func listener(_ address: Settings.HostPort, setting: String) async -> Finding {
        do {
            _ = try await FreePort.resolve(address, setting: setting, group: MultiThreadedEventLoopGroup.singleton)
            return Finding(check: setting, outcome: .ok, detail: "\(address) is free")
        } catch {
            return Finding(check: setting, outcome: .warning, detail: "\(error)")
        }
    }
}
