/// Who signs the requests; no description shows the secret or the token.
package struct MNSCredentials: Sendable, Hashable {
    /// The access key id.
    package let accessKeyID: String
    /// The access key secret.
    package let secret: String
    /// The token of temporary credentials; `nil` or empty for permanent ones.
    package let securityToken: String?

    /// Names a key.
    ///
    /// - Parameters:
    ///   - accessKeyID: The access key id.
    ///   - secret: The access key secret.
    ///   - securityToken: The token of temporary credentials.
    package init(accessKeyID: String, secret: String, securityToken: String? = nil) {
        self.accessKeyID = accessKeyID
        self.secret = secret
        self.securityToken = securityToken.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Puts a mark in the place of secret and token, should a server repeat them.
    func masked(_ text: String) -> String {
        [secret, securityToken ?? ""].reduce(text) { text, secret in
            secret.isEmpty ? text : text.replacing(secret, with: "***")
        }
    }
}

extension MNSCredentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The access key id alone.
    package var description: String { "MNSCredentials(\(accessKeyID))" }

    /// The access key id alone.
    package var debugDescription: String { description }

    /// The access key id alone, so that a dump shows no secret either.
    package var customMirror: Mirror { Mirror(self, children: ["accessKeyID": accessKeyID]) }
}
