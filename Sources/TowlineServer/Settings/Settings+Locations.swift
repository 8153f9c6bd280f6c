package import TowlineObjectsS3

extension Settings {
    /// Where jobs, events, deliveries and keys are kept.
    package enum Store: Sendable, Hashable {
        /// In a SQLite database of this node.
        case sqlite(path: String)
        /// In a PostgreSQL database that nodes share.
        case postgres(PostgresLocation)

        /// Reads a store's URL.
        ///
        /// - Parameter url: `sqlite:PATH`; also `sqlite://` before an absolute path; or `postgres://…` as libpq reads it.
        ///   Anything else gives `nil`, and so does `sqlite::memory:`, which would keep nothing.
        package init?(url: String) {
            if let location = PostgresLocation(url: url) {
                self = .postgres(location)
                return
            }
            guard let path = localPath(of: url, scheme: "sqlite"), path != ":memory:" else { return nil }
            self = .sqlite(path: path)
        }
    }

    /// Where a PostgreSQL database is.
    package struct PostgresLocation: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
        CustomReflectable
    {
        /// The whole URL, its password included.
        package let url: String

        /// Reads `postgres://` or `postgresql://` with at least a host or a query; anything else gives `nil`.
        package init?(url: String) {
            guard let end = url.firstRange(of: "://")?.upperBound,
                ["postgres", "postgresql"].contains(url[..<url.index(end, offsetBy: -3)]), end < url.endIndex,
                url.utf8.allSatisfy({ (0x21...0x7e) ~= $0 })
            else { return nil }
            self.url = url
        }

        /// The hosts and the name of the database: neither a login nor a parameter, which may hold a password.
        package var description: String {
            let rest = url[(url.firstRange(of: "://")?.upperBound ?? url.startIndex)...].prefix { $0 != "?" }
            let slash = rest.firstIndex(of: "/") ?? rest.endIndex
            let hosts = rest[..<slash].split(separator: "@", omittingEmptySubsequences: false).last ?? ""
            return "postgres://\(hosts)\(rest[slash...])"
        }

        /// The same.
        package var debugDescription: String { description }

        /// A mirror without children.
        package var customMirror: Mirror { Mirror(self, children: []) }
    }

    /// Where pulled files are kept.
    package enum Objects: Sendable, Hashable {
        /// In a folder of this node.
        case folder(path: String)
        /// In a bucket of an S3-compatible store.
        case bucket(S3Location)

        /// Reads an object store's URL.
        ///
        /// - Parameter url: `file:PATH`; also `file://` before an absolute path; or `s3://BUCKET/PREFIX?…`. Anything else
        ///   gives `nil`.
        package init?(url: String) {
            if let location = try? S3Location(parsing: url) {
                self = .bucket(location)
                return
            }
            guard let path = localPath(of: url, scheme: "file") else { return nil }
            self = .folder(path: path)
        }
    }

    /// A secret that does not show itself in logs, errors and dumps.
    package struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
        CustomReflectable
    {
        /// The secret in clear.
        package let value: String

        /// Wraps a secret.
        ///
        /// - Parameter value: The secret in clear.
        package init(_ value: String) {
            self.value = value
        }

        /// A text that does not contain the secret.
        package var description: String { "(hidden)" }

        /// A text that does not contain the secret.
        package var debugDescription: String { "(hidden)" }

        /// A mirror without children.
        package var customMirror: Mirror { Mirror(self, children: []) }
    }

    /// The path in `scheme:PATH`; `scheme://` counts only before an absolute path, so that no host is taken for one.
    private static func localPath(of url: String, scheme: String) -> String? {
        guard url.hasPrefix(scheme + ":") else { return nil }
        var path = url.dropFirst(scheme.utf8.count + 1)
        if path.hasPrefix("//") {
            path = path.dropFirst(2)
            guard path.hasPrefix("/") else { return nil }
        }
        return SettingsKind.isPath(String(path)) ? String(path) : nil
    }
}
