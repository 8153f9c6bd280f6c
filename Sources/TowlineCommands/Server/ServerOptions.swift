import ArgumentParser
import Foundation
import TowlineClient

/// How commands find a server and show who they are; the same options everywhere (interface.md, "Commands").
struct ServerOptions: ParsableArguments {
    @Option(
        name: .customLong("api"),
        help: ArgumentHelp(
            "The VOD API of the server. (TOWLINE_API_URL; default: \(Defaults.api))", valueName: "url"))
    var api: String?

    @Option(
        name: .customLong("admin"),
        help: ArgumentHelp(
            "The admin API of the server. (TOWLINE_ADMIN_URL; default: \(Defaults.admin))", valueName: "url"))
    var admin: String?

    @Option(
        name: .customLong("token"),
        help: ArgumentHelp("The token that the admin API wants, if any. (TOWLINE_ADMIN_TOKEN)", valueName: "token"))
    var token: String?

    @Option(
        name: .customLong("access-key-id"),
        help: ArgumentHelp(
            "The key that signs calls of the VOD API. (TOWLINE_ACCESS_KEY_ID; default: \(Defaults.keyID))",
            valueName: "id"))
    var accessKeyID: String?

    @Option(
        name: .customLong("access-key-secret"),
        help: ArgumentHelp(
            "The key's secret. (TOWLINE_ACCESS_KEY_SECRET; default: that of 'towline dev')", valueName: "secret"))
    var accessKeySecret: String?

    /// What is taken where neither an option nor the environment says anything.
    private enum Defaults {
        static let api = "http://127.0.0.1:8787"
        static let admin = "http://127.0.0.1:8788"
        static let keyID = "towline-dev"
        static let keySecret = "towline-dev-secret"
    }

    /// The value of an option, of a variable that is not empty, or the default.
    private static func value(
        _ option: String?, _ variable: String, _ standard: String, in environment: [String: String]
    ) -> String {
        if let option { return option }
        guard let value = environment[variable], !value.isEmpty else { return standard }
        return value
    }

    /// The client of the VOD API.
    ///
    /// - Parameter environment: The variables of the process.
    /// - Returns: A client that has not connected yet.
    /// - Throws: ``CommandFailure`` with ``CommandExit/usage`` naming the option that is wrong.
    func vodClient(environment: [String: String] = ProcessInfo.processInfo.environment) throws -> VODClient {
        let url = Self.value(api, "TOWLINE_API_URL", Defaults.api, in: environment)
        let key = Self.value(accessKeyID, "TOWLINE_ACCESS_KEY_ID", Defaults.keyID, in: environment)
        let secret = Self.value(accessKeySecret, "TOWLINE_ACCESS_KEY_SECRET", Defaults.keySecret, in: environment)
        let endpoint = try Self.endpoint(url, named: "--api or TOWLINE_API_URL")
        do {
            return try VODClient(
                endpoint: endpoint.url, accessKeyID: key, accessKeySecret: secret, timeout: .seconds(30))
        } catch {
            throw CommandFailure(
                .usage, "--access-key-id and --access-key-secret must be an access key: \(error.message)")
        }
    }

    /// The client of the admin API.
    ///
    /// - Parameter environment: The variables of the process.
    /// - Returns: A client that has not connected yet.
    /// - Throws: ``CommandFailure`` with ``CommandExit/usage`` naming the option that is wrong.
    func adminClient(environment: [String: String] = ProcessInfo.processInfo.environment) throws -> AdminClient {
        let url = Self.value(admin, "TOWLINE_ADMIN_URL", Defaults.admin, in: environment)
        let token = Self.value(token, "TOWLINE_ADMIN_TOKEN", "", in: environment)
        guard token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw CommandFailure(.usage, "--token or TOWLINE_ADMIN_TOKEN must be printable ASCII without blanks")
        }
        return AdminClient(
            endpoint: try Self.endpoint(url, named: "--admin or TOWLINE_ADMIN_URL"), token: token.isEmpty ? nil : token)
    }

    private static func endpoint(_ text: String, named name: String) throws(CommandFailure) -> Endpoint {
        do {
            return try Endpoint(text)
        } catch {
            throw CommandFailure(
                .usage,
                "\(name) must be http:// or https://, a host and perhaps a port, such as http://127.0.0.1:8787; it is "
                    + "'\(text)'")
        }
    }
}
