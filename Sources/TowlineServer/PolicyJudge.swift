import TowlineAPI
package import TowlineCore
package import TowlineOutbound

/// Judges a URL's addresses as the guarded client would, when the URL is named.
///
/// A name that has no address yet, or none in time, passes: the client judges again when it connects.
package struct PolicyJudge: AddressJudge {
    private let client: OutboundClient

    /// A judge with the policy of a client.
    package init(client: OutboundClient) { self.client = client }

    package func refusal(of url: HTTPURL) async -> String? {
        do {
            try await client.judge(url)
            return nil
        } catch {
            guard error.code == .addressForbidden, let address = error.address else { return nil }
            return "The host \(url.hostName) has the address \(address), which the rule '\(error.rule ?? "")' blocks."
        }
    }
}
